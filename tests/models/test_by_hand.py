"""Knock-outs, importance and ledgers again with nothing of ours: plain torch, the model's own modules, one hook a head."""

import numpy as np
import pytest
import torch

from attnlab import Edit, ledger, load
from attnlab.models.interventions import importance, knock_outs
from attnlab.models.pretrained.model import Pretrained
from tests.models.test_effects import TASKS
from tests.models.test_effects import model as in_house
from tests.models.test_pretrained import FAMILIES, random_module

TEXTS = ("the cat sat on the mat", "a quick brown fox")
W_O = {  # family: stack -> where its z is joined and mapped, by layer
    "bert": {"encoder": "encoder.layer.{}.attention.output.dense"},
    "distilbert": {"encoder": "transformer.layer.{}.attention.out_lin"},
    "gpt2": {"decoder": "h.{}.attn.c_proj"},
    "gpt_neox": {"decoder": "layers.{}.attention.dense"},
    "llama": {"decoder": "layers.{}.self_attn.o_proj"},
    "mistral": {"decoder": "layers.{}.self_attn.o_proj"},
    "t5": {
        "encoder": "encoder.block.{}.layer.0.SelfAttention.o",
        "decoder": "decoder.block.{}.layer.0.SelfAttention.o",
        "cross": "decoder.block.{}.layer.1.EncDecAttention.o",
    },
    "bart": {
        "encoder": "model.encoder.layers.{}.self_attn.out_proj",
        "decoder": "model.decoder.layers.{}.self_attn.out_proj",
        "cross": "model.decoder.layers.{}.encoder_attn.out_proj",
    },
    "translate": {"encoder": "encoder.{}.attention.w_o", "decoder": "decoder.{}.attention.w_o", "cross": "decoder.{}.cross.w_o"},
}
LAST = {"gpt_neox": "layers.2"}  # what stands before the final norm


@pytest.fixture(scope="module")
def small(small_tokenizers):
    made = {}

    def make(family):
        if family not in made and family in TASKS:
            made[family] = in_house(family, small_tokenizers)
        elif family not in made:
            made[family] = Pretrained(random_module(family), small_tokenizers[FAMILIES[family][0]], name=family, revision="random")
        return made[family]

    return make


def bare(family, model):
    """The same weights with transformers' own eager attention; in-house modules are torch as they are."""
    return model.module if family in TASKS else random_module(family).eval()


def answer(family, module, trace, cut=None):
    """log p of what the trace says; the mean of the last vectors where it says nothing. cut: module and slice of z that become 0."""

    def strike(part, given):
        z = given[0].clone()
        z[..., cut[1]] = 0
        return (z, *given[1:])

    seen, hooks = [], []
    if cut is not None:
        hooks.append(module.get_submodule(cut[0]).register_forward_pre_hook(strike))
    if family in LAST:
        keep = lambda part, given, said: seen.append(said if isinstance(said, torch.Tensor) else said[0])  # noqa: E731
        hooks.append(module.get_submodule(LAST[family]).register_forward_hook(keep))
    ids = torch.tensor([trace.source.ids])
    target = None if trace.target is None else torch.tensor([trace.target.ids])
    with torch.no_grad():
        if family in TASKS:
            logits = module(ids, target)[0]
        elif target is not None:
            logits = module(input_ids=ids, decoder_input_ids=target).logits[0]
        else:
            last = module(input_ids=ids).last_hidden_state
            found = (seen[0] if seen else last)[0].double().mean(0)
    for hook in hooks:
        hook.remove()
    if target is None:
        return found
    said = torch.as_tensor(np.argmax(trace.outputs["logits"], -1))
    return logits.double().log_softmax(-1).gather(-1, said[:, None]).sum()


def effects(family, model, trace, stack):
    """How the answer changes without each head, one hook and one run each. [layers heads]"""
    module = bare(family, model)
    clean = answer(family, module, trace)
    layers = trace.layers(stack)
    found = np.zeros((len(layers), layers[0].n_heads))
    for layer, head in np.ndindex(*found.shape):
        width = slice(head * layers[0].d_head, (head + 1) * layers[0].d_head)
        now = answer(family, module, trace, (W_O[family][stack].format(layer), width))
        found[layer, head] = now - clean if clean.dim() == 0 else torch.cosine_similarity(now, clean, dim=0) - 1
    return found


@pytest.mark.parametrize(("family", "stack"), [(family, stack) for family, stacks in W_O.items() for stack in stacks])
def test_knock_outs_and_importance_are_those_of_hooks(small, family, stack):
    model = small(family)
    target = "a quick fox" if "cross" in model.spec.stacks else None
    trace = model.trace(TEXTS[0], target=target)
    by_hand = effects(family, model, trace, stack)
    assert np.abs(by_hand).max() > 1e-3
    np.testing.assert_allclose(knock_outs(model, trace, stack), by_hand, atol=2e-4 if target else 2e-5)
    if target is None:
        every = np.mean([by_hand, effects(family, model, model.trace(TEXTS[1]), stack)], 0)
        np.testing.assert_allclose(importance(model, TEXTS, stack, draws=9).mean, every, atol=2e-5)


# The ledger, from the words up: every part a vector, carried through norms whose spread is held


RMS = ("llama", "mistral", "qwen2", "qwen3")
ANATOMY = {  # W_O, norm of attention, second matrix of the net, norm of the net; the last norm. Post-norm unless there is a last one
    "bert": ("encoder.layer.{}.", "attention.output.dense", "attention.output.LayerNorm", "output.dense", "output.LayerNorm", None),
    "distilbert": ("transformer.layer.{}.", "attention.out_lin", "sa_layer_norm", "ffn.lin2", "output_layer_norm", None),
    "gpt2": ("h.{}.", "attn.c_proj", "", "mlp.c_proj", "", "ln_f"),
}
ANATOMY |= dict.fromkeys(("roberta", "xlm-roberta", "electra"), ANATOMY["bert"])
ANATOMY |= dict.fromkeys(RMS, ("layers.{}.", "self_attn.o_proj", "", "mlp.down_proj", "", "norm"))
OWN = {"post": ("attention.w_o", "norms.0", "feed_forward.3", "norms.1", None), "pre": ("attention.w_o", "", "feed_forward.3", "", "norm")}


def caught(module, names, run):
    """What goes into and comes out of modules in one run. name -> (in, out)"""
    seen = {}

    def keep(name):
        return lambda part, given, said: seen.update({name: (given[0][0] if given else None, said[0])})

    hooks = [module.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    with torch.no_grad():
        said = run()
    for hook in hooks:
        hook.remove()
    return seen, said


def held(norm, x, part, *, shift):
    """A part through a norm whose spread is that of x."""
    if not hasattr(norm, "bias"):  # an RMS norm
        return part * norm.weight.double() / ((x.double() ** 2).mean(-1, keepdim=True) + norm.variance_epsilon).sqrt()
    out = (part - part.mean(-1, keepdim=True)) * norm.weight.double() / (x.double().var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
    return out + norm.bias.double() if shift else out


@torch.no_grad()
def vectors(module, anatomy, n_layers, n_heads, first, run):
    """Every part of the last vectors, as vectors: name of a part -> [n d]. first: what makes the first layer's input."""
    block, w_o, norm_1, narrow, norm_2, final = anatomy
    names = [block.format(i) + part for i in range(n_layers) for part in (w_o, norm_1, narrow, norm_2) if part]
    seen, _ = caught(module, [*names, *([final] if final else []), first], run)
    parts = {"embedding": seen[first][1 if first not in names else 0].double()}
    for layer in range(n_layers):
        parts[f"L{layer} bias"] = torch.zeros_like(parts["embedding"])
        for into, after, kind in ((w_o, norm_1, "heads"), (narrow, norm_2, "net")):
            linear = module.get_submodule(block.format(layer) + into)
            z, made = (x.double() for x in seen[block.format(layer) + into])
            if kind == "heads":
                matrix = linear.weight.double() if linear.weight.shape == (z.shape[1], made.shape[1]) and "c_" in into else None
                matrix = linear.weight.double().T if matrix is None else matrix
                d = z.shape[1] // n_heads
                parts |= {f"L{layer}H{h}": z[:, h * d : (h + 1) * d] @ matrix[h * d : (h + 1) * d] for h in range(n_heads)}
                parts[f"L{layer} bias"] = parts[f"L{layer} bias"] + (0 if linear.bias is None else linear.bias.double())
            else:
                parts[f"L{layer} feed_forward"] = made
            if after:
                norm = module.get_submodule(block.format(layer) + after)
                x = seen[block.format(layer) + after][0]
                parts = {name: held(norm, x, part, shift=name == f"L{layer} bias") for name, part in parts.items()}
    if final:
        norm = module.get_submodule(final)
        parts = {name: held(norm, seen[final][0], part, shift=False) for name, part in parts.items()}
        if hasattr(norm, "bias"):
            parts["bias"] = norm.bias.double().expand_as(parts["embedding"])
    return parts


def compare(book, wanted):
    """Each whole part and each layer's bias is what it was by hand, and the sum is the model's number."""
    ours = {part.name: part.value for part in book.whole()}
    assert set(ours) == set(wanted)
    for name, value in wanted.items():
        assert ours[name] == pytest.approx(float(value), abs=2e-5), name
    assert book.error <= 1e-5


@pytest.mark.parametrize("family", ANATOMY)
def test_a_ledger_is_the_sum_of_vectors_carried_up_by_hand(small, family):
    model, module = small(family), random_module(family).eval()
    trace, other = model.trace(TEXTS[0]), model.trace(TEXTS[1])
    first = {
        "gpt2": "drop",
        **dict.fromkeys(RMS, "embed_tokens"),
        "distilbert": "embeddings",
        "electra": "embeddings_project",
    }.get(family, "embeddings")

    def run(of):
        return lambda: module(input_ids=torch.tensor([of.source.ids])).last_hidden_state

    parts = vectors(module, ANATOMY[family], 3, 4, first, run(trace))
    with torch.no_grad():
        mine, theirs = (run(of)()[0].double().mean(0) for of in (trace, other))
    toward = theirs / theirs.norm() / mine.norm()
    compare(ledger(trace, similar_to=other, model=model), {name: (part.mean(0) * toward).sum() for name, part in parts.items()})


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_the_ledger_of_a_masked_word_is_that_by_hand(norm, small_tokenizers):
    from attnlab.models.inhouse.model import InHouse
    from attnlab.models.inhouse.transformer import Config, Transformer

    tokenizer = small_tokenizers["words"].backend_tokenizer
    torch.manual_seed(3)
    how = {"n_heads": 2, "d_model": 16, "d_ff": 24, "max_tokens": 64, "encoder_layers": 2, "decoder_layers": 0, "norm": norm}
    module = Transformer(Config("fill", vocab=tokenizer.get_vocab_size(), **how))
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    model = InHouse(module, tokenizer)
    trace, token = model.trace(TEXTS[0]), 3
    block = ("encoder.{}.", *OWN[norm][:-1], "encoder_norm" if norm == "pre" else None)
    parts = vectors(model.module, block, 2, 2, "source", lambda: model.module(torch.tensor([trace.source.ids])))
    word = int(trace.outputs["logits"][token].argmax())
    direction = model.module.out.weight[word].double()
    wanted = {name: float((part[token] * direction).sum()) for name, part in parts.items()}
    wanted["bias"] = wanted.get("bias", 0.0) + float(model.module.out.bias[word])
    compare(ledger(trace, token=token, model=model), wanted)


def test_the_shipped_masked_word_balances():
    model = load("fill-en")
    trace = model.trace("The cat sat on the [MASK].")
    book = ledger(trace, token=trace.source.pieces.index("[MASK]"))
    assert book.error <= 1e-4
    layers = {part.layer for part in book.parts if part.kind == "bias"}
    assert layers == {None, *range(6)}
    cut = model.trace("The cat sat on the [MASK].", edits=[Edit("z", layer=5, to="zero")])
    assert ledger(cut, token=6, word=book.says).output != pytest.approx(book.output, abs=1e-2)
