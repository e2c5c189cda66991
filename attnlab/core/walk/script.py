"""One head as a file of numbers and a short script that works it out again, with torch and nothing else."""

import io
from typing import Any

import numpy as np

from attnlab.core.trace import Array, Attention
from attnlab.core.walk.walk import Walk

SCRIPT = """\
import ast, sys, zipfile
import torch

def read(name):  # one array of the .npz file, without numpy
    raw = archive.read(name + ".npy")
    start = 10 + int.from_bytes(raw[8:10], "little")
    shape = ast.literal_eval(raw[10:start].decode())["shape"]
    return torch.frombuffer(bytearray(raw[start:]), dtype=torch.float32).reshape(shape)

archive = zipfile.ZipFile(sys.argv[1] if len(sys.argv) > 1 else "{file}")
{made}
scores = q @ k.T * read("scale"){cap}
scores = scores + read("added")  # position bias, and -inf where a key is hidden
{softmax}
z = weights @ v
for name, mine in (("weights", weights), ("z", z)):
    print(name, tuple(mine.shape), "largest difference from the model:", (mine - read(name)).abs().max().item())
"""
FROM_INPUT = """\
x, memory = read("x"), read("memory")  # what W_Q reads, and what W_K and W_V read
q, k, v = (y @ read("w_" + n) + read("b_" + n) for n, y in (("q", x), ("k", memory), ("v", memory)))"""
FROM_Q = 'q, k, v = read("q"), read("k"), read("v")'
TURNED = """

def turn(y, cos, sin):  # rotary positions: each pair of dimensions is turned
    even, odd = y[:, 0::2], y[:, 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(1)
q, k = (turn(y, read("cos"), read("sin")) for y in (q, k))"""
SOFTMAX = "weights = scores.softmax(-1)"
SINK = 'weights = torch.cat((scores, read("sink").expand(len(scores), 1)), -1).softmax(-1)[:, :-1]'


def script(walk: Walk, attention: Attention, head: int, file: str) -> str:
    """The script for one head. file: the .npz it reads when no other is named."""
    made = FROM_INPUT if _whole(walk, attention, head) else FROM_Q
    if f"{attention.stack}.q_straight.{head}" in walk.spots:
        made += TURNED
    cap = "" if attention.soft_cap is None else f"\nscores = {attention.soft_cap} * (scores / {attention.soft_cap}).tanh()"
    return SCRIPT.format(file=file, made=made, cap=cap, softmax=SOFTMAX if attention.sinks is None else SINK)


def arrays(walk: Walk, attention: Attention, head: int) -> dict[str, Array]:
    """Everything that the script reads, and the model's own weights and z to compare with. All float32."""
    found: dict[str, Any] = {"scale": np.float32(attention.scale), "added": attention.added(head)}
    if attention.sinks is not None:
        found["sink"] = attention.sinks[head]
    name = f"{attention.stack}.{{}}.{head}"
    if _whole(walk, attention, head):
        turned = name.format("q_straight") in walk.spots
        for one in "qkv":
            spot = walk.spots[name.format(f"{one}_straight" if turned and one != "v" else one)]
            found |= {f"w_{one}": spot.facts["weight"], f"b_{one}": spot.facts["bias"]}
            found["x" if one == "q" else "memory"] = walk.values(spot.inputs[0])
        if turned:
            angle = walk.spots[name.format("q")].facts["angle"]
            found |= {"cos": np.cos(angle), "sin": np.sin(angle)}
    else:
        found |= {one: walk.values(name.format(one)) for one in "qkv"}
    found |= {"weights": attention.weights(head), "z": attention.z(head)}
    return {key: np.ascontiguousarray(value, np.float32).reshape(np.shape(value)) for key, value in found.items()}


def archive(walk: Walk, attention: Attention, head: int) -> bytes:
    """The arrays as an .npz file."""
    file = io.BytesIO()
    np.savez(file, **arrays(walk, attention, head))  # type: ignore[arg-type]
    return file.getvalue()


def _whole(walk: Walk, attention: Attention, head: int) -> bool:
    return walk.spots[f"{attention.stack}.v.{head}"].kind == "project"
