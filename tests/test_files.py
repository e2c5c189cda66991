"""Files whole or not at all: what was there stays, nothing half written is left, and every refusal is a sentence."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from attnlab import figures
from attnlab.files import draft, make_folder, safe_name, write
from attnlab.words import InputError


def test_a_file_stays_unless_forced(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", b"1")
    with pytest.raises(InputError, match="exists already"):
        write(file, b"2")
    assert file.read_bytes() == b"1"
    assert write(file, b"2", force=True).read_bytes() == b"2"
    assert list(tmp_path.iterdir()) == [file]


def test_a_figure_is_written_the_same_way() -> None:
    assert figures.write is write


def test_what_appears_in_the_meantime_stays(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    with pytest.raises(InputError, match="exists already"):
        write_late(file)
    assert file.read_text() == "somebody else's"
    assert list(tmp_path.iterdir()) == [file]


def write_late(file: Path) -> None:
    with draft(file) as beside:
        beside.write_text("mine")
        file.write_text("somebody else's")


def test_so_it_does_on_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", link)
    file = write(tmp_path / "a", b"1")
    assert file.read_bytes() == b"1"
    with pytest.raises(InputError, match="exists already"):
        write_late(tmp_path / "b")
    assert (tmp_path / "b").read_text() == "somebody else's"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, ValueError])
def test_an_interrupted_file_is_not_there_and_the_reason_is_kept(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        break_off(tmp_path / "a", error)
    assert not list(tmp_path.iterdir())


def break_off(file: Path, error: type[BaseException]) -> None:
    with draft(file) as beside:
        beside.write_text("half")
        raise error


def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "file", b"good")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        write(file, b"new", force=True)
    assert file.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["missing/a", "file/a", "folder", "a\0b", "\ud800", "a" * 300, "device", "nowhere"])
@pytest.mark.parametrize("force", [False, True])
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str, force: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "nowhere").symlink_to("gone")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / name, b"1", force=force)
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/dev/null").is_file()


def test_a_written_file_may_be_read_by_those_the_system_lets_read_new_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert write(tmp_path / "ours", b"").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_is_made_with_those_above_it_or_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    for wrong in ("file", "file/below", "a\0b"):
        with pytest.raises(InputError, match="cannot be written"):
            make_folder(tmp_path / wrong)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a\x00b", "数据", "", "C:\\x", "a" * 300, "née [1]"])
def test_a_name_from_outside_stays_in_its_folder(name: str) -> None:
    kept = safe_name(name, otherwise="data")
    assert 1 <= len(kept) <= 40
    assert not kept.startswith(".")
    assert not set(kept) & set("/\\:\0 [")


def test_letters_of_every_script_stay_and_nothing_becomes_a_name() -> None:
    assert safe_name("数据 1.a", otherwise="data") == "数据-1.a"
    assert safe_name("../..", otherwise="data") == "data"


def test_of_several_who_write_one_file_each_leaves_it_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.svg"
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda letter: write(file, letter.encode() * 100_000, force=True), "abc" * 5))
    assert len(set(file.read_bytes())) == 1
    assert file.stat().st_size == 100_000
    assert [each.name for each in tmp_path.iterdir()] == ["a.svg"]
