"""Pictures that are marked, compared, copied."""

from __future__ import annotations

import pytest

from engine.errors import CacheError
from t2itui.screens.search.pictures import PictureController
from t2itui.session import ComparePictures
from tests.t2itui.search.controllers.desk import (
    Desk,
    listing_of,
)


async def test_pictures_are_marked_and_taken_to_the_comparison(desk: Desk) -> None:
    pictures = PictureController(desk.session, desk.screen)
    fetched = await pictures.fetch([1, 2])
    desk.results.listing = listing_of('"a dog" + "snow"')
    for picture_id in (2, 1):
        desk.results.content = fetched[picture_id]
        pictures.mark(desk.results)
    assert desk.results.marked == frozenset({1, 2})
    pictures.compare(desk.results)
    intent = desk.intents[-1]
    assert isinstance(intent, ComparePictures)
    assert [path.rpartition("/")[2] for path in intent.pictures] == [
        "picture_0002.jpg",
        "picture_0001.jpg",
    ]
    assert intent.texts == ("a dog", "snow")


async def test_pictures_of_a_cache_that_cannot_be_read_are_left_out(desk: Desk) -> None:
    async def fail(picture_ids: list[int]) -> None:
        raise CacheError("the disk is gone")

    vars(desk.engine.library)["thumbnails"] = fail
    assert await PictureController(desk.session, desk.screen).fetch([1]) == {}
    assert [notice.title for notice in desk.notices] == ["Pictures cannot be read"]


async def test_a_folder_is_copied_where_nothing_can_open_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t2itui.screens.search.pictures.opener", lambda: None)
    pictures = PictureController(desk.session, desk.screen)
    content = (await pictures.fetch([1]))[1]
    pictures.copy_path(content)
    pictures.open_folder(content)
    await desk.screen.run()
    folder = content.shown.path.rpartition("/")[0]
    assert desk.screen.said == [f"copied {content.shown.path}", f"copied {folder}"]
