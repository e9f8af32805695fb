"""A library in two passes beside scoring all of it: time, recall@100 and memory.

    python -m tests.bench.bench_narrow [--pictures 1000000] [--data FOLDER]

With the CLIP vectors of photos and words that the tests know (`shared/data`), the pictures are
these photos and mixtures of them; without, random ones, among which nothing is near to anything.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import faiss
import numpy as np

from engine.results import FloatArray, IdArray
from engine.scoring.columns import Columns
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.label_free import Background
from engine.scoring.match import MatchContext, sampled
from engine.scoring.matcher import read_matcher
from engine.scoring.narrow import LEARNED_FROM, NarrowSpace, codes_of
from engine.scoring.ranking import top_indices
from engine.search import narrow
from engine.search.embedded_query import EmbeddedQuery, scores_of
from engine.search.narrow import measure
from engine.search.narrow_codes import offsets_of
from engine.search.narrow_scores import NarrowLibrary, narrowed_scores, some_of
from tests.bench.measure_routing import distractors
from tests.bench.vectors import random_unit
from tests.engine.matchers import random_matcher
from tests.shared_data import DATA

BACKGROUND, ASKED = 200, 20


def vectors(folder: Path, count: int) -> tuple[Iterator[FloatArray], FloatArray]:
    """Pictures [n, 512] in parts, and texts."""
    photos, texts = (
        folder / "clip_vitb32" / f"{name}.npz" for name in ("flickr8k_images", "texts")
    )
    if not photos.exists():
        return (random_unit(min(100_000, count - at), at) for at in range(0, count, 100_000)), (
            random_unit(BACKGROUND + ASKED, 1)
        )
    with np.load(photos) as one, np.load(texts) as two:
        return distractors(one["vector"].astype(np.float32), count, 0), two["vector"].astype(
            np.float32
        )


def columns_of(parts: Iterator[FloatArray], count: int) -> Columns:
    """The pictures as a library holds them."""

    def numbered() -> Iterator[tuple[IdArray, FloatArray]]:
        at = 0
        for part in parts:
            yield np.arange(at, at + len(part)), part
            at += len(part)

    return Columns.of_rows(numbered(), count, 512)


def best_s(work: Callable[[], object], rounds: int = 3) -> float:
    """The least seconds."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, default=DATA)
    asked = parser.parse_args()
    parts, texts = vectors(asked.data, asked.pictures)
    columns = columns_of(parts, asked.pictures)
    matrix = EmbeddingMatrix(revision=0, picture_ids=np.arange(columns.count), columns=columns)
    background = Background(
        vectors=texts[:BACKGROUND],
        random=texts[:BACKGROUND],
        has_surroundings=True,
        key="bench",
        scorer="label-free",
    )
    context = MatchContext(matrix=matrix, logit_scale=100.0, backgrounds={"": background})
    began = time.perf_counter()
    some = sampled(matrix.picture_ids, LEARNED_FROM)[0]
    space = NarrowSpace.learn(columns.take(some), background.random[narrow.TESTED :])
    codes = codes_of(space, columns)
    offsets = offsets_of(background.vectors, 100.0, columns.blocks)
    rows = sampled(matrix.picture_ids, narrow.SAMPLE)[0]
    library = NarrowLibrary(
        matrix=matrix,
        space=space,
        codes=codes,
        offsets=offsets,
        sample=rows,
        sampled=some_of(matrix, rows),
    )
    learning = time.perf_counter() - began
    print(f"{columns.count:,} pictures: {columns.bytes >> 20} MB; learned in {learning:.1f} s")
    size = sum(block.nbytes for block in codes) + offsets.nbytes
    print(f"codes {size >> 20} MB, a sample {library.sampled.columns.bytes >> 20} MB")
    matcher = read_matcher(random_matcher("e", 512, hidden=256), "e")
    found = measure(library, EmbeddedQuery(vector=texts[-1], context=context))
    print(found.sentence())
    for name, scored in (
        ("label-free", context),
        (
            "a matcher of 256 hidden units",
            MatchContext(
                matrix=matrix, logit_scale=100.0, backgrounds={"": background}, matcher=matcher
            ),
        ),
    ):
        query = EmbeddedQuery(vector=texts[-1], context=scored)
        rounds = 3 if scored.matcher is None else 1
        all_s = best_s(partial(scores_of, query, None), rounds)
        ours = best_s(partial(narrowed_scores, query, None, library, found.candidates), rounds)
        print(
            f"{name}: all {1000 * all_s:.0f} ms, two passes {1000 * ours:.0f} ms"
            f" ({all_s / ours:.1f} times as fast)"
        )
    against_signs(columns, texts, space, library)


def against_signs(
    columns: Columns, texts: FloatArray, space: NarrowSpace, library: NarrowLibrary
) -> None:
    """Recall@100 by cosine of as many candidates by directions and by sign bits (faiss)."""
    words = texts[BACKGROUND : BACKGROUND + ASKED]
    mean = (columns.total() / columns.count).astype(np.float32)
    bits = [np.packbits(mean < block.columns().T, axis=1) for block in columns.blocks]
    index = faiss.IndexBinaryFlat(512)
    index.add(np.concatenate(bits))
    asked = np.packbits(words > words.mean(axis=0), axis=1)
    for size in narrow.CANDIDATES:
        began = time.perf_counter()
        _, by_signs = index.search(asked, size)
        signs_s = (time.perf_counter() - began) / len(words)
        found = np.zeros((len(words), 2))
        for at, (word, cosine) in enumerate(zip(words, words @ columns, strict=True)):
            nearest = top_indices(cosine, 100)
            best = top_indices(space.estimates(word, library.codes), size)
            found[at] = [np.isin(nearest, each).mean() for each in (best, by_signs[at])]
        ours, signs = found.mean(axis=0)
        print(
            f"{size:6,} candidates: recall@100 {ours:.3f}; by sign bits {signs:.3f}"
            f" (faiss, {1000 * signs_s:.0f} ms)"
        )


if __name__ == "__main__":
    main()
