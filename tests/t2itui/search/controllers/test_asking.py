"""Queries go to the engine, and answers come back to the screen they are still wanted on."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import EngineError
from engine.requests import Filters
from engine.states import ZeroState
from t2itui.screens.search.asking import MEASURED, AskingController, EarlyLoader
from t2itui.settings import AppSettings
from tests.t2itui.fakes import made_up_scores
from tests.t2itui.search.controllers.desk import (
    Desk,
)


async def test_a_query_is_answered_with_the_settings_and_filters_of_the_moment() -> None:
    desk = Desk(settings=AppSettings(threshold=0.7, top=5)).open()
    asking = AskingController(desk.session, desk.screen)
    asking.filters = Filters(min_side=200)
    asking.search("a dog")
    assert desk.screen.is_waiting
    await desk.screen.run()
    assert not desk.screen.is_waiting
    (request,) = desk.engine.searcher.asked
    assert (request.query, request.threshold, request.top) == ("a dog", 0.7, 5)
    assert request.filters == Filters(min_side=200)
    assert desk.session.query == "a dog"


async def test_a_newer_query_takes_the_place_of_one_that_is_not_answered(desk: Desk) -> None:
    asking = AskingController(desk.session, desk.screen)
    asking.search("a dog")
    asking.search("a cat")
    await desk.screen.run()
    assert [request.query for request in desk.engine.searcher.asked] == ["a cat"]


async def test_what_is_asked_before_the_engine_is_there_is_answered_later() -> None:
    desk = Desk()
    asking = AskingController(desk.session, desk.screen)
    assert not asking.resume()
    asking.search("a dog")
    assert desk.screen.waiting == []
    desk.open()
    assert asking.resume()
    await desk.screen.run()
    assert len(desk.screen.answers) == 1


async def test_the_order_by_cosine_stands_while_a_slow_scorer_works(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t2itui.screens.search.asking.SOON_S", 0.0)
    desk.engine.searcher.gate = asyncio.Event()
    asking = AskingController(desk.session, desk.screen)
    asking.search("a dog")
    running = asyncio.create_task(desk.screen.run())
    await asyncio.wait_for(desk.screen.has_first.wait(), 20)
    (first,) = desk.screen.firsts
    assert first.is_first and first.scorer == "cosine"
    assert desk.screen.is_waiting and not desk.screen.answers
    desk.engine.searcher.gate.set()
    await running
    (answer,) = desk.screen.answers
    assert not answer.is_first and answer.scorer == "match"
    assert desk.session.query == "a dog"


async def test_an_answer_that_is_soon_there_is_the_first_that_is_shown(desk: Desk) -> None:
    asking = AskingController(desk.session, desk.screen)
    asking.search("a dog")
    await desk.screen.run()
    assert desk.screen.answers and not desk.screen.firsts
    assert not desk.engine.searcher.looked, "nothing is computed twice"


async def test_an_error_is_shown_in_place_of_the_answer(desk: Desk) -> None:
    desk.engine.searcher.error = EngineError("no encoder")
    asking = AskingController(desk.session, desk.screen)
    asking.search("a dog")
    await desk.screen.run()
    assert desk.screen.said[-1] == "error no encoder"
    assert desk.session.query == ""


async def test_asking_again_keeps_the_threshold_and_scorer_of_the_answer(desk: Desk) -> None:
    asking = AskingController(desk.session, desk.screen)
    asking.search("a dog")
    await desk.screen.run()
    listing = desk.screen.answers[0]
    listing.threshold, listing.scorer = 0.8, "cosine"
    asking.repeat(listing)
    asking.repeat()
    await desk.screen.run()
    last = desk.engine.searcher.asked[-1]
    assert (last.query, last.threshold, last.scorer) == ("a dog", 0.8, "cosine")


@pytest.mark.parametrize(
    ("passing", "said"),
    [
        (0, f"{MEASURED}, and by that no picture answers: r decides anew"),
        (3, f"{MEASURED}, and by that 3 pictures pass: r decides anew"),
        (7, ""),
    ],
)
async def test_once_chance_is_measured_another_decision_is_said_and_the_answer_stays(
    desk: Desk, passing: int, said: str
) -> None:
    desk.screen.shows_answer = True
    desk.engine.searcher.zero = ZeroState.QUICK
    asking = AskingController(desk.session, desk.screen)
    asking.follow_measuring()
    asking.search("a dog")
    await desk.screen.run()
    (answer,), before = desk.screen.answers, len(desk.screen.said)
    assert answer.passed == 7
    desk.engine.searcher.scores = made_up_scores(600, passing=passing)
    # Still no more than a sample, of another library perhaps.
    desk.engine.searcher.zeros.measured()
    await desk.screen.run()
    assert desk.screen.said[before:] == []
    desk.engine.searcher.zero = ZeroState.CURRENT
    desk.engine.searcher.zeros.measured()
    await desk.screen.run()
    assert desk.screen.said[before:] == ([said] if said else [])
    assert desk.screen.answers == [answer]


async def test_an_answer_by_the_library_as_it_is_needs_no_second_look(desk: Desk) -> None:
    desk.engine.searcher.zero = ZeroState.CURRENT
    asking = AskingController(desk.session, desk.screen)
    asking.follow_measuring()
    desk.engine.searcher.zeros.measured()
    asking.search("a dog")
    await desk.screen.run()
    desk.engine.searcher.zeros.measured()
    await desk.screen.run()
    assert len(desk.engine.searcher.asked) == 1


async def test_likeness_is_asked_of_a_picture(desk: Desk) -> None:
    asking = AskingController(desk.session, desk.screen)
    asking.like(3)
    assert desk.screen.waiting == [], "nothing was asked before"
    asking.search("a dog")
    asking.like(3)
    await desk.screen.run()
    assert desk.engine.searcher.liked == [3]


async def test_other_filters_ask_at_once_what_was_asked(desk: Desk) -> None:
    asking = AskingController(desk.session, desk.screen)
    assert not asking.ask_among(Filters(min_side=1))
    asking.search("a dog")
    assert asking.ask_among(Filters(min_side=2))
    await desk.screen.run()
    assert [each.filters.min_side for each in desk.engine.searcher.asked] == [2]
    assert "--min-side 3" in asking.command(Filters(min_side=3), None)


async def test_the_model_is_loaded_once_for_each_new_query(desk: Desk) -> None:
    early = EarlyLoader(desk.session, desk.screen)
    early.follow_typing("a", Filters(), is_new=False)
    assert desk.screen.waiting == []
    early.follow_typing("a dog", Filters(), is_new=True)
    early.follow_typing("a dog runs", Filters(), is_new=True)
    await desk.screen.run()
    early.stop()
    early.follow_typing("snow", Filters(), is_new=True)
    early.follow_typing(" ", Filters(), is_new=True)
    early.follow_typing("ice", Filters(), is_new=True)
    await desk.screen.run()
    assert desk.engine.searcher.warmed == ["a dog", "ice"]
