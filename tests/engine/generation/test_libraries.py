"""Whose pictures a painted one joins: a person's own, or the storybook's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cache.collections import NewCollection, collection_ids
from cache.files import SeenFile
from cache.library import counts
from cache.pictures import NewPicture
from cache.store import Cache
from engine.collections import BUILT_IN, Collection
from engine.errors import EmptyLibraryError, RequestError
from engine.events import JobFinished
from engine.generation.request import GenerateRequest
from engine.requests import Filters, SearchRequest
from engine.settings import EngineSettings
from engine.states import Route
from tests.engine.generation.studio import StudioKit, green, space

COUNT = 40
QUERY = "a red ball"


def green_book(collection: Collection) -> NewCollection:
    """A collection of green pictures in a space of its own."""
    folder = str(collection.folder)
    return NewCollection(
        folder=folder,
        version="1",
        files=[(_file(folder, number), _picture(number)) for number in range(COUNT)],
        encoder=space("made-up/book"),
        vectors=green(COUNT),
        texts=[],
        matcher=b"",
        report="{}",
    )


def _file(folder: str, number: int) -> SeenFile:
    return SeenFile(path=f"{folder}/{number:03}.webp", size=1, mtime_ns=1)


def _picture(number: int) -> NewPicture:
    return NewPicture(
        sha256=f"{number:064x}",
        width=8,
        height=8,
        format="WEBP",
        partial=False,
        thumbnail=b"small",
    )


@pytest.fixture
async def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StudioKit]:
    """A studio whose library is the storybook alone; no trained matcher, for the fake's texts."""
    monkeypatch.setattr("cache.collections._put_matcher", lambda db, before, new: 0)
    monkeypatch.setattr("engine.library.collections.read_collection", green_book)
    monkeypatch.setattr("engine.library.collections.version_of", lambda collection: "1")
    settings = EngineSettings(home=tmp_path / "home")
    cache = await Cache.open(settings.home)
    opened = StudioKit(cache, settings, replace(BUILT_IN, folder=tmp_path / "book"))
    await opened.jobs.recover()
    await opened.collection.prepare()
    yield opened
    await opened.jobs.aclose()
    await cache.aclose()


def asked(kit: StudioKit, *, in_book: bool) -> SearchRequest:
    folders = (kit.collection.folder,) if in_book else ()
    return SearchRequest(query=QUERY, filters=Filters(folders=folders))


async def paint_for(kit: StudioKit, request: SearchRequest) -> str:
    """Search, paint what is lacking, and return the path of the picture."""
    result = await kit.searcher.search(request)
    assert result.receipt.route == Route.GENERATE
    job = await kit.generation.start(kit.request_for(result.receipt), receipt=result.receipt)
    assert isinstance(await job.wait(), JobFinished)
    return kit.generation.results(job.id)[0].path


async def test_what_is_painted_while_the_storybook_is_alone_belongs_to_it_for_good(
    kit: StudioKit,
) -> None:
    path = await paint_for(kit, asked(kit, in_book=False))
    for in_book in (False, True):
        result = await kit.searcher.search(asked(kit, in_book=in_book))
        assert (result.receipt.route, result.rows[0].path) == (Route.RETRIEVE, path)
    await kit.fill()
    own = await kit.searcher.search(asked(kit, in_book=False))
    assert (own.receipt.route, own.receipt.encoder) == (Route.GENERATE, "made-up/colours")
    assert path not in {row.path for row in own.rows}
    again = await kit.searcher.search(asked(kit, in_book=True))
    assert (again.receipt.route, again.rows[0].path) == (Route.RETRIEVE, path)


async def test_beside_ones_own_pictures_each_query_finds_what_was_painted_for_it(
    kit: StudioKit,
) -> None:
    await kit.fill()
    for_book = await paint_for(kit, asked(kit, in_book=True))
    assert (await kit.searcher.search(asked(kit, in_book=False))).receipt.route == Route.GENERATE
    for_own = await paint_for(kit, asked(kit, in_book=False))
    book = await kit.searcher.search(asked(kit, in_book=True))
    own = await kit.searcher.search(asked(kit, in_book=False))
    assert (book.rows[0].path, own.rows[0].path) == (for_book, for_own)
    assert kit.generators.sources == ["storybook", "made-up/painter"]
    assert for_own not in {row.path for row in book.rows}
    assert for_book not in {row.path for row in own.rows}
    held = await kit.cache.read(counts)
    assert held.built_in == len(await kit.cache.read(collection_ids)) == COUNT + 1
    assert held.embedded == {"made-up/book": COUNT + 1, "made-up/colours": 13}


async def test_the_first_picture_of_a_new_home_joins_the_storybook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cache.collections._put_matcher", lambda db, before, new: 0)
    monkeypatch.setattr("engine.library.collections.read_collection", green_book)
    monkeypatch.setattr("engine.library.collections.version_of", lambda collection: "1")
    settings = EngineSettings(home=tmp_path / "home")
    cache = await Cache.open(settings.home)
    kit = StudioKit(cache, settings, replace(BUILT_IN, folder=tmp_path / "book"))
    await kit.jobs.recover()
    for cached in (False, True):
        job = await kit.generation.start(GenerateRequest(prompt=QUERY, seed=1))
        await job.wait()
        assert [picture.cached for picture in kit.generation.results(job.id)] == [cached]
    assert [record.library for record in await kit.generation.pictures()] == ["storybook"]
    await kit.jobs.aclose()
    await cache.aclose()


async def test_a_painted_picture_is_the_first_of_an_empty_library(
    kit: StudioKit, tmp_path: Path
) -> None:
    await kit.collection.leave_out()
    with pytest.raises(RequestError, match="left out"):
        await kit.generation.start(GenerateRequest(prompt=QUERY), library="storybook")
    with pytest.raises(EmptyLibraryError):
        await kit.searcher.search(SearchRequest(query=QUERY))
    job = await kit.generation.start(GenerateRequest(prompt=QUERY))
    assert isinstance(await job.wait(), JobFinished)
    (picture,) = kit.generation.results(job.id)
    assert picture.score is not None
    result = await kit.searcher.search(SearchRequest(query=QUERY))
    assert [row.path for row in result.rows] == [picture.path]
    assert result.receipt.encoder == kit.settings.encoder
