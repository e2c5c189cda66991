"""Files and addresses that a stranger might send, made from a seed: true ones with a few bytes changed, and what a grammar can say."""

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from urllib.parse import urlencode

NAMES = (
    *("model", "model_b", "translator", "classifier", "text", "text_b", "pair", "target", "review", "lang", "job", "key"),
    *("layer", "head", "heads", "cell", "pin", "stack", "over", "between", "temperature", "threshold", "words", "bare", "auto", "figure"),
    *("places", "from", "p", "d", "length", "base", "encoding", "forced", "at", "cross", "stage", "query", "dim", "unit", "part", "drawn"),
    *("task", "positions", "seed", "reverse_steps", "figure_width", "figure_dpi", "figure_turn", "row view", "show", "variant", "window"),
    *("with", "kind", "whole", "upto", "measure", "across", "up", "every", "other", "place", "guess", "by", "to", "edit", "shuffle"),
    *("edits", "token", "say", "repeat", "count", "search", "beam", "norm", "penalty", "sharpness", "top_k", "top_p", "min_p", "hole"),
    *("lesson", "view", "smoothing", "schedule", "precision", "dropout", "accumulate", "groups", "label", "pool", "precision", "longest"),
)
VALUES = (
    *("", " ", "0", "-1", "99", "1e999", "nan", "inf", "9" * 5000, "٣", "1,1", ",", "1,,2", "3-4-5", "-", "true", "True", "%00", "\x00"),
    *(
        "~nosuchuser",
        "~",
        "~/x",
        "/",
        "/etc",
        "./",
        "..",
        "a/" + "b" * 300,
        "m" * 300,
        "a/b/c",
        "bert@untrained@untrained",
        "C:\\x",
        "a//b",
    ),
    *("![x](http://evil.example/a.png)", "<script>alert(1)</script>", "see www.evil.example/zq", "https://evil.example", "me@evil.example"),
    *("$\\frac$", ":material/x:", ":red[x]", "\u202e", "\ud800"[:0] + "\ufeff", "zh", "tlh", "the cat " * 400, "[" * 4000, "{}", "null"),
)
PAGES = (
    *("", "heads", "layers", "compare", "steps", "positions", "variants", "change", "ledger"),
    *("translate", "sentiment", "write", "fill", "train", "lessons", "class"),
)


def address(rng: random.Random) -> tuple[str, dict[str, str]]:
    """A page and what its address asks for."""
    names = rng.sample(NAMES, rng.randint(1, 8))
    return rng.choice(PAGES), {name: rng.choice(VALUES) if rng.random() < 0.8 else noise(rng, 12) for name in names}


def query(asked: dict[str, str]) -> str:
    return urlencode(asked, errors="replace")


def noise(rng: random.Random, most: int) -> str:
    return "".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x20, 0x3000)))) for _ in range(rng.randint(0, most)))


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The file with some bytes changed, cut out, said twice, or with numbers and nesting where they do not belong."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at, length = rng.randrange(len(made) + 1), rng.choice((1, 2, 4, 8, 64, 1024))
        made[at : at + length] = rng.choice(CHANGES)(bytes(made[at : at + length]), rng)
    return bytes(made)


def mutated_inside(data: bytes, rng: random.Random) -> bytes:
    """The zip with one of its files changed. A change of the zip's own bytes goes no further than the sums that it keeps of them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(files))
    return zipped(files | {name: mutated(files[name], rng)})


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    lambda part, rng: b"",
    lambda part, rng: part * rng.choice((2, 3, 50)),
    lambda part, rng: rng.randbytes(len(part)),
    lambda part, rng: bytes(byte ^ (1 << rng.randrange(8)) for byte in part),
    lambda part, rng: struct.pack("<Q", rng.choice((0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)))[: len(part)],
    lambda part, rng: rng.choice((b"-1", b"9" * 5000, b"1e400", b"null", b"[" * 500, b'{"a":' * 300, b"\xff\xfe", b"\x00" * 9)) + part,
    lambda part, rng: rng.choice((b"<feff00>", b"/Keywords <abc>", b"/Keywords(", b"<!ENTITY a '&a;'>", b'encoding="idna"')) + part,
)  # fmt: skip


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


OPENING = b'<script type="application/json" id="attnlab-record">'
PNG = b"\x89PNG\r\n\x1a\n"
# The worst that was found for each kind of figure, each of at most 8 MB.
FIGURES: dict[str, Callable[[], bytes]] = {
    "html, an opening 12,000 times": lambda: b"<html>" + OPENING * 12_000,
    "html, an opening 150,000 times": lambda: b"<html>" + OPENING * 150_000,
    "pdf, a string 20,000 times": lambda: b"%PDF-1.4" + b"/Keywords(" * 20_000,
    "pdf, brackets": lambda: b"%PDF-1.4/Keywords" + b"(" * 8_000_000,
    "pdf, spaces": lambda: b"%PDF-1.4" + (b"/Keywords" + b" " * 1000) * 7_000,
    "pdf, half a digit": lambda: b"%PDF-1.4/Keywords <abc>",
    "pdf, half a letter": lambda: b"%PDF-1.4/Keywords <feff00>",
    "png, 1,000 bombs": lambda: PNG + chunk(b"zTXt", b"attnlab\0\0" + zlib.compress(b" " * 2**20)) * 1_000,
    "png, empty chunks": lambda: PNG + chunk(b"tEXt", b"") * 600_000,
    "svg, unknown encoding": lambda: b'<?xml version="1.0" encoding="foo"?><svg/>',
    "svg, encoding of two bytes": lambda: b'<?xml version="1.0" encoding="shift_jis"?><svg/>',
    "svg, encoding that is none": lambda: b'<?xml version="1.0" encoding="idna"?><svg/>',
    "svg, a million elements": lambda: b"<svg>" + b"<a/>" * 1_900_000,
    "svg, a million levels": lambda: b"<a>" * 2_600_000,
    "npz, LZMA that is broken": lambda: broken_lzma("record.json"),
    "npz, a place before the file": lambda: broken_place("record.json"),
    "npz, a record of 30 MB": lambda: zipped({"record.json": b"0" * 30_000_000}),
    "npz, an array whose header does not end": lambda: zipped({"record.npy": unended()}),
    "npz, deep": lambda: zipped({"record.json": b"[" * 1_000_000}),
}


def zipped(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def unended() -> bytes:
    """An array's header as an old NumPy wrote it, which is read as Python's own words, and stops in the middle."""
    header = b"{'descr': '<U9L, (" + b" " * 40 + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def broken_lzma(name: str) -> bytes:
    content = bytearray(zipped({name: json.dumps({"attnlab": "0"}).encode() * 9}, zipfile.ZIP_LZMA))
    content[len(name) + 30 + 9 : len(name) + 30 + 20] = b"\xff" * 11
    return bytes(content)


def broken_place(name: str) -> bytes:
    content = bytearray(zipped({name: b"{}"}))
    at = content.rfind(b"PK\x05\x06")
    content[at + 12 : at + 20] = struct.pack("<II", 2**31, 2**31)
    return bytes(content)
