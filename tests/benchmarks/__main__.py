"""python -m tests.benchmarks: how fast and how small, against what else there is. Ratios of one run, both sides on the same inputs.

Never a timed test: numbers move with the machine, ratios much less. BertViz stands in tests.benchmarks.notebook.
"""

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from statistics import median
from typing import Any

ROUNDS = 2  # the two sides take turns, so that a busy moment of the machine does not fall on one of them alone


def main() -> None:
    threads = os.environ.setdefault("OMP_NUM_THREADS", "2")
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "numpy"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads, {versions}\n", flush=True)
    print("| what | attnlab | against | ratio | reach |")
    print("|---|---|---|---|---|", flush=True)
    for other, how in (("trace_theirs", "plain call"), ("trace_theirs_lean", "gradients off")):
        ours, theirs = both("trace_ours", other, 2048)
        what, against = "trace, BERT-base shape, 2048 tokens", f"`output_attentions=True`, {how}"
        row(f"{what}: time", seconds(ours), f"{seconds(theirs)} {against}", times(theirs, ours, "seconds"), "≥ 2.5 × faster")
        row(f"{what}: extra memory", mib(ours), f"{mib(theirs)} {against}", "1/" + times(theirs, ours, "extra_mib", unit=""), "≤ 1/10")
    long = side("long_trace", 8192)
    row("trace, BERT-base shape, 8192 tokens: peak extra memory", mib(long), "–", "–", "≤ 1.5 GiB")
    every, alone = side("all_knock_outs", 12), side("one_pass", 12)
    row(
        "all 72 knock-outs of bert, 12 tokens",
        seconds(every),
        f"{seconds(alone)} one forward pass",
        times(every, alone, "seconds"),
        "≤ 25 ×, ≤ 1 s",
    )
    row("one head of 8192 tokens as a 512-pixel overview", seconds(side("long_head", 8192)), "–", "–", "≤ 1 s")


def both(ours: str, theirs: str, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two sides in turn. Times of all rounds together, everything else of the last."""
    rounds = [(side(ours, n), side(theirs, n)) for _ in range(ROUNDS)]
    first, second = ([pair[i] for pair in rounds] for i in (0, 1))
    return merged(first), merged(second)


def merged(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return runs[-1] | {"seconds": [s for run in runs for s in run["seconds"]], "extra_mib": max(run["extra_mib"] for run in runs)}


def side(name: str, n: int) -> dict[str, Any]:
    """One side in a fresh process of this group."""
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.sides", name, str(n)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} with {n} tokens failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def value(run: dict[str, Any], field: str) -> float:
    return median(run["seconds"]) if field == "seconds" else float(run[field])


def times(theirs: dict[str, Any], ours: dict[str, Any], field: str, unit: str = " ×") -> str:
    ratio = value(theirs, field) / value(ours, field)
    return f"{ratio:,.1f}{unit}" if ratio < 20 else f"{ratio:,.0f}{unit}"


def seconds(run: dict[str, Any]) -> str:
    typical = value(run, "seconds")
    return f"{typical:.2f} s" if typical >= 1 else f"{typical * 1000:.0f} ms"


def mib(run: dict[str, Any]) -> str:
    return f"{run['extra_mib']:,.0f} MiB"


def row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
