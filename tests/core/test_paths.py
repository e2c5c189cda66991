"""The ways into an output: they carry the share that is asked for, each word's edge is the ledger's own number, files can be read."""

import json
from xml.etree import ElementTree

import pytest

from attnlab.core.ledger import Ledger, Part
from attnlab.core.paths import OUTPUT, as_csv, as_graphml, as_json, paths
from attnlab.figures import format_of, save
from attnlab.figures.paths import path_graph

BOOK = Ledger(
    (
        Part("head", "encoder", 1, 0, 0, 3.0),
        Part("head", "encoder", 1, 0, 1, -1.0),
        Part("feed_forward", "encoder", 0, None, None, -1.0),
        Part("embedding", "encoder", None, None, 1, 0.5),
        Part("bias", "encoder", 0, None, None, 0.5),
    ),
    2.0,
    "yes",
)
WORDS = {"encoder": ('a "b"', "<c>")}


def test_the_strongest_ways_carry_the_share_that_is_asked_for():
    half = paths(BOOK, WORDS, keep=0.5)
    assert [(e.source, e.target, e.value) for e in half.edges] == [
        ("L1H0", OUTPUT, 2.0),
        ("w encoder 0000", "L1H0", 3.0),
        ("w encoder 0001", "L1H0", -1.0),
    ]
    assert half.share == pytest.approx(0.5)
    every = paths(BOOK, WORDS, keep=1)
    assert every.share == pytest.approx(1)
    assert sum(e.value for e in every.edges if e.target == OUTPUT) == pytest.approx(BOOK.output)
    assert len(paths(BOOK, WORDS, keep=1, most=2).edges) == 2
    with pytest.raises(ValueError, match="keep must be"):
        paths(BOOK, WORDS, keep=0)


def test_graphs_leave_as_files_that_can_be_read():
    found = paths(BOOK, WORDS, keep=1)
    assert as_csv(found).splitlines()[2] == '"a ""b""","L1H0",3'
    assert len(json.loads(as_json(found))["edges"]) == len(found.edges)
    graph = ElementTree.fromstring(as_graphml(found).encode())[2]
    assert [node.get("id") for node in graph][: len(found.labels)] == list(found.labels)
    assert graph[2][0].text in {'a "b"', "<c>", "L1H0"}
    assert save(path_graph(found, title="yes"), format_of("a.svg"))[:5] == b"<?xml"
