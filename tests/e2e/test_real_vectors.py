"""The whole of ranking and routing on published CLIP vectors of real photos."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cache.embeddings import EncoderRecord
from cache.store import Cache
from engine.requests import SearchRequest
from engine.scoring import ranking
from engine.search.searcher import Searcher
from engine.states import Route, ZeroState
from tests.bench.measure_routing import distractors
from tests.e2e.class_words import (
    ABSENT,
    CLEARLY_ABSENT,
    CLEARLY_PRESENT,
    PRESENT,
    choose_absent,
    choose_present,
)
from tests.e2e.real_vectors import load
from tests.engine.search.libraries import fill, searcher_of
from tests.shared_data import needs

pytestmark = needs("clip_vitb32")

ENCODER = EncoderRecord(id="openai/clip-vit-base-patch32", dim=512, logit_scale=100.0, source="")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
async def searcher(home: Path) -> AsyncIterator[Searcher]:
    is_new = not (home / "cache.sqlite3").exists()
    cache = await Cache.open(home)
    if is_new:
        real = load()
        await fill(cache, real.names, real.pictures, real.texts, real.vectors, ENCODER)
        await searcher_of(cache, home).measure(ENCODER.id, 0, lambda _: None)
    yield searcher_of(cache, home)
    await cache.aclose()


def test_the_class_words_are_the_ones_that_the_caption_counts_choose() -> None:
    counts = load().counts()
    assert choose_present(counts) == PRESENT
    assert choose_absent(counts) == ABSENT


@pytest.mark.parametrize(
    ("query", "route"),
    [("a dog", Route.RETRIEVE), ("a piano", Route.GENERATE), ("a pizza", Route.GENERATE)],
)
async def test_what_is_there_is_retrieved_and_what_is_not_is_generated(
    searcher: Searcher, query: str, route: str
) -> None:
    result = await searcher.search(SearchRequest(query=query, offline=True))
    assert result.receipt.route == route, result.receipt.reason
    assert result.receipt.considered == 1828
    assert result.receipt.zero == ZeroState.CURRENT
    assert sum(result.receipt.histogram) == 1828


async def test_the_first_pictures_of_a_dog_are_dogs(searcher: Searcher) -> None:
    real = load()
    for scorer in ranking.ALWAYS_SCORED:
        request = SearchRequest(query="a dog", top=20, scorer=scorer, offline=True)
        rows = (await searcher.search(request)).rows
        assert sum("dog" in real.captions[Path(row.path).name] for row in rows) >= 19


async def test_mean_average_precision_equals_a_plain_computation(searcher: Searcher) -> None:
    real = load()
    counts = real.counts()
    words = [word for word, count in counts.items() if count >= 10]
    relevant = {
        word: np.array([f" {word}" in f" {real.captions[name]}" for name in real.names])
        for word in words
    }
    plain, engine = [], []
    for word in words:
        # In float64, for two float32 products in different orders of summation swap near ties.
        cosine = real.pictures.astype(np.float64) @ real.vector(f"a {word}")
        plain.append(average_precision(relevant[word][np.argsort(-cosine, kind="stable")]))
        result = await searcher.scored(
            SearchRequest(query=f"a {word}", scorer="cosine", top=1, offline=True)
        )
        assert result.scores is not None
        engine.append(average_precision(relevant[word][ranking.order(result.scores, "cosine")]))
    assert len(words) > 40
    assert np.mean(engine) == pytest.approx(np.mean(plain), abs=1e-6)
    assert np.mean(engine) > 0.25


async def routed(searcher: Searcher, words: tuple[str, ...], route: str) -> int:
    request = SearchRequest(query="", top=1, offline=True)
    results = [await searcher.search(replace(request, query=f"a {word}")) for word in words]
    return sum(result.receipt.route == route for result in results)


async def test_nine_in_ten_clear_words_are_routed_right(searcher: Searcher) -> None:
    found = await routed(searcher, CLEARLY_PRESENT, Route.RETRIEVE)
    lacking = await routed(searcher, CLEARLY_ABSENT, Route.GENERATE)
    assert found + lacking >= 54
    assert min(found, lacking) >= 26


async def test_words_chosen_by_caption_counts_alone_are_routed_as_measured(
    searcher: Searcher,
) -> None:
    """Fewer than of the clear ones: captions leave unsaid, and name what pictures hardly show."""
    assert await routed(searcher, PRESENT, Route.RETRIEVE) >= 26
    assert await routed(searcher, ABSENT, Route.GENERATE) >= 23


def test_made_up_pictures_are_spread_as_photos_are() -> None:
    """What the bench fills libraries with; it would prove nothing if texts could tell them."""
    real = load()
    made = np.concatenate(list(distractors(real.pictures, 6000, seed=0)))
    assert made.shape == (6000, 512)
    np.testing.assert_array_equal(made[:1828], real.pictures)
    made = made[1828:]
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    spreads = [(real.vectors @ some.T).std(axis=1).mean() for some in (made, real.pictures)]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.05)
    levels = [(real.vectors @ some.T).mean() for some in (made, real.pictures)]
    assert levels[0] == pytest.approx(levels[1], abs=0.005)
    assert (made @ real.pictures.T).max(axis=1).mean() < 0.99


def average_precision(relevant: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    """Mean precision at the rank of every relevant picture."""
    found = np.cumsum(relevant)[relevant]
    ranks = np.flatnonzero(relevant) + 1
    return float(np.mean(found / ranks))
