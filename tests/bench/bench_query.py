"""Query time against numpy, faiss flat and usearch exact, in the same run.

    python -m tests.bench.bench_query [--sizes 26000 200000]

Top 10 by cosine is what the other programs offer; `match` is measured beside it, once label-free
and once by a matcher with 256 hidden units. Every figure is the best of several, in milliseconds;
products use as many threads as the libraries take.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import faiss
import numpy as np
from usearch.index import search as usearch_search

from engine.results import FloatArray
from engine.scoring import decision, label_free, ranking
from engine.scoring.columns import Columns
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.label_free import Background
from engine.scoring.match import MatchContext, measure_zero
from engine.scoring.perceptron import Perceptron
from engine.search.text_embedder import RANDOM_PROMPTS, rival_prompts
from engine.states import ScorerKind
from tests.bench.vectors import DIM, random_unit

HIDDEN, TOP = 256, 10


def best_ms(call: Callable[[], object], seconds: float = 1.5) -> float:
    """The shortest of as many runs as fit into some seconds, at least three."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def random_matcher() -> Perceptron:
    """A matcher of the usual size; its numbers do not matter to the clock."""
    rng = np.random.default_rng(0)
    return Perceptron(
        w1=rng.standard_normal((HIDDEN, 4 * DIM), dtype=np.float32),
        b1=rng.standard_normal(HIDDEN, dtype=np.float32),
        w2=rng.standard_normal((1, HIDDEN), dtype=np.float32),
        b2=np.zeros(1, np.float32),
    )


def measure(count: int) -> None:
    """Print one size."""
    rows, query = random_unit(count, 1), random_unit(1, 2)[0]
    columns, matcher = Columns.of(rows.T), random_matcher()
    random, bank = random_unit(RANDOM_PROMPTS, 3), random_unit(len(rival_prompts()["en"]), 4)
    ids = np.arange(count, dtype=np.int64)
    index = faiss.IndexFlatIP(DIM)
    index.add(rows)
    background = label_free.prepare(bank, columns, 100.0)
    context = MatchContext(
        matrix=EmbeddingMatrix(revision=0, picture_ids=ids, columns=columns),
        logit_scale=100.0,
        backgrounds={"": Background(vectors=bank, random=random, has_surroundings=True)},
    )
    zero = measure_zero(context, ScorerKind.LABEL_FREE)
    assert zero is not None

    def floor() -> object:
        return rows.sum()

    def numpy_top() -> object:
        scores = rows @ query
        first = np.argpartition(-scores, TOP)[:TOP]
        return first[np.argsort(-scores[first])]

    def engine_cosine() -> object:
        return ranking.top_indices(query @ columns, TOP)

    def engine_label_free() -> object:
        cosine = query @ columns
        logits = label_free.softmax_logits(background, query, cosine, columns, are_rivals=True)
        return decide(cosine, logits)

    def place(logits: FloatArray) -> FloatArray:
        return zero.placement(decision.Surroundings.of(random, query[None]), logits)(logits)

    def engine_matcher() -> object:
        return decide(query @ columns, columns.each(partial(matcher.logits, query)))

    def decide(cosine: FloatArray, logits: FloatArray) -> object:
        scores = ranking.make_scores(ids, cosine, place(logits))
        ranking.route(scores, 0.5)
        return ranking.histogram(scores), ranking.top(scores, "match", TOP)

    def concatenated() -> object:
        text = np.broadcast_to(query, rows.shape)
        x = np.concatenate([text, rows, np.abs(text - rows), text * rows], axis=1)
        return np.maximum(x @ matcher.w1.T + matcher.b1, 0) @ matcher.w2.T

    found = {
        "read every vector once (numpy sum)": best_ms(floor),
        "numpy X @ q, top 10": best_ms(numpy_top),
        "faiss flat, top 10": best_ms(lambda: index.search(query[None], TOP)),
        "usearch exact, top 10": best_ms(lambda: usearch_search(rows, query, TOP, exact=True)),
        "t2itui cosine, top 10": best_ms(engine_cosine),
        "t2itui cosine + match label-free, route": best_ms(engine_label_free),
        "t2itui cosine + match by matcher, route": best_ms(engine_matcher),
    }
    if count <= 50_000:
        found["matcher over a concatenation in memory"] = best_ms(concatenated)
    found["once a library: arrange"] = best_ms(lambda: Columns.of_rows([(ids, rows)], count, DIM))
    found[f"once a library: zero of {len(random)}"] = best_ms(
        lambda: measure_zero(context, ScorerKind.LABEL_FREE)
    )
    found[f"once a library: background of {len(bank)}"] = best_ms(
        lambda: label_free.prepare(bank, columns, 100.0)
    )
    flat = found["faiss flat, top 10"]
    print(f"\n{count:,} pictures of {DIM} numbers{'':22} ms   x faiss flat")
    for name, milliseconds in found.items():
        print(f"  {name:42} {milliseconds:9.2f} {milliseconds / flat:10.2f}")
    same = set(ranking.top_indices(query @ columns, TOP).tolist())
    print(f"  the same ten as faiss: {same == set(index.search(query[None], TOP)[1][0].tolist())}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every size that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[26_000, 200_000])
    for count in parser.parse_args(arguments).sizes:
        measure(count)


if __name__ == "__main__":
    main()
