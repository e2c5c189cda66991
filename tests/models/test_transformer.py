"""The in-house Transformer is torch's, and BERT's, and says the same whether it is watched or not."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from attnlab.models.inhouse import transformer
from attnlab.models.inhouse.dropout import Dropout
from attnlab.models.inhouse.from_bert import filler_from_bert, from_bert, open_mask, smaller
from attnlab.models.inhouse.pieces import padded
from attnlab.models.inhouse.transformer import (
    Cache,
    Config,
    Embedding,
    Layer,
    MultiHeadAttention,
    Transformer,
    alibi_slopes,
    attend,
    relative_bucket,
    rotate,
    sinusoid,
)
from attnlab.models.recorder import Shared, recording, sublayer
from attnlab.words import InputError

POSITIONS = ("none", "sinusoidal", "learned", "rotary", "alibi", "relative")
SMALL = Config("translate", vocab=40, encoder_layers=2, decoder_layers=2, n_heads=4, d_model=32, d_ff=64, max_tokens=24, dropout=0.0)
SOURCE = torch.tensor([[5, 6, 7, 8, 9, 2], [10, 11, 2, 0, 0, 0]])
TARGET = torch.tensor([[1, 20, 21, 22, 23], [1, 24, 25, 0, 0]])


def made(config: Config, *, seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    module = Transformer(config).eval()
    with torch.no_grad():
        for p in module.parameters():  # biases and position tables that matter
            p.add_(0.1 * torch.randn_like(p))
    return module


def close(a: Tensor, b: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


# The same as torch


def torch_attention(ours: MultiHeadAttention, d: int) -> nn.MultiheadAttention:
    theirs = nn.MultiheadAttention(d, ours.n_heads, batch_first=True).eval()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.w_q.weight, ours.w_k.weight, ours.w_v.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.w_q.bias, ours.w_k.bias, ours.w_v.bias]))
        theirs.out_proj.load_state_dict(ours.w_o.state_dict())
    return theirs


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_multi_head_attention_is_torchs_under_every_mask(cross: bool, padding: bool, causal: bool, biased: bool) -> None:
    torch.manual_seed(0)
    ours = MultiHeadAttention(SMALL, "decoder", 0)
    theirs = torch_attention(ours, 32)
    x, memory = torch.randn(2, 6, 32), torch.randn(2, 6, 32) if cross else None
    seen = torch.tensor([[True] * 6, [True] * 3 + [False] * 3])
    bias = torch.randn(1, 4, 6, 6) if biased else None
    added = torch.zeros(2, 4, 6, 6) if bias is None else bias.expand(2, 4, 6, 6)
    if causal:
        added = added.masked_fill(~torch.ones(6, 6, dtype=torch.bool).tril(), -math.inf)
    if padding:
        added = added.masked_fill(~seen[:, None, None], -math.inf)
    keys = x if memory is None else memory
    with torch.no_grad(), recording() as recorder:
        said = ours(x, memory, seen[:, None, None] if padding else None, bias, causal)
    with torch.no_grad():
        expected, weights = theirs(x, keys, keys, attn_mask=added.flatten(0, 1), average_attn_weights=False)
    close(said, expected, 1e-6)
    call = recorder.calls[0]
    scores = call.q @ call.k.transpose(2, 3) * call.scale + added
    close(scores.softmax(-1), weights, 1e-6)


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_encoder_layer_is_torchs(norm: Any, activation: Any) -> None:
    config = replace(SMALL, norm=norm, activation=activation)
    torch.manual_seed(1)
    ours = Layer(config, "encoder", 0).eval()
    theirs = nn.TransformerEncoderLayer(32, 4, 64, 0.0, activation, batch_first=True, norm_first=norm == "pre").eval()
    theirs.self_attn = torch_attention(ours.attention, 32)
    shared = (theirs.linear1, ours.feed_forward[0]), (theirs.linear2, ours.feed_forward[3])
    shuffle_norms(ours)
    for their, our in (*shared, (theirs.norm1, ours.norms[0]), (theirs.norm2, ours.norms[1])):
        their.load_state_dict(our.state_dict())
    x, hidden = torch.randn(2, 6, 32), SOURCE == 0
    said = ours(x, ~hidden[:, None, None], None)
    expected = theirs(x.requires_grad_(), src_key_padding_mask=hidden)  # with gradients, so that torch takes its plain path
    close(said[0], expected[0], 1e-6)
    close(said[1, :3], expected[1, :3], 1e-6)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_decoder_layer_is_torchs(norm: Any) -> None:
    torch.manual_seed(2)
    ours = Layer(replace(SMALL, norm=norm), "decoder", 0, cross=True).eval()
    theirs = nn.TransformerDecoderLayer(32, 4, 64, 0.0, batch_first=True, norm_first=norm == "pre").eval()
    assert ours.cross is not None
    theirs.self_attn, theirs.multihead_attn = torch_attention(ours.attention, 32), torch_attention(ours.cross, 32)
    shuffle_norms(ours)
    norms = zip((theirs.norm1, theirs.norm2, theirs.norm3), ours.norms, strict=True)
    for their, our in (*norms, (theirs.linear1, ours.feed_forward[0]), (theirs.linear2, ours.feed_forward[3])):
        their.load_state_dict(our.state_dict())
    x, memory, hidden = torch.randn(2, 5, 32), torch.randn(2, 6, 32), SOURCE == 0
    said = ours(x, None, None, memory, ~hidden[:, None, None])
    future = torch.ones(5, 5, dtype=torch.bool).triu(1)
    close(said, theirs(x, memory, tgt_mask=future, memory_key_padding_mask=hidden), 1e-6)


def shuffle_norms(layer: Layer) -> None:
    with torch.no_grad():
        for norm in layer.norms:
            norm.weight.copy_(torch.rand(32) + 0.5)
            norm.bias.copy_(torch.randn(32))


# The same as BERT


@pytest.fixture(scope="session")
def bert_files() -> tuple[dict[str, Tensor], dict[str, Any], str]:
    from safetensors.torch import load_file

    from attnlab.models.load import bert_folder

    folder = bert_folder()
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return load_file(folder / "model.safetensors"), config, (folder / "tokenizer.json").read_text("utf-8")


def test_with_berts_weights_the_encoder_is_bert(bert: Any, bert_files: Any) -> None:
    ours = from_bert(bert_files[0], bert_files[1])
    lines = ["The cat sat on the mat because it was tired.", "Attention!", "word " * 60]
    rows = [bert.tokenize(line).ids for line in lines]
    ids = padded(0, rows)
    with torch.no_grad(), recording() as recorder:
        said = ours.encode(ids)
        theirs = bert.module(input_ids=ids, attention_mask=(ids != 0).long()).last_hidden_state
    for row, tokens in enumerate(rows):
        close(said[row, : len(tokens)], theirs[row, : len(tokens)])
    layers = [call for call in recorder.calls if "layer" in call.where]
    assert len(layers) == 6
    for row, line in enumerate(lines):
        expected, tokens = bert.trace(line), bert.tokenize(line)
        for call, attention in zip(layers, expected.attentions, strict=True):
            mine = sublayer(call, call.where["stack"], call.where["layer"], row, tokens, tokens, Shared())
            assert abs(mine.all_weights() - attention.all_weights()).max() < 1e-5


def test_bert_can_be_cut_to_its_first_layers_and_a_part_of_its_words(bert: Any, bert_files: Any) -> None:
    state, config, file = bert_files
    line = "A cat sat."
    tokenizer, keep = smaller(file, [line])
    cut = from_bert(state, config, layers=2, keep=keep, max_tokens=16, classes=3)
    assert (cut.config.vocab, cut.config.encoder_layers, cut.config.max_tokens, cut.config.classes) == (len(keep), 2, 16, 3)
    seen = tokenizer.encode(line)
    assert seen.tokens == ["[CLS]", "a", "cat", "sat", ".", "[SEP]"]
    assert [keep[i] for i in seen.ids] == list(bert.tokenize(line).ids)
    assert len(tokenizer.encode("word " * 300).ids) == len(tokenizer.encode("word " * 301).ids) - len(tokenizer.encode("word").ids) + 2
    assert "[UNK]" not in tokenizer.encode("zebra").tokens  # spelt out letter by letter
    with torch.no_grad():
        close(cut.encode(torch.tensor([seen.ids]))[0], torch.tensor(bert.trace(line).residual["encoder"][2]))


def test_a_filler_begins_with_berts_encoder_and_with_how_often_each_piece_occurs(bert: Any, bert_files: Any) -> None:
    state, config, _ = bert_files
    tokens = bert.tokenize("A cat sat.")
    filler = filler_from_bert(state, config, {tokens.ids[2]: 9, tokens.ids[3]: 99})
    assert (filler.config.task, filler.config.dropout) == ("fill", 0.0)
    bias = filler.out.bias.detach()
    torch.testing.assert_close(bias[[tokens.ids[2], tokens.ids[3], 5]], torch.tensor([9.1, 99.1, 0.1]).log() - math.log(99.1))
    with torch.no_grad():
        close(filler.encode(torch.tensor([tokens.ids]))[0], torch.tensor(bert.trace("A cat sat.").residual["encoder"][-1]))
    torch.testing.assert_close(filler.out.weight, state["embeddings.word_embeddings.weight"])  # the table of words read backwards


def test_a_mask_typed_into_a_text_is_a_hole_for_a_filler(bert_files: Any) -> None:
    opened = open_mask(bert_files[2])
    assert opened.encode("A [MASK] sat.").tokens == ["[CLS]", "a", "[MASK]", "sat", ".", "[SEP]"]
    assert opened.decode(opened.encode("A [MASK] sat.").ids) == "a [MASK] sat."  # a special token would be left out
    assert len(opened.encode("word " * 900).ids) == 902  # nothing is cut off


def test_a_bert_that_is_not_ours_to_read_is_refused(bert_files: Any) -> None:
    state, config, _ = bert_files
    with pytest.raises(InputError, match="silu"):
        from_bert(state, {**config, "hidden_act": "silu"})
    with pytest.raises(InputError, match="6 layers"):
        from_bert(state, config, layers=7)


# Laws


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("task", ["translate", "generate"])
def test_decoding_with_cached_keys_and_values_is_decoding_in_full(positions: Any, task: Any) -> None:
    module = made(replace(SMALL, positions=positions, task=task))
    ids = torch.tensor([[1, 20, 21, 22, 23, 24, 25], [1, 30, 31, 32, 33, 34, 35]])
    with torch.no_grad():
        memory = module.encode(SOURCE) if task == "translate" else None
        seen = module.seen(SOURCE) if task == "translate" else None
        full = module.decode(ids, memory, seen)
        for cuts in ([1] * 7, [3, 1, 3], [7], [1, 6]):
            caches = [(Cache(), Cache()) for _ in module.decoder]
            parts = [module.decode(part, memory, seen, caches) for part in ids.split(cuts, 1)]
            close(torch.cat(parts, 1), full)


@pytest.mark.parametrize("positions", POSITIONS)
def test_padding_changes_nothing(positions: Any) -> None:
    module = made(replace(SMALL, positions=positions))
    with torch.no_grad():
        together = module(SOURCE, TARGET)
        close(module(SOURCE[:1], TARGET[:1])[0], together[0])
        close(module(SOURCE[1:, :3], TARGET[1:, :3])[0], together[1, :3])


@pytest.mark.parametrize("positions", POSITIONS)
def test_the_decoder_does_not_see_what_comes_later(positions: Any) -> None:
    module = made(replace(SMALL, positions=positions))
    other = TARGET.clone()
    other[0, 3:] = torch.tensor([30, 31])
    with torch.no_grad():
        close(module(SOURCE, TARGET)[0, :3], module(SOURCE, other)[0, :3], 1e-6)


@pytest.mark.parametrize("positions", POSITIONS)
def test_recording_does_not_change_the_output(positions: Any) -> None:
    module = made(replace(SMALL, positions=positions))
    with torch.no_grad():
        plain = module(SOURCE, TARGET)
        with recording() as recorder:
            watched = module(SOURCE, TARGET)
    assert torch.equal(plain, watched)
    stacks = [(call.where["stack"], call.where["layer"]) for call in recorder.calls]
    assert stacks == [("encoder", 0), ("encoder", 1), ("decoder", 0), ("cross", 0), ("decoder", 1), ("cross", 1)]
    assert {stack: len(layers) for stack, layers in recorder.residual.items()} == {"encoder": 3, "decoder": 3}


@given(st.permutations(range(7)))
def test_without_positions_the_encoder_does_not_know_the_order(order: list[int]) -> None:
    module = made(replace(SMALL, positions="none", task="tag"))
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
    with torch.no_grad():
        close(module(ids[:, order]), module(ids)[:, order])


@pytest.mark.parametrize("positions", POSITIONS[1:])
def test_with_positions_the_encoder_knows_the_order(positions: Any) -> None:
    module = made(replace(SMALL, positions=positions, task="tag"))
    ids, order = torch.tensor([[5, 6, 7, 8, 9, 10, 11]]), [2, 0, 1, 6, 3, 5, 4]
    with torch.no_grad():
        assert (module(ids[:, order]) - module(ids)[:, order]).abs().max() > 0.01


def test_threads_do_not_mix_what_they_record() -> None:
    module = made(SMALL)
    sources = [torch.randint(4, 40, (1, 3 + i % 5), generator=torch.Generator().manual_seed(i)) for i in range(32)]

    def seen(ids: Tensor) -> list[Tensor]:
        with torch.no_grad(), recording() as recorder:
            module(ids, TARGET[:1])
        return [call.q for call in recorder.calls]

    alone = [seen(ids) for ids in sources]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(seen, sources))
    for a, b in zip(alone, together, strict=True):
        assert len(a) == len(b) == 6
        for x, y in zip(a, b, strict=True):
            close(x, y, 1e-6)


def test_attention_in_training_precision_is_the_same_formula() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 4, 6, 8) for _ in range(3))
    seen = (SOURCE != 0)[:, None, None]
    for mask, bias, causal in (
        (None, None, False),
        (seen, None, True),
        (None, torch.randn(1, 4, 6, 6), True),
        (seen, torch.randn(1, 4, 6, 6), False),
    ):
        written_out = attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), mask, bias, causal)
        with torch.no_grad():
            close(written_out.float(), attend(q, k, v, mask, bias, causal), 0.05)


# Positions


def test_sinusoids_by_hand() -> None:
    close(sinusoid(3, 4)[2], torch.tensor([math.sin(2), math.cos(2), math.sin(0.02), math.cos(0.02)]), 1e-6)


def test_rotary_scores_depend_on_the_distance_only() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(1, 1, 1, 8).expand(1, 1, 9, 8), torch.randn(1, 1, 1, 8).expand(1, 1, 9, 8)
    scores = (rotate(q) @ rotate(k).transpose(2, 3))[0, 0]
    for gap in range(-8, 9):
        diagonal = scores.diagonal(gap)
        close(diagonal, diagonal[:1].expand_as(diagonal))
    close(rotate(q, 5)[:, :, :2], rotate(q)[:, :, 5:7], 1e-6)


def test_alibi_slopes_halve_for_eight_heads() -> None:
    close(alibi_slopes(8), torch.tensor([2.0**-i for i in range(1, 9)]))
    config = replace(SMALL, positions="alibi")
    bias = transformer.PositionBias(config, causal=True)(2, 5)
    assert bias is not None
    close(bias[0, 0], -(2.0**-2) * torch.tensor([[3.0, 2, 1, 0, 1], [4, 3, 2, 1, 0]]))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_relative_buckets_are_t5s(bidirectional: bool) -> None:
    from transformers.models.t5.modeling_t5 import T5Attention

    gap = torch.arange(-300, 301)[None]
    theirs = T5Attention._relative_position_bucket(gap, bidirectional=bidirectional, num_buckets=32, max_distance=128)
    assert torch.equal(relative_bucket(gap, bidirectional=bidirectional), theirs)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
def test_positions_can_be_moved_and_left_out(positions: Any) -> None:
    module = made(replace(SMALL, positions=positions))
    bare = made(replace(SMALL, positions="none"))
    bare.load_state_dict(module.state_dict(), strict=False)
    ids = SOURCE[:1]
    with torch.no_grad():
        assert torch.equal(module.encode(ids, at=range(6)), module.encode(ids))
        close(module.encode(ids, at="none"), bare.encode(ids), 1e-6)
        order = [3, 1, 2, 0, 5, 4]  # tokens moved together with their positions stay what they were
        close(module.encode(ids[:, order], at=order), module.encode(ids)[:, order])


def test_positions_past_a_learned_table_are_an_error_with_both_numbers() -> None:
    embedding = Embedding(replace(SMALL, positions="learned"), 40)
    with pytest.raises(InputError, match=r"25 tokens.*24"):
        embedding(torch.zeros(1, 25, dtype=torch.long))
    with pytest.raises(InputError, match=r"25 tokens.*24"):
        embedding(torch.zeros(1, 1, dtype=torch.long), start=24)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"positions": "cosine"}, "cosine.*sinusoidal"),
        ({"d_model": 30}, "30.*4 heads"),
        ({"positions": "rotary", "d_model": 12}, "d_head must be even; it is 3"),
        ({"positions": "sinusoidal", "d_model": 5, "n_heads": 1}, "must be even; it is 5"),
    ],
)
def test_a_shape_that_cannot_be_says_its_numbers(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(SMALL, **change)


# Parts


def test_pooling_weighs_by_the_exponential_of_scores() -> None:
    pool = transformer.AttentionPooling(4)
    with torch.no_grad():
        pool.query.copy_(torch.tensor([math.log(3), 0, 0, 0]))  # scores log 3 and 0, so weights 3 : 1
        x = torch.tensor([[[1.0, 0, 0, 4], [0, 0, 0, 8], [9, 9, 9, 9]]])
        pooled, weights = pool(x, torch.tensor([[True, True, False]]))
    close(weights, torch.tensor([[0.75, 0.25, 0.0]]), 1e-6)
    close(pooled, torch.tensor([[0.75, 0, 0, 5.0]]), 1e-6)


def test_one_vocabulary_is_one_table_and_two_are_two() -> None:
    one = Transformer(SMALL)
    assert one.source.token.weight is one.target.token.weight is one.out.weight
    two = Transformer(replace(SMALL, target_vocab=50))
    assert two.source.token.weight is not two.target.token.weight
    assert two.target.token.weight is two.out.weight
    assert two(SOURCE, TARGET).shape == (2, 5, 50)
    loose = Transformer(replace(SMALL, tied=False))
    assert len({id(w) for w in (loose.source.token.weight, loose.target.token.weight, loose.out.weight)}) == 3


@pytest.mark.parametrize(
    ("task", "shape"), [("translate", (2, 5, 40)), ("tag", (2, 6, 40)), ("classify", (2, 3)), ("generate", (2, 6, 40))]
)
def test_every_head_answers_in_its_shape(task: Any, shape: tuple[int, ...]) -> None:
    module = made(replace(SMALL, task=task, classes=3, segments=2, embedding_norm=True))
    with torch.no_grad():
        assert module(SOURCE, TARGET if task == "translate" else None).shape == shape


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    dropout = Dropout(0.25)
    x = torch.ones(1000, 999)
    torch.manual_seed(0)
    y = dropout(x)
    assert 0.248 < float((y == 0).float().mean()) < 0.252
    assert 0.998 < float(y.mean()) < 1.002
    assert dropout.eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_the_transformer_is_read_in_one_sitting() -> None:
    assert transformer.__file__ is not None
    assert len(Path(transformer.__file__).read_text("utf-8").splitlines()) <= 350
