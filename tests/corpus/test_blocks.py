"""Blocks: the same bits for any number of workers, in any order, after a kill; and what is refused."""

import errno
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

import pytest

from attnlab import files
from attnlab.__main__ import main
from attnlab.corpus import blocks
from attnlab.corpus.blocks import Plan
from attnlab.corpus.measuring import work
from attnlab.corpus.reading import Choice
from attnlab.corpus.table import table
from attnlab.words import InputError

LINES = ["One.", "Two cats sat.", "The dog and the dog.", "A bird sings in the garden.", "No.", "It rained, and it rained.", "Yes!"]


@pytest.fixture
def plan(bert, tmp_path):
    file = tmp_path / "c.txt"
    file.write_text("\n".join(LINES), "utf-8")
    return Plan("bert", bert.spec.revision, str(file), Choice(), size=2)


def written(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.npz"))}


def totals(folder):
    return table(blocks.merged(folder).totals)


@contextmanager
def threads(n):
    """Workers of this process, which end in whatever order they like."""
    with ThreadPoolExecutor(n) as pool:
        yield lambda *given: pool.submit(work, *given)


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_writes_the_same_files(plan, tmp_path, workers):
    list(blocks.run(plan, tmp_path / "one", blocks.here(), waiting=1))
    list(blocks.run(plan, tmp_path / "more", threads(workers), waiting=2 * workers))
    assert written(tmp_path / "one") == written(tmp_path / "more")
    assert len(written(tmp_path / "one")) == 4


def test_blocks_add_up_in_any_order(plan, tmp_path):
    list(blocks.run(plan, tmp_path / "one", blocks.here(), waiting=1))
    whole = totals(tmp_path / "one")
    found = [blocks.read(file) for file in sorted((tmp_path / "one").glob("*.npz"))]
    turned = blocks.join(blocks.join(found[3], found[1]), blocks.join(found[2], found[0]))
    assert table(turned.totals) == whole
    assert (turned.top.lines == blocks.merged(tmp_path / "one").top.lines).all()


def killed(plan, folder):
    """Measure two blocks and end as a kill -9 does."""
    list(islice(blocks.run(plan, folder, blocks.here(), waiting=1), 2))
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_after_a_kill_the_same_command_goes_on_to_the_same_bits(plan, tmp_path):
    process = multiprocessing.get_context("fork").Process(target=killed, args=(plan, tmp_path / "cut"))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(written(tmp_path / "cut")) == 2
    before = {name: (tmp_path / "cut" / name).stat().st_mtime_ns for name in written(tmp_path / "cut")}
    progress = list(blocks.run(plan, tmp_path / "cut", blocks.here(), waiting=1))
    assert progress[-1].found == 4
    assert all((tmp_path / "cut" / name).stat().st_mtime_ns == when for name, when in before.items())
    list(blocks.run(plan, tmp_path / "whole", blocks.here(), waiting=1))
    assert written(tmp_path / "cut") == written(tmp_path / "whole")


def test_a_full_disk_is_a_sentence_and_the_same_command_goes_on(plan, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    list(islice(blocks.run(plan, tmp_path / "f", blocks.here(), waiting=1), 1))
    with monkeypatch.context() as patch:
        patch.setattr(files, "flush", full)
        with pytest.raises(InputError, match="No space left"):
            list(blocks.run(plan, tmp_path / "f", blocks.here(), waiting=1))
    assert len(written(tmp_path / "f")) == 1
    list(blocks.run(plan, tmp_path / "f", blocks.here(), waiting=1))
    assert len(written(tmp_path / "f")) == 4


def test_a_folder_of_another_model_size_or_program_is_refused(plan, tmp_path):
    from dataclasses import replace

    folder = tmp_path / "f"
    list(islice(blocks.run(plan, folder, blocks.here(), waiting=1), 1))
    for other in ({"model": "fill-en"}, {"revision": "other"}, {"size": 3}, {"version": "0.0.1"}, {"too_long": "cut"}):
        with pytest.raises(InputError, match="another measurement"):
            list(blocks.run(replace(plan, **other), folder, blocks.here(), waiting=1))
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "letter.txt").touch()
    with pytest.raises(InputError, match="another measurement"):
        blocks.begin(tmp_path / "strange", plan)


def test_long_lines_are_cut_left_out_or_named(tmp_path, capsys):
    (tmp_path / "c.txt").write_text("Short.\n" + "word " * 600 + "\n")
    out = tmp_path / "h.csv"
    assert main(["measure", str(tmp_path / "c.txt"), "-o", str(out)]) == 2
    assert "Line 2: The text has 602 tokens" in capsys.readouterr().err
    for how, said in (("skip", "0 lines were cut, 1 were skipped"), ("cut", "1 lines were cut, 0 were skipped")):
        assert main(["measure", str(tmp_path / "c.txt"), "-o", str(out), "--too-long", how, "--force"]) == 0
        assert said in capsys.readouterr().err
    assert main(["measure", str(tmp_path / "c.txt"), "-o", str(out), "--too-long", "shorten", "--force"]) == 2


def test_two_indexes_are_compared_on_the_command_line(tmp_path, capsys):
    for name, text in (("a", "The cat sat on the mat.\nA dog barked at it.\n"), ("b", "No, no, no, no.\nOne two three.\n")):
        (tmp_path / f"{name}.txt").write_text(text)
        more = ["--importance", "1"] if name == "a" else []
        index = str(tmp_path / f"{name}.parquet")
        assert main(["measure", str(tmp_path / f"{name}.txt"), "-o", str(tmp_path / f"{name}.csv"), "--index", index, *more]) == 0
    both = [str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]
    assert main(["differences", *both, "-o", str(tmp_path / "d.csv")]) == 0
    assert "differences are more than chance explains" in capsys.readouterr().err
    assert len((tmp_path / "d.csv").read_text().splitlines()) == 72 * 15 + 1
    assert main(["differences", both[0], str(tmp_path / "a.csv"), "-o", str(tmp_path / "e.csv")]) == 2
    assert "not an index" in capsys.readouterr().err
    from attnlab.corpus.index import read_index

    assert len(read_index(tmp_path / "a.parquet").importance) == 72
