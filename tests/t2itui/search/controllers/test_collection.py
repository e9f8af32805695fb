"""What the screen begins with, by what there is to search."""

from __future__ import annotations

from engine.errors import CacheError
from engine.events import (
    LibraryChanged,
)
from engine.results import LibraryCounts
from t2itui.screens.search.asking import AskingController
from t2itui.screens.search.collection import (
    CHANGED,
    ONLY_BUILT_IN,
    OWN_PICTURES,
    CollectionController,
)
from tests.t2itui.fakes import FakeEngine
from tests.t2itui.search.controllers.desk import (
    Desk,
    FakeStrip,
    listing_of,
)


class LibraryDesk(Desk):
    """A desk whose library a test fills."""

    def __init__(self, *, own: int, shipped: int = 0, start_query: str = "") -> None:
        super().__init__(FakeEngine(own + shipped, queries=("a cat", "a dog")))
        self.session.start_query = start_query
        self.own, self.shipped = own, shipped
        vars(self.engine.library)["counts"] = self.counts
        self.strip = FakeStrip()
        self.asking = AskingController(self.session, self.screen)
        self.collection = CollectionController(self.session, self.screen, self.asking, self.strip)

    async def counts(self) -> LibraryCounts:
        return LibraryCounts(
            pictures=self.own + self.shipped,
            present=self.own + self.shipped,
            vanished=0,
            partial=0,
            synthetic=0,
            failures=0,
            embedded={},
            bytes_on_disk=0,
            built_in=self.shipped,
        )

    async def begin(self) -> LibraryDesk:
        self.open()
        self.collection.begin()
        await self.screen.run()
        return self


async def test_an_empty_library_begins_with_the_first_steps() -> None:
    desk = await LibraryDesk(own=0).begin()
    assert desk.screen.said == ["past 2", "first start"]
    assert not desk.collection.has_pictures


async def test_own_pictures_begin_with_a_greeting() -> None:
    desk = await LibraryDesk(own=5, shipped=600).begin()
    assert desk.screen.said == ["past 2", "greeting 5"]
    assert (desk.collection.has_both, desk.collection.has_suggestions) == (True, False)
    assert desk.session.collection == ""


async def test_the_query_of_the_command_line_is_asked_first() -> None:
    desk = await LibraryDesk(own=5, start_query="a dog").begin()
    assert desk.screen.said[-1] == "search a dog"


async def test_the_storybook_alone_begins_with_a_suggestion() -> None:
    desk = LibraryDesk(own=0, shipped=600)
    examples: list[str] = []
    vars(desk.asking)["show_example"] = examples.append
    await desk.begin()
    assert (examples, desk.strip.is_open) == (["suggestion 0"], True)
    assert desk.session.collection == "storybook"
    desk.collection.suggest()
    assert desk.screen.said[-1] == "search suggestion 1"


async def test_a_key_goes_to_the_storybook_and_back() -> None:
    desk = await LibraryDesk(own=5, shipped=600).begin()
    desk.asking.ask_among(desk.collection.other_filters)
    desk.collection.follow_filters()
    assert desk.asking.filters.folders == ONLY_BUILT_IN
    assert desk.session.collection == "storybook"
    assert desk.collection.has_suggestions
    desk.asking.ask_among(desk.collection.other_filters)
    desk.collection.follow_filters()
    assert desk.session.collection == ""


async def test_a_library_that_comes_or_goes_begins_anew() -> None:
    desk = await LibraryDesk(own=0).begin()
    desk.own = 3
    desk.collection.look_again()
    await desk.screen.run()
    assert desk.screen.said[-1] == "greeting 3"
    desk.own = 4
    desk.collection.look_again()
    await desk.screen.run()
    assert desk.screen.said.count("past 2") == 2, "more of the same is no new beginning"


async def test_a_change_is_offered_beside_an_answer_and_begins_where_there_is_none() -> None:
    desk = await LibraryDesk(own=0).begin()
    change = LibraryChanged(job_id=1, added=3)
    desk.own = 3
    desk.collection.follow_event(change)
    desk.collection.follow_event(change)
    assert len(desk.screen.timers) == 1, "it is not looked at for every batch"
    desk.screen.is_waiting = True
    desk.screen.timers[0].end()
    assert len(desk.screen.timers) == 2, "an answer is on its way"
    desk.screen.is_waiting = False
    desk.screen.timers[1].end()
    await desk.screen.run()
    assert desk.screen.said[-1] == "greeting 3"
    desk.screen.answers.append(listing_of("a dog"))
    desk.collection.follow_event(change)
    assert desk.screen.said[-1] == "greeting 3", "the answer is not in sight"
    desk.screen.shows_answer = True
    desk.collection.follow_event(change)
    assert desk.screen.said[-1] == CHANGED


async def test_the_first_own_pictures_beside_the_storybook_are_told_of() -> None:
    desk = LibraryDesk(own=0, shipped=600)
    vars(desk.asking)["show_example"] = lambda query: None
    await desk.begin()
    desk.screen.answers.append(listing_of("a dog"))
    desk.screen.shows_answer = True
    desk.own = 2
    desk.collection.follow_event(LibraryChanged(job_id=1, added=2))
    await desk.screen.run()
    assert desk.screen.said[-1] == OWN_PICTURES
    assert desk.session.collection == ""


async def test_a_cache_that_cannot_be_read_is_said() -> None:
    desk = LibraryDesk(own=5)

    async def fail() -> LibraryCounts:
        raise CacheError("the disk is gone")

    vars(desk.engine.library)["counts"] = fail
    await desk.begin()
    assert desk.screen.said == ["error the disk is gone"]
