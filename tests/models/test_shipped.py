"""The shipped weights do what their cards say, as far as it can be checked without the data they were trained on."""

import re
from pathlib import Path

import pytest

from attnlab import load
from attnlab.core.translation import word_alignment
from attnlab.models.filling import fillers, holes, pseudo_likelihood
from attnlab.models.inhouse.writing import Sampling, write
from attnlab.training.births import best, on_repeats
from attnlab.training.lengths import accuracy_by_length
from attnlab.training.measure import fill_score, write_score
from attnlab.training.text import Text
from attnlab.words import ASSETS

MODELS = ASSETS / "models"
TRAINED = range(4, 17)
ALIGNED = [
    ("The red car is in the garden.", "La voiture rouge est dans le jardin.", "voiture car, rouge red, jardin garden"),
    ("My brother reads a book.", "Mon frère lit un livre.", "frère brother, lit reads, livre book"),
    ("The cat is sleeping on the bed.", "Le chat dort sur le lit.", "chat cat, dort sleeping, lit bed"),
    ("She bought a new house.", "Elle a acheté une nouvelle maison.", "acheté bought, nouvelle new, maison house"),
    ("We drink coffee in the morning.", "Nous buvons du café le matin.", "buvons drink, café coffee, matin morning"),
    ("The children are playing in the park.", "Les enfants jouent dans le parc.", "enfants children, jouent playing, parc park"),
    ("His father works in a hospital.", "Son père travaille dans un hôpital.", "père father, travaille works, hôpital hospital"),
    ("I lost my keys yesterday.", "J'ai perdu mes clés hier.", "perdu lost, clés keys, hier yesterday"),
    ("The teacher speaks three languages.", "Le professeur parle trois langues.", "professeur teacher, parle speaks, trois three"),
    (
        "The old woman wants a cup of tea.",
        "La vieille femme veut une tasse de thé.",
        "vieille old, femme woman, veut wants, tasse cup, thé tea",
    ),
]


def bare(word: str) -> str:
    return re.sub(r"\W", "", word)


def test_everything_shipped_fits_in_130_megabytes_and_has_its_card():
    folders = [folder for folder in MODELS.iterdir() if folder.is_dir()]
    assert {folder.name for folder in folders} == {
        "translate-fr",
        "translate-zh",
        "sentiment",
        "fill-en",
        "fill-zh",
        "write-en",
        "write-zh",
        *(f"reverse-{kind}" for kind in ("none", "sinusoidal", "learned", "rotary", "alibi", "relative")),
    }
    assert sum(file.stat().st_size for folder in folders for file in folder.iterdir()) <= 130_000_000
    for folder in folders:
        card = (folder / "card.md").read_text("utf-8")
        for heading in ("## Task", "## Data", "## Training", "## Scores", "## Known weaknesses"):
            assert heading in card, f"{folder.name}: {heading}"


@pytest.mark.parametrize("kind", ["sinusoidal", "learned", "rotary", "alibi", "relative"])
def test_every_encoding_reverses_at_the_lengths_it_was_trained_on(kind):
    scores = list(accuracy_by_length(load(f"reverse-{kind}"), TRAINED, n=32, seed=5))
    assert sum(score.right for score in scores) / sum(score.letters for score in scores) >= 0.99


def test_without_positions_nothing_can_be_reversed():
    scores = list(accuracy_by_length(load("reverse-none"), TRAINED, n=32, seed=5))
    assert sum(score.right for score in scores) / sum(score.letters for score in scores) < 0.4


def test_cross_attention_of_the_french_model_aligns_words():
    model, hits = load("translate-fr"), {}
    for source, target, pairs in ALIGNED:
        trace = model.trace(source, target=target)
        for layer, attention in enumerate(trace.layers("cross")):
            for head in range(attention.n_heads):
                aligned = word_alignment(trace, layer, head, specials=False)
                found = {bare(word): bare(aligned.source[i]) for word, i in zip(aligned.target, aligned.best, strict=True)}
                for pair in pairs.split(", "):
                    french, english = pair.split()
                    hits.setdefault((layer, head), []).append(found[french] == english)
    assert max(sum(right) / len(right) for right in hits.values()) >= 0.8


def test_simple_sentences_come_out_right():
    assert load("translate-fr").translate(["My brother reads a book."]) == ["Mon frère lit un livre."]
    assert load("translate-zh").translate(["I like you."])[0].rstrip("。") in ("我喜欢你", "我喜歡你")
    said = [label for label, _ in load("sentiment").classify(["What a wonderful film!", "It broke after two days. Awful."])]
    assert said == ["positive", "negative"]


SENTENCES = [
    "My sister lives in a small house near the river.",
    "We had to wait for the bus in the rain.",
    "He doesn't know what to say to her.",
    "The children were playing in the garden.",
    "I have never seen such a beautiful picture.",
    "Could you tell me where the station is?",
    "She wants to learn how to play the piano.",
    "They went home because it was getting dark.",
]


def test_holes_in_plain_english_are_filled():
    model = load("fill-en")
    score = fill_score(model, SENTENCES * 4, seed=1)  # four different choices of holes
    assert score.top1 >= 0.4
    assert score.top5 >= 0.6
    [hole] = holes(model, model.read("He lost [MASK] keys."))
    assert fillers(model, hole, n=1)[0].piece == "his"
    assert pseudo_likelihood(model, "The keys are here.").total > pseudo_likelihood(model, "The keys is here.").total


def test_a_filler_is_traced_like_every_model():
    trace = load("fill-en").trace("The cat sat on the [MASK].")
    assert trace.source.pieces[-3:] == ("[MASK]", ".", "[SEP]")
    assert [attention.stack for attention in trace.attentions] == ["encoder"] * 6
    assert trace.attentions[0].weights(2).shape == (len(trace.source),) * 2


def test_holes_in_plain_chinese_are_filled():
    model = load("fill-zh")
    lines = [
        "我不知道他在哪里。",
        "你想喝什么？",
        "他昨天没有来学校。",
        "我们明天去北京吧。",
        "这本书是我的。",
        "她的妈妈是老师。",
        "今天天气很好。",
    ]
    score = fill_score(model, lines * 4, seed=1)
    assert score.top1 >= 0.25
    assert score.top5 >= 0.4
    assert model.tokenize("今天天[MASK]很好。").pieces[4] == "[MASK]"
    assert [attention.stack for attention in model.trace("我们去学校。").attentions] == ["encoder"] * 4


STORY = [
    "Once upon a time there was an old woman who lived in a little house in the forest.",
    'One day a fox came to the door and said, "Good morning, mother, may I come in?"',
    '"No," said the old woman, "for I am afraid that you will eat my hens."',
    "Then the fox went away into the wood, and was very angry.",
]


def test_a_story_surprises_the_writer_little():
    score = write_score(load("write-en"), Text(Path("story.txt"), (tuple(STORY),), by_line=False))
    assert score.bits_per_character <= 1.7
    assert score.unknown == 0


def test_the_writer_of_stories_has_learned_to_copy():
    found = on_repeats(load("write-en").module, seed=7)
    assert best(found.induction)[2] >= 0.4
    assert found.copied >= 0.9
    assert best(found.previous)[2] >= 0.4


def test_the_writer_of_poems_keeps_their_form():
    model, regular = load("write-zh"), 0
    for seed in range(12):
        *_, last = write(model.begin(), Sampling(0.7, top_p=0.9), seed=seed, longest=120, end=model.eos, forbidden=model.unwritten)
        lines = {len(line) for line in re.split("[，。？！；]", model.text_of(last.ids)) if line}
        regular += lines in ({5}, {7})
    assert regular >= 10
    first = write_score(model, Text(Path("poem.txt"), (("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",),), by_line=True))
    assert first.bits_per_character <= 7


@pytest.mark.parametrize(("name", "layers"), [("write-en", 4), ("write-zh", 3)])
def test_a_writer_is_traced_like_every_model(name, layers):
    trace = load(name).trace("The fox said 好")
    assert [attention.stack for attention in trace.attentions] == ["decoder"] * layers
    assert trace.source.pieces[0] == "[BOS]"
    assert "[UNK]" in trace.source.pieces
