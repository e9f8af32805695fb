"""A small library of made-up vectors, searched without a model."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cache.store import Cache
from engine.models.encoders import Encoders
from engine.search.searcher import Searcher
from engine.settings import EngineSettings
from tests.engine.search.libraries import fill, noise, searcher_of
from tests.tiny_models import save_tiny_clip

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


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real encoder."""
    return save_tiny_clip(tmp_path_factory.mktemp("models") / "tiny-clip")


@pytest.fixture
def settings(tmp_path: Path, model: Path) -> EngineSettings:
    return EngineSettings(home=tmp_path / "home", encoder=str(model), device="cpu", dtype="fp32")


@pytest.fixture
async def encoders(settings: EngineSettings) -> AsyncIterator[Encoders]:
    opened = Encoders(settings)
    yield opened
    await opened.aclose()
