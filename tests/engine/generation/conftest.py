"""A studio over a cache on the disk."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cache.store import Cache
from engine.settings import EngineSettings
from tests.engine.generation.studio import StudioKit


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[StudioKit]:
    """A studio with green pictures in its library."""
    settings = EngineSettings(home=tmp_path / "home")
    cache = await Cache.open(settings.home)
    kit = StudioKit(cache, settings)
    await kit.jobs.recover()
    await kit.fill()
    yield kit
    await kit.jobs.aclose()
    await kit.encoders.aclose()
    await cache.aclose()
