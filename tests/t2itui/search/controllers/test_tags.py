"""Tags of the selected picture: shown where the words are at hand, embedded where asked for."""

from __future__ import annotations

from engine.errors import ModelMissingError
from t2itui.screens.search.tags import TagController
from tests.t2itui.search.controllers.desk import Desk, listing_of


class Tagging:
    """A controller whose answer can be tagged."""

    def __init__(self) -> None:
        self.desk = desk = Desk().open()
        self.tagger = desk.engine.searcher.tagger
        self.tagger.words = ("horse", "meadow")
        self.results = desk.results
        self.results.listing = listing_of("a dog", threshold=0.4)
        self.controller = TagController(desk.session, desk.screen, desk.results)

    async def rest(self) -> None:
        """Stay on the picture."""
        while self.desk.screen.timers:
            self.desk.screen.timers.pop(0).end()
        await self.desk.screen.run()

    @property
    def words(self) -> list[str] | None:
        found = self.results.tags
        return None if found is None else [tag.word for tag in found.tags]


async def test_a_selected_picture_is_tagged_where_the_words_are_at_hand() -> None:
    tagging = Tagging()
    tagging.tagger.is_embedded = True
    tagging.controller.follow()
    assert tagging.words is None, "the tags of the picture before are gone at once"
    await tagging.rest()
    assert tagging.words == ["horse", "meadow"]
    receipt = tagging.results.listing.result.receipt  # type: ignore[union-attr]
    assert tagging.tagger.asked == [(tagging.results.picture_id, receipt.encoder, 0.4)]


async def test_no_model_is_started_until_somebody_asks() -> None:
    tagging = Tagging()
    tagging.controller.follow()
    await tagging.rest()
    assert tagging.words is None
    tagging.controller.tag()
    await tagging.rest()
    assert tagging.words == ["horse", "meadow"]


async def test_tags_of_a_picture_that_was_left_are_not_shown() -> None:
    tagging = Tagging()
    tagging.tagger.is_embedded = True
    tagging.controller.tag()
    tagging.results.select(3)
    await tagging.desk.screen.run()
    assert tagging.words is None


async def test_keys_that_are_held_down_pass_over_pictures() -> None:
    tagging = Tagging()
    tagging.tagger.is_embedded = True
    for position in range(5):
        tagging.results.select(position)
        tagging.controller.follow()
    await tagging.rest()
    assert [picture for picture, _, _ in tagging.tagger.asked] == [tagging.results.picture_id]


async def test_what_goes_wrong_is_said_where_somebody_asked() -> None:
    tagging = Tagging()
    tagging.tagger.error = ModelMissingError("no model", hint="get one")
    tagging.controller.follow()
    await tagging.rest()
    assert tagging.desk.notices == []
    tagging.controller.tag()
    await tagging.rest()
    assert ["no model" in notice.message for notice in tagging.desk.notices] == [True]


def test_there_is_no_command_without_a_picture() -> None:
    tagging = Tagging()
    assert tagging.controller.command == ""
