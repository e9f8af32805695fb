"""Stepping through the words of a description: what is shown, waited for, followed and left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from engine.engine import Engine
from engine.errors import ModelMissingError
from engine.requests import WhereRequest
from engine.results import WhereResult
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.common.word_maps import REST_S, Looked, WordMapController
from t2itui.session import Notice, Session
from t2itui.text.word_maps import fitted_tenths, word_title
from tests.t2itui.fake_host import FakeHost
from tests.t2itui.fakes import FakeEngine, made_up_maps

DOG = Looked(picture="/dog.jpg", text="brown dog", encoder_id="e")
DOG_AND_NOWHERE = WhereRequest(picture="/dog.jpg", text="dog nowhere")
CAT = Looked(picture="/cat.jpg", text="brown dog", encoder_id="e")


@dataclass
class FakeBars(FakeHost):
    """What is shown, in words."""

    shown: str = "plain"
    log: list[str] = field(default_factory=list)

    def show_word(self, found: WhereResult, index: int) -> None:
        self._say(f"{found.picture} {found.words[index].word}")

    def show_waiting(self) -> None:
        self._say("waiting")

    def show_plain(self) -> None:
        self._say("plain")

    def cancel_work(self) -> None:
        self.waiting.clear()

    def _say(self, words: str) -> None:
        self.shown = words
        self.log.append(words)


class Steps:
    """A controller over a made-up engine, with a picture in front."""

    def __init__(self, front: Looked | None = DOG) -> None:
        self.engine = FakeEngine()
        self.bars = FakeBars()
        self.front = front
        graphics = Graphics(protocol=GraphicsProtocol.HALF_CELLS, reason="a test")
        session = Session(graphics=graphics)
        session.engine = cast("Engine", self.engine)
        self.notices: list[Notice] = []
        session.notices.subscribe(self.notices.append)
        self.maps = WordMapController(session, self.bars, lambda: self.front)

    async def step(self) -> str:
        self.maps.step()
        await self.bars.run()
        return self.bars.shown

    async def follow(self, front: Looked | None) -> str:
        self.front = front
        self.maps.follow()
        while self.bars.timers:
            self.bars.timers.pop(0).end()
        await self.bars.run()
        return self.bars.shown


async def test_each_step_shows_the_next_word_and_past_the_last_the_picture_is_plain() -> None:
    steps = Steps()
    shown = [await steps.step() for _ in range(4)]
    assert shown == ["/dog.jpg brown", "/dog.jpg dog", "plain", "/dog.jpg brown"]
    assert [(each.picture, each.text, each.encoder_id) for each in steps.engine.words.asked] == [
        ("/dog.jpg", "brown dog", "e")
    ], "a picture is looked at once"


async def test_without_a_word_to_look_for_a_step_says_so() -> None:
    steps = Steps(front=None)
    assert await steps.step() == "plain"
    assert ["no word" in notice.message for notice in steps.notices] == [True]


async def test_the_next_picture_shows_the_same_word_after_a_rest() -> None:
    steps = Steps()
    await steps.step()
    await steps.step()
    steps.front = CAT
    steps.maps.follow()
    assert steps.bars.shown == "waiting"
    assert [timer.seconds for timer in steps.bars.timers] == [REST_S]
    assert len(steps.engine.words.asked) == 1, "keys held down pass over a picture"
    assert await steps.step() == "waiting", "a step while waiting asks for nothing"
    assert await steps.follow(CAT) == "/cat.jpg dog"


async def test_a_picture_that_rests_is_looked_at_and_one_that_is_known_needs_no_rest() -> None:
    steps = Steps()
    await steps.step()
    await steps.step()
    assert await steps.follow(CAT) == "/cat.jpg dog"
    steps.front = DOG
    steps.maps.follow()
    assert (steps.bars.shown, steps.bars.timers) == ("/dog.jpg dog", [])


async def test_another_description_begins_with_its_first_word() -> None:
    steps = Steps()
    await steps.step()
    await steps.step()
    other = Looked(picture=DOG.picture, text="red ball", encoder_id="e")
    assert await steps.follow(other) == "/dog.jpg red"


async def test_what_is_plain_stays_plain_on_other_pictures() -> None:
    steps = Steps()
    assert await steps.follow(CAT) == "plain"
    assert steps.engine.words.asked == []


async def test_where_there_is_nothing_to_look_at_maps_come_back_with_the_next_picture() -> None:
    steps = Steps()
    await steps.step()
    assert await steps.follow(None) == "plain"
    assert await steps.follow(CAT) == "/cat.jpg brown"


async def test_stopping_leaves_the_picture_plain_and_nothing_to_wait_for() -> None:
    steps = Steps()
    steps.maps.step()
    assert steps.maps.stop()
    assert (steps.bars.shown, steps.bars.waiting) == ("plain", [])
    assert not steps.maps.stop(), "there is nothing more to stop"
    assert await steps.step() == "/dog.jpg brown"
    assert not steps.maps.stop(), "a map on the screen is nothing that is waited for"


async def test_maps_that_come_after_the_picture_was_left_are_not_shown() -> None:
    steps = Steps()
    steps.maps.step()
    _, work = steps.bars.waiting.pop()
    assert await steps.follow(CAT) == "/cat.jpg brown"
    await work()
    assert steps.bars.shown == "/cat.jpg brown"


async def test_an_error_is_said_and_leaves_the_picture_plain() -> None:
    steps = Steps()
    steps.engine.words.error = ModelMissingError("no model", hint="get one")
    assert await steps.step() == "plain"
    assert ["no model" in notice.message for notice in steps.notices] == [True]


def test_a_word_is_said_to_be_somewhere_or_nowhere() -> None:
    found = made_up_maps(DOG_AND_NOWHERE)
    assert word_title(found, 0) == "1/2 dog .95 at row 1 of 3, column 1 of 4"
    assert word_title(found, 1) == "2/2 nowhere is nowhere: .10; by chance .50 is reached"


def test_a_grid_of_numbers_fits_its_place_and_keeps_what_is_strongest() -> None:
    strengths = [0.0] * 64
    strengths[9] = 0.95
    assert fitted_tenths(strengths, 8, 15, 8)[1] == ". 9 . . . . . ."
    assert fitted_tenths(strengths, 8, 7, 4) == ["9 . . .", *[". . . ."] * 3]
    assert fitted_tenths(strengths, 8, 0, 4) == []
    wide = fitted_tenths(strengths, 8, 200, 60)
    assert (len(wide), wide[3].split()) == (22, [".", "9", *["."] * 6])
