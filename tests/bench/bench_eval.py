"""How long an evaluation takes against the matrix products it needs: `make bench`.

1,000 pictures and 5,000 captions of 512 numbers. Both directions by cosine need one product each;
the goal is twice their time, for ranks, recall, median rank and mAP with all intervals.
"""

import time
from collections.abc import Callable

import numpy as np

from engine.evaluation.data import Data, SwappedPair
from engine.evaluation.figures import DirectedQueries, retrieval, swap
from engine.results import FloatArray
from engine.scoring.metrics import RightPairs, rank_queries, transposed
from engine.scoring.resampling import paired_difference, resample_weights
from engine.states import DataKind

PICTURES, TEXTS, DIM = 1000, 5000, 512


def best_of(call: Callable[[], object], times: int = 5) -> float:
    """The shortest time in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return 1000 * min(taken)


def main() -> None:
    random = np.random.default_rng(0)
    pictures = random.standard_normal((PICTURES, DIM), dtype=np.float32)
    owner = np.arange(TEXTS) // (TEXTS // PICTURES)
    texts = pictures[owner] + 4 * random.standard_normal((TEXTS, DIM), dtype=np.float32)
    texts, pictures = _unit(texts), _unit(pictures)
    data = Data(
        name="bench",
        kind=DataKind.CAPTIONS,
        pictures=tuple(map(str, range(PICTURES))),
        texts=tuple(map(str, range(TEXTS))),
        right=RightPairs.of(np.arange(TEXTS), owner),
    )
    there, back = DirectedQueries.texts(data, 0, 0), DirectedQueries.pictures(data, 0, 0)

    def products() -> None:
        np.matmul(texts, pictures.T)
        np.matmul(pictures, texts.T)

    def ranks() -> None:
        scores = texts @ pictures.T
        rank_queries(scores, there.right)
        rank_queries(transposed(scores), back.right)

    def everything() -> None:
        resample_weights.cache_clear()
        scores = texts @ pictures.T
        for matrix, make in (
            (scores, DirectedQueries.texts),
            (transposed(scores), DirectedQueries.pictures),
        ):
            retrieval("cosine", matrix, make(data, 1000, 0))

    floor = best_of(products)
    print(f"{PICTURES:,} pictures x {TEXTS:,} captions; two matrix products: {floor:.0f} ms")
    for name, call in (("ranks, both directions", ranks), ("... with 1,000 resamples", everything)):
        taken = best_of(call)
        print(f"  {name}: {taken:.0f} ms, {taken / floor:.2f} x the products")
    scores = texts @ pictures.T
    _, ranked = retrieval("cosine", scores, there)
    draws = DirectedQueries.texts(data, 1000, 0).draws
    values = ranked.precision
    taken = best_of(lambda: paired_difference(values, values[::-1].copy(), draws))
    print(f"  paired test: {taken:.0f} ms, {taken / floor:.2f} x the products")
    pairs = [
        SwappedPair(true="", false="", picture=picture, attribute="one")
        for picture in owner.tolist()
    ]
    good, bad = random.standard_normal((2, TEXTS))
    swap("cosine", good, bad, pairs, 10, 0)
    taken = best_of(lambda: swap("cosine", good, bad, pairs, 1000, 0))
    print(f"  {TEXTS:,} swapped pairs with 200 resamples: {taken:.0f} ms")


def _unit(rows: FloatArray) -> FloatArray:
    scaled: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


if __name__ == "__main__":
    main()
