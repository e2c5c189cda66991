"""The shipped weights do what their cards say, as far as it can be checked without the data they were trained on."""

import re

import pytest

from attnlab import load
from attnlab.core.translation import word_alignment
from attnlab.models.filling import fillers, holes, pseudo_likelihood
from attnlab.training.lengths import accuracy_by_length
from attnlab.training.measure import fill_score
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
