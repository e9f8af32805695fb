"""A database in memory, and a cache on disk."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from cache.store import Cache, open_database


@pytest.fixture
def db() -> Iterator[Database]:
    database = open_database(":memory:")
    yield database
    database.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "home"


@pytest.fixture
async def cache(home: Path) -> AsyncIterator[Cache]:
    opened = await Cache.open(home)
    yield opened
    await opened.aclose()
