"""Sparse attention against full attention at n = 4,096 and window 128, as ratios: python tests/benchmarks/variants.py

Twelve heads, d = 64, random numbers; full attention is torch's fused kernel. Ratios above 1 are faster than full attention.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from attnlab.core.costs import MEASURED, measure
from attnlab.core.variants import Options

N, OPTIONS = 4096, Options(width=128, stride=64, n_global=2, n_random=8)


def main() -> None:
    print(f"n = {N}, window {OPTIONS.width}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
    for timing in measure(MEASURED, (N,), options=OPTIONS, runs=5):
        print(f"{timing.name:<12} {1000 * timing.seconds:9.1f} ms   {timing.ratio:6.1f} x")


if __name__ == "__main__":
    main()
