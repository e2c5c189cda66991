"""What is shown until somebody chooses exists."""

from attnlab.models.first_look import DEFAULT_MODEL, DEFAULT_TEXT, FIRST, first_look
from attnlab.models.load import known


def test_every_first_head_is_a_head_of_its_model():
    specs = {spec.name: spec for spec in known()}
    assert DEFAULT_MODEL in specs
    for (name, stack), (layer, head) in FIRST.items():
        shape = specs[name].stacks[stack]
        assert 0 <= layer < shape.layers
        assert 0 <= head < shape.heads
        assert first_look(name, stack) == (layer, head)


def test_any_other_model_begins_at_its_first_head():
    assert first_look("somebody's own", "encoder") == (0, 0)


def test_the_first_head_of_bert_shows_what_it_refers_to(bert):
    """The sentence is chosen so that this can be read off at a glance: "it" looks at "cat"."""
    trace = bert.trace(DEFAULT_TEXT)
    layer, head = first_look("bert", "encoder")
    weights = trace.at("encoder", layer).weights(head)
    pieces = trace.source.pieces
    assert pieces[weights[pieces.index("it")].argmax()] == "cat"
