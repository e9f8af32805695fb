"""A small library of made-up vectors, searched without a model."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cache.store import Cache
from engine.search.searcher import Searcher
from tests.engine.search.libraries import fill, noise, searcher_of

TEXTS = ["a dog", "snow", "grass", *(f"thing {number}" for number in range(40))]


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    opened = await Cache.open(tmp_path / "home")
    yield opened
    await opened.aclose()


@pytest.fixture
async def ids(cache: Cache) -> list[int]:
    """60 pictures: 50 below /photos/a, 10 below /photos/b."""
    names = [f"/photos/{'a' if n < 50 else 'b'}/{n:02}.jpg" for n in range(60)]
    return await fill(cache, names, noise(60, seed=1), TEXTS, noise(len(TEXTS), seed=2))


@pytest.fixture
def searcher(cache: Cache, ids: list[int]) -> Searcher:
    return searcher_of(cache, cache.home)
