"""The in-house model as a model like any other: what it reads, what it records, what it writes, and every folder it refuses."""

import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from attnlab.core.trace import Trace
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.pieces import word_numbers
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.load import load
from attnlab.training.tokenizer import letter_tokenizer, train_tokenizer
from attnlab.words import InputError

LINES = ["The red car isn't in the garden.", "I am here.", "Where is  the car?", "我会游泳。Tom 说“好”。"]
SMALL = Config("translate", vocab=160, encoder_layers=2, decoder_layers=2, n_heads=4, d_model=32, d_ff=64, max_tokens=40)
POSITIONS = ("none", "sinusoidal", "learned", "rotary", "alibi", "relative")


@pytest.fixture(scope="session")
def pieces() -> Tokenizer:
    return train_tokenizer([*LINES * 2, "Je suis ici. La voiture rouge n'est pas dans le jardin !"] * 2, vocab=160)


def made(tokenizer: Tokenizer, **change: Any) -> InHouse:
    torch.manual_seed(0)
    labels = ("negative", "neutral", "positive") if change.get("task") == "classify" else ()
    config = replace(SMALL, **({"vocab": tokenizer.get_vocab_size(), "classes": len(labels)} | change))
    module = Transformer(config)
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(1.5)
    return InHouse(module, tokenizer, labels=labels)


@pytest.fixture(scope="session")
def translator(pieces: Tokenizer) -> InHouse:
    return made(pieces)


@pytest.fixture
def folder(translator: InHouse, tmp_path: Path) -> Path:
    translator.save(tmp_path / "model")
    return tmp_path / "model"


# Reading


def test_pieces_are_readable_and_know_their_words_and_places(translator: InHouse) -> None:
    text = "The red  car isn't in the garden."
    tokens = translator.tokenize(text)
    assert tokens.pieces[-1] == "[EOS]"
    assert tokens.special == (*[False] * (len(tokens) - 1), True)
    assert (tokens.words[-1], tokens.offsets[-1]) == (None, None)
    spelt: dict[int, str] = {}
    for piece, word, span in zip(tokens.pieces[:-1], tokens.words[:-1], tokens.offsets[:-1], strict=True):
        assert word is not None
        assert span is not None
        assert text[slice(*span)] == piece
        spelt[word] = spelt.get(word, "") + piece
    assert list(spelt.values()) == ["The", "red", "car", "isn't", "in", "the", "garden", "."]


def test_every_han_character_is_a_piece_and_a_word(translator: InHouse) -> None:
    tokens = translator.tokenize("我会游泳。")
    assert tokens.pieces == ("我", "会", "游", "泳", "。", "[EOS]")
    assert tokens.words == (0, 1, 2, 3, 4, None)
    assert tokens.offsets[:2] == ((0, 1), (1, 2))


def test_what_the_tokenizer_has_never_seen_is_unknown_and_the_rest_is_read(translator: InHouse) -> None:
    tokens = translator.tokenize("car ☃ car")
    assert "[UNK]" in tokens.pieces
    assert tokens.special.count(True) == 1  # an unknown character stands for a word of the text


def test_special_tokens_in_a_text_are_text(translator: InHouse) -> None:
    tokens = translator.tokenize("[PAD] [EOS] car")
    assert tokens.ids.count(0) == 0
    assert tokens.ids.count(2) == 1


@pytest.mark.parametrize(
    ("task", "ends"), [("translate", ((), ("[EOS]",))), ("classify", ((), ("[EOS]",))), ("generate", (("[BOS]",), ())), ("tag", ((), ()))]
)
def test_every_task_reads_its_own_special_tokens(pieces: Tokenizer, task: Any, ends: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    tokens = made(pieces, task=task).tokenize("我会")
    assert tokens.pieces == (*ends[0], "我", "会", *ends[1])


def test_a_berts_tokenizer_adds_its_own_ends() -> None:
    from attnlab.models.inhouse.from_bert import smaller
    from attnlab.models.load import bert_folder

    tokenizer, _ = smaller((bert_folder() / "tokenizer.json").read_text("utf-8"), ["A wonderful film."])
    model = made(tokenizer, task="classify")
    tokens = model.tokenize("A wonderful film.")
    assert tokens.pieces == ("[CLS]", "a", "wonderful", "film", ".", "[SEP]")
    assert tokens.special == (True, False, False, False, False, True)
    assert (model.pad, model.bos, model.eos) == (0, tokens.ids[0], tokens.ids[-1])
    assert model.classify(["A wonderful film."])[0][0] in model.labels


@pytest.mark.parametrize("text", ["", "  \n "])
def test_no_text_is_an_error(translator: InHouse, text: str) -> None:
    with pytest.raises(InputError, match="no text"):
        translator.trace(text)
    with pytest.raises(InputError, match="no text"):
        translator.trace("car", target=text)
    with pytest.raises(InputError, match="no text"):
        made(letter_tokenizer("abc"), task="tag").tokenize("\u00a0")


def test_too_much_text_is_an_error_with_both_numbers(translator: InHouse) -> None:
    with pytest.raises(InputError, match=r"101 tokens.*40"):
        translator.trace("我" * 100)
    with pytest.raises(InputError, match=r"101 tokens.*40"):
        translator.trace("car", target="我" * 100)
    with pytest.raises(InputError, match=r"101 tokens.*40"):
        translator.translate(["car", "我" * 100])
    with pytest.raises(InputError, match=r"41 tokens.*40"):
        translator.decode("car", forced=[9] * 41)


def test_a_second_text_is_refused(translator: InHouse) -> None:
    with pytest.raises(InputError, match="one text at a time"):
        translator.trace("car", "garden")


# Traces


def same(a: Trace, b: Trace) -> None:
    assert (a.source, a.target, a.made, a.target_text) == (b.source, b.target, b.made, b.target_text)
    for x, y in zip(a.attentions, b.attentions, strict=True):
        assert (x.stack, x.layer, x.causal, x.scale) == (y.stack, y.layer, y.causal, y.scale)
        np.testing.assert_allclose(x.all_weights(), y.all_weights(), atol=1e-5)
        np.testing.assert_allclose(x.z(1), y.z(1), atol=1e-4)
    for stack, layers in a.residual.items():
        for m, n in zip(layers, b.residual[stack], strict=True):
            np.testing.assert_allclose(m, n, atol=1e-4)
    for name, said in a.outputs.items():
        np.testing.assert_allclose(said, b.outputs[name], atol=1e-4)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("task", ["translate", "classify", "tag", "generate"])
def test_traces_of_a_batch_are_the_traces_of_each(pieces: Tokenizer, positions: Any, task: Any) -> None:
    model = made(pieces, positions=positions, task=task)
    for together, text in zip(model.traces(LINES), LINES, strict=True):
        same(together, model.trace(text))


@pytest.mark.parametrize("positions", POSITIONS)
def test_a_trace_leads_from_its_weights_to_its_logits(pieces: Tokenizer, positions: Any) -> None:
    model = made(pieces, positions=positions)
    trace = model.trace(LINES[0], target="Je suis ici.")
    assert trace.stacks == ("encoder", "decoder", "cross")
    assert trace.target is not None
    assert (trace.made, trace.target_text, trace.target.pieces[0]) == ("given", "Je suis ici.", "[BOS]")
    for attention in trace.attentions:
        assert attention.queries is (trace.source if attention.stack == "encoder" else trace.target)
        assert attention.keys is (trace.target if attention.stack == "decoder" else trace.source)
        np.testing.assert_allclose(attention.all_weights().sum(-1), 1, atol=1e-5)
        assert attention.causal == (attention.stack == "decoder")
    layer, before = model.module.decoder[0], torch.tensor(trace.residual["decoder"][0])
    z = torch.tensor(np.concatenate([trace.at("decoder", 0).z(head) for head in range(4)], -1))
    middle = before + layer.attention.w_o(z)
    z = torch.tensor(np.concatenate([trace.at("cross", 0).z(head) for head in range(4)], -1))
    middle = middle + layer.cross.w_o(z)
    after = middle + layer.feed_forward(layer.norms[2](middle))
    np.testing.assert_allclose(after, trace.residual["decoder"][1], atol=1e-4)
    last = torch.tensor(trace.residual["decoder"][2])
    np.testing.assert_allclose(model.module.out(model.module.decoder_norm(last)), trace.outputs["logits"], atol=1e-4)


def test_a_target_not_given_is_written_by_the_model(translator: InHouse) -> None:
    trace, decoded = translator.trace(LINES[1]), translator.decode(LINES[1])
    assert trace.target is not None
    assert trace.made == "decoded"
    assert trace.target.ids == (1, *decoded.best.ids)
    assert trace.target_text == translator.text_of(decoded.best.ids) == translator.translate([LINES[1]])[0]
    worst = decoded.hypotheses[-1].ids
    again = translator.trace(LINES[1], written=worst)
    assert again.target is not None
    assert again.target.ids == (1, *worst)


def test_written_pieces_find_their_words() -> None:
    pieces = ["▁Il", "▁est", "▁par", "ti", "▁", "!", "我", "会", "l", "'", "eau"]
    assert word_numbers(pieces, [False] * 11, marked=True) == (0, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8)
    assert word_numbers(["[CLS]", "un", "##like", "ly", "[SEP]"], [True, False, False, False, True], marked=False) == (None, 0, 0, 1, None)


def test_what_is_written_is_read_back_with_words_and_places(translator: InHouse) -> None:
    ids = translator.target_ids("La voiture rouge")
    tokens = translator.target_of(ids)
    assert tokens.ids == (1, *ids)
    assert [translator.text_of(ids)[slice(*s)] for s in tokens.offsets[1:] if s is not None] == list(tokens.pieces[1:])
    torn = translator.target_of([ids[1], ids[1], 3, 2, ids[0]])  # no text is cut like this
    assert torn.special == (True, False, False, False, True, False)
    assert torn.offsets == (None,) * 6
    assert translator.target_of(()).pieces == ("[BOS]",)
    assert translator.target_ids(" ") == ()


def test_a_classifier_shows_what_it_pooled(pieces: Tokenizer) -> None:
    model = made(pieces, task="classify")
    trace = model.trace("I am here.")
    assert trace.outputs["pooling"].shape == (len(trace.source),)
    assert trace.outputs["pooling"].sum() == pytest.approx(1, abs=1e-5)
    assert trace.outputs["probabilities"].shape == trace.outputs["logits"].shape == (3,)
    short = model.trace("我")  # two tokens, three classes
    assert short.outputs["logits"].shape == (3,)
    label, probability = model.classify(["I am here."])[0]
    assert label == model.labels[int(trace.outputs["probabilities"].argmax())]
    assert probability == pytest.approx(float(trace.outputs["probabilities"].max()), abs=1e-5)


@pytest.mark.parametrize("task", ["translate", "classify", "tag", "generate"])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_positions_can_be_edited(pieces: Tokenizer, positions: Any, task: Any) -> None:
    model = made(pieces, positions=positions, task=task)
    given = {"target": "Je suis"} if task == "translate" else {}
    usual = model.trace("car 我会", **given)  # type: ignore[arg-type]
    n = len(usual.source)
    same(model.trace("car 我会", positions=range(n), **given), usual)  # type: ignore[arg-type]
    without = model.trace("car 我会", positions="none", **given)  # type: ignore[arg-type]
    assert abs(without.attentions[0].weights(0) - usual.attentions[0].weights(0)).max() > 1e-3
    with pytest.raises(InputError, match=f"{n} whole numbers from 0 to 39"):
        model.trace("car 我会", positions=[0] * (n - 1), **given)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"{n} whole numbers from 0 to 39"):
        model.trace("car 我会", positions=[40] * n, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("positions", ["none", "rotary", "alibi", "relative"])
def test_a_model_without_position_vectors_has_none_to_edit(pieces: Tokenizer, positions: Any) -> None:
    with pytest.raises(InputError, match=f"{positions} positions"):
        made(pieces, positions=positions).trace("car", positions="none")


def test_a_target_for_a_model_that_writes_none_is_refused(pieces: Tokenizer) -> None:
    model = made(pieces, task="classify")
    with pytest.raises(InputError, match="writes no target"):
        model.trace("car", target="voiture")
    with pytest.raises(InputError, match="cannot translate"):
        model.translate(["car"])
    with pytest.raises(InputError, match="cannot tag"):
        model.tag(["car"])
    with pytest.raises(InputError, match="cannot translate"):
        model.decode("car")
    with pytest.raises(InputError, match="cannot classify"):
        made(pieces).classify(["car"])


# Working


def test_lines_are_translated_in_their_places(translator: InHouse) -> None:
    lines = [LINES[0], "", LINES[1], "   ", LINES[2], LINES[3]] * 14  # more than one batch
    random.Random(0).shuffle(lines)
    done = translator.translate(lines)
    alone = {line: translator.translate([line])[0] for line in set(lines)}
    assert done == [alone[line] for line in lines]
    assert alone[""] == alone["   "] == ""
    assert translator.translate([]) == []


def test_a_forced_beginning_is_gone_on_from(translator: InHouse) -> None:
    ids = translator.target_ids("La voiture")
    decoded = translator.decode(LINES[0], forced=ids, beam=3)
    assert decoded.best.ids[: len(ids)] == ids
    assert len(decoded.steps) > len(ids)
    drawn = translator.sample(LINES[0], forced=ids, temperature=0.7, seed=3)
    assert drawn.best.ids[: len(ids)] == ids
    assert drawn.hypotheses == translator.sample(LINES[0], forced=ids, temperature=0.7, seed=3).hypotheses


def test_a_decoder_alone_goes_on_from_its_text(pieces: Tokenizer) -> None:
    model = made(pieces, task="generate")
    prompt = model.tokenize("I am").ids[1:]
    assert model.decode("I am").best.ids[: len(prompt)] == prompt
    assert model.sample("I am").best.ids[: len(prompt)] == prompt


def test_letters_are_answered_one_by_one() -> None:
    model = made(letter_tokenizer("abcdef"), task="tag", positions="rotary")
    assert model.tokenize("ab C").pieces == ("a", "b", "c")
    answers = model.tag(["abcdef", "fe"])
    assert [len(answer) for answer in answers] == [6, 2]
    assert model.tag(["fe"])[0] == answers[1]


def test_the_score_of_a_target_is_its_cross_entropy(translator: InHouse) -> None:
    scored = translator.score(LINES[0], "Je suis ici.")
    trace = translator.trace(LINES[0], target="Je suis ici.")
    assert trace.target is not None
    assert scored.tokens == (*trace.target.pieces[1:], "[EOS]")
    log_p = torch.tensor(trace.outputs["logits"]).log_softmax(-1)
    wanted = [*trace.target.ids[1:], 2]
    np.testing.assert_allclose(scored.losses, [-float(log_p[i, token]) for i, token in enumerate(wanted)], atol=1e-5)
    assert scored.perplexity == pytest.approx(float(np.exp(scored.losses.mean())), rel=1e-5)


def test_threads_share_a_model_and_mix_nothing(translator: InHouse) -> None:
    alone = [translator.trace(line) for line in LINES]
    with ThreadPoolExecutor(8) as pool:
        for i, trace in enumerate(pool.map(translator.trace, LINES * 4)):
            same(trace, alone[i % 4])


# Saving and loading


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 0.0), ("float16", 2e-3), ("bfloat16", 2e-2)])
def test_what_is_saved_is_what_is_loaded(translator: InHouse, tmp_path: Path, precision: Any, tolerance: float) -> None:
    translator.save(tmp_path, precision=precision)
    again = InHouse.load(tmp_path, "mine")
    for (name, a), (_, b) in zip(translator.module.named_parameters(), again.module.named_parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance, msg=name)
        assert b.dtype == torch.float32
    assert again.module.source.token.weight is again.module.out.weight
    assert (again.spec.name, again.spec.max_tokens, again.spec.family) == ("mine", 40, "attnlab")
    assert InHouse.read_spec(tmp_path, "mine") == again.spec
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert again.tokenize(LINES[0]) == translator.tokenize(LINES[0])


def test_labels_and_facts_are_kept(pieces: Tokenizer, tmp_path: Path) -> None:
    model = InHouse(made(pieces, task="classify").module, pieces, labels=("a", "b", "c"), source="somewhere", licence="CC0")
    model.save(tmp_path)
    again = InHouse.load(tmp_path, "mine")
    assert (again.labels, again.spec.source, again.spec.licence) == (("a", "b", "c"), "somewhere", "CC0")
    assert again.spec.stacks["encoder"].layers == 2
    assert list(again.spec.stacks) == ["encoder"]


def test_classes_without_names_are_numbered(pieces: Tokenizer) -> None:
    assert InHouse(made(pieces, task="classify").module, pieces).labels == ("0", "1", "2")


def test_loading_leaves_the_random_numbers_of_others_alone(folder: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    InHouse.load(folder, "mine")
    assert torch.equal(torch.rand(3), expected)


def test_a_folder_is_loaded_by_its_name(folder: Path) -> None:
    assert isinstance(load(str(folder)), InHouse)


def edit(folder: Path, **change: Any) -> None:
    file = folder / "config.json"
    about = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({key: value for key, value in (about | change).items() if value != "gone"}), "utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "attnlab-2"}, "'attnlab-2'.*'attnlab-1'"),
        ({"format": None}, "format None"),
        ({"vocab": "gone"}, "vocab cannot be nothing"),
        ({"vocab": "many"}, "vocab cannot be many"),
        ({"d_model": -32}, "d_model cannot be -32"),
        ({"n_heads": 0}, "n_heads cannot be 0"),
        ({"n_heads": True}, "n_heads cannot be True"),
        ({"dropout": 2}, "dropout cannot be 2"),
        ({"positions": "cosine"}, "positions cannot be cosine"),
        ({"tied": 1}, "tied cannot be 1"),
        ({"decoder_layers": 0}, "layers cannot be"),
        ({"specials": {"pad": 0}}, "specials cannot be"),
        ({"specials": {"pad": 0, "bos": 1, "eos": 2, "unk": 10**9}}, "specials cannot be"),
        ({"labels": "abc"}, "labels cannot be"),
        ({"task": "classify", "classes": 2}, "labels cannot be"),
        ({"d_model": 64}, r"source\.token\.weight is \(.*32\) where \(.*64\) is needed"),
        ({"encoder_layers": 3}, r"encoder\.2.* is None where"),
        ({"encoder_layers": 1}, r"encoder\.1.* where None"),
        ({"encoder_layers": 10**9}, "encoder_layers cannot be 1000000000"),
        ({"vocab": 10**10}, "vocab cannot be 10000000000"),  # nothing is allocated for it
        ({"vocab": 50}, "pieces, but the model knows 50|where"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(folder: Path, change: dict[str, Any], said: str) -> None:
    edit(folder, **change)
    with pytest.raises(InputError, match=said):
        InHouse.load(folder, "mine")


def test_a_tokenizer_with_more_pieces_than_the_model_is_refused(folder: Path) -> None:
    letter_tokenizer("".join(map(chr, range(0x4E00, 0x5000)))).save(str(folder / "tokenizer.json"))
    with pytest.raises(InputError, match="pieces, but the model knows"):
        InHouse.load(folder, "mine")
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    with pytest.raises(InputError, match="cannot be opened"):
        InHouse.load(folder, "mine")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="holds no tokenizer"):
        InHouse.load(folder, "mine")


def test_weights_that_are_not_numbers_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["encoder.0.attention.w_q.weight"][0, 0] = float("nan")
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"encoder\.0\.attention\.w_q\.weight holds numbers that are not finite"):
        InHouse.load(folder, "mine")


def test_weights_too_large_for_the_precision_are_not_written(pieces: Tokenizer, tmp_path: Path) -> None:
    model = made(pieces)
    model.module.out.bias.data[0] = 1e6  # more than a float16 holds
    with pytest.raises(InputError, match="not finite"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    model.save(tmp_path / "model", precision="bfloat16")


def test_weights_cut_short_are_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    for n in (4, 100, len(whole) - 1):
        file.write_bytes(whole[:n])
        with pytest.raises(InputError, match="cut short"):
            InHouse.load(folder, "mine")
        with pytest.raises(InputError, match="cut short"):
            InHouse.read_spec(folder, "mine")
    file.unlink()
    with pytest.raises(InputError, match="safetensors"):
        InHouse.load(folder, "mine")


def test_a_folder_that_cannot_be_written_is_said(translator: InHouse, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        translator.save(tmp_path / "file")


def test_saving_again_replaces_the_model_and_leaves_nothing_else(folder: Path, translator: InHouse) -> None:
    before = InHouse.read_spec(folder, "mine")
    translator.save(folder, precision="float32")
    assert InHouse.read_spec(folder, "mine").revision != before.revision
    assert len(list(folder.iterdir())) == 3
    shutil.copytree(folder, folder.parent / "copy")
    assert InHouse.load(folder.parent / "copy", "mine").spec == InHouse.load(folder, "mine").spec
