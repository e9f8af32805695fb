"""A matcher over a library against the two float32 products that are in it, in the same run.

    python -m tests.bench.bench_matcher [--sizes 26000 200000] [--rounds 5]

512 numbers and 256 hidden units, in columns as a search has them and in one matrix of rows of 512
by N, whose chunks lie far apart. All take turns, and the shortest of each counts: in milliseconds
of the processor, which other programs lengthen less, and on the wall. With OPENBLAS_NUM_THREADS=1
all of it is one core's work.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from engine.scoring.columns import BLOCK, Columns
from tests.bench.bench_query import HIDDEN, random_matcher
from tests.bench.vectors import DIM, random_unit


def shortest(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of the processor and on the wall, of calls that take turns."""
    found = {name: (float("inf"), float("inf")) for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            processor, wall = time.process_time(), time.perf_counter()
            call()
            took = 1000 * (time.process_time() - processor), 1000 * (time.perf_counter() - wall)
            found[name] = min(found[name][0], took[0]), min(found[name][1], took[1])
    return found


def measure(count: int, rounds: int) -> None:
    """Print one size."""
    matrix, query = np.ascontiguousarray(random_unit(count, 1).T), random_unit(1, 2)[0]
    columns, matcher = Columns.of(matrix), random_matcher()
    one, other = (np.ascontiguousarray(matcher.w1[:, at : at + DIM]) for at in (0, DIM))

    def products() -> None:
        hidden = np.empty((HIDDEN, BLOCK), np.float32)
        for block in columns.blocks:
            for weights in (one, other):
                np.matmul(weights, block.values, out=hidden[:, : block.count])

    found = shortest(
        {
            "two products, block by block": products,
            "the matcher over columns": lambda: columns.each(partial(matcher.logits, query)),
            "the matcher over one matrix": lambda: matcher.logits(query, matrix),
        },
        rounds,
    )
    print(f"\n{count:,} pictures{'':22} processor  ratio      wall  ratio")
    base = found["two products, block by block"]
    for name, took in found.items():
        cells = (f"{mine:9.0f} {mine / its:6.2f}" for mine, its in zip(took, base, strict=True))
        print(f"  {name:34} {' '.join(cells)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every size that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[26_000, 200_000])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    for count in asked.sizes:
        measure(count, asked.rounds)


if __name__ == "__main__":
    main()
