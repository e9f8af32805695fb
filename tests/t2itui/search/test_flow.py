"""The Search screen from the query to the decision, on a made-up engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Static

from engine.errors import ModelMissingError, OfflineError
from engine.events import LibraryChanged
from engine.models.encoders import EncoderState
from engine.results import SearchWarning
from engine.states import ProcessState
from t2itui.app import T2ITuiApp
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.search.collection import REFRESH_S
from t2itui.screens.search.lines import RouteLine, WarningsLine
from t2itui.session import Session
from t2itui.settings import AppSettings
from t2itui.widgets.basics import Panel
from t2itui.widgets.top_bar import StatusText
from tests.t2itui.fakes import FakeEngine, answered, fake_app, search_screen, until

if TYPE_CHECKING:
    from engine.engine import Engine


def words(widget: Static) -> str:
    """What a person reads in a widget."""
    return str(widget.content)


async def test_enter_answers_the_query_with_the_best_picture_first() -> None:
    engine = FakeEngine(600)
    async with fake_app(engine).run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: pilot.app.query_one(Panel).is_on_screen)
        await pilot.press(*"a dog", "enter")
        screen = await answered(pilot)
        best = int(engine.searcher.scores.match_logit.argmax())
        assert [request.query for request in engine.searcher.asked] == ["a dog"]
        assert screen.results.grid.cards[0].index == best
        assert screen.results.grid.selected == best
        assert screen.results.grid.has_focus
        route = words(screen.query_one(RouteLine))
        assert route.startswith("✓ retrieve: 7 of 600 pictures have a match of 0.50 or more")
        assert route.endswith("by match · 2 ms · cached")


async def test_a_slow_scorer_is_waited_for_over_the_order_by_cosine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("t2itui.screens.search.asking.SOON_S", 0.0)
    engine = FakeEngine(600)
    engine.searcher.gate = asyncio.Event()
    app = fake_app(engine, settings=AppSettings(threshold=0.5), start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: screen.shows_answer)
        best = int(engine.searcher.scores.cosine.argmax())
        assert screen.results.grid.cards[0].index == best and screen.is_waiting
        line = screen.query_one(RouteLine)
        await until(pilot, lambda: "by cosine so far; scoring by match" in words(line))
        screen.results.move_threshold(0.9)
        engine.searcher.gate.set()
        await until(pilot, lambda: not screen.is_waiting)
        best = int(engine.searcher.scores.match_logit.argmax())
        await until(pilot, lambda: screen.results.grid.cards[0].index == best)
        assert screen.results.listing is not None and screen.results.listing.threshold == 0.9
        await until(pilot, lambda: "by match" in words(line))


async def test_a_first_look_stays_where_the_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("t2itui.screens.search.asking.SOON_S", 0.0)
    engine = FakeEngine(600)
    engine.searcher.gate = asyncio.Event()
    app = fake_app(engine, start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: screen.shows_answer)
        await pilot.press("escape")
        assert not screen.is_waiting
        assert "by cosine · a first look" in words(screen.query_one(RouteLine))


async def test_a_card_shows_both_scores_as_number_and_bar() -> None:
    engine = FakeEngine(600)
    async with fake_app(engine, start_query="a dog").run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        caption = ["".join(parts) for parts in screen.results.grid.cards[0].caption(20)]
        best = int(engine.searcher.scores.match_logit.argmax())
        assert caption[0].startswith("✓1")
        assert f".{engine.searcher.scores.match[best]:.2f}"[2:] in caption[1]
        assert f"{engine.searcher.scores.cosine[best]:.2f}"[1:] in caption[2]
        assert "█" in caption[1]
        assert "█" in caption[2]


async def test_a_query_nothing_answers_routes_to_generate_and_says_why() -> None:
    engine = FakeEngine(600)
    settings = AppSettings(threshold=1.0)
    app = fake_app(engine, settings=settings, start_query="a piano")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        route = words(screen.query_one(RouteLine))
        assert route.startswith("✗ generate: none of 600 pictures has a match of 1.00")
        assert {card.caption(16)[0][0][0] for card in screen.results.grid.cards} == {"·"}


async def test_up_brings_back_earlier_queries_and_down_the_draft() -> None:
    engine = FakeEngine(queries=["a cat", "two horses"])
    app = fake_app(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        line = search_screen(app).query_line.input
        await until(pilot, lambda: "Lately" in words(pilot.app.query_one("Panel Static", Static)))
        await pilot.press(*"sno", "up")
        assert line.value == "a cat"
        await pilot.press("up", "up")
        assert line.value == "two horses"
        await pilot.press("down", "down")
        assert line.value == "sno"


async def test_escape_stops_waiting_and_a_later_answer_is_not_shown() -> None:
    engine = FakeEngine()
    engine.searcher.gate = asyncio.Event()
    app = fake_app(engine, start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: "searching" in words(screen.route_line))
        await pilot.press("escape")
        assert not screen.is_waiting
        assert words(screen.route_line) == "cancelled"
        engine.searcher.gate.set()
        await pilot.pause()
        assert screen.results.listing is None


async def test_a_missing_model_is_said_in_the_results_place_with_what_to_do() -> None:
    engine = FakeEngine()
    engine.searcher.error = ModelMissingError(
        "openai/clip is not in /models", hint="t2itui models get openai/clip"
    )
    app = fake_app(engine, start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: screen.panel.has_class("-error"))
        text = words(screen.panel.query_one(Static))
        assert "Model missing" in text
        assert "openai/clip is not in /models" in text
        assert "t2itui models get openai/clip" in text
        engine.searcher.error = None
        await pilot.press("r")
        await answered(pilot)


async def test_an_error_after_an_answer_takes_its_place() -> None:
    engine = FakeEngine()
    async with fake_app(engine, start_query="a dog").run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        engine.searcher.error = OfflineError("the answer needs a model")
        await pilot.press("r")
        await until(pilot, lambda: screen.body.current == "panel")
        assert "Offline" in words(screen.panel.query_one(Static))


async def test_notes_of_an_answer_are_shown_with_what_to_do() -> None:
    engine = FakeEngine()
    engine.searcher.notes = (SearchWarning(message="cut after: a red", hint="write less"),)
    async with fake_app(engine, start_query="long").run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        notes = screen.query_one(WarningsLine)
        assert notes.display
        assert words(notes) == "! cut after: a red write less"
        engine.searcher.notes = ()
        await pilot.press("r")
        await until(pilot, lambda: not notes.display)


async def test_a_changed_library_offers_to_search_again() -> None:
    engine = FakeEngine()
    async with fake_app(engine, start_query="a dog").run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        engine.jobs.report(LibraryChanged(job_id=1, added=32))
        await until(pilot, lambda: "searches again" in words(screen.query_one(WarningsLine)))
        await pilot.press("r")
        await until(pilot, lambda: len(engine.searcher.asked) == 2)
        await until(pilot, lambda: not screen.query_one(WarningsLine).display)


async def test_a_model_being_loaded_is_named_while_it_is_waited_for() -> None:
    engine = FakeEngine()
    engine.searcher.gate = asyncio.Event()
    engine.encoders.states = (EncoderState(source="openai/clip", state=ProcessState.LOADING),)
    app = fake_app(engine, start_query="a dog")
    async with app.run_test(size=(140, 36)) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: "loading openai/clip… 0 s" in words(screen.route_line))
        assert "esc cancels" in words(screen.route_line)
        engine.encoders.states = (
            EncoderState(
                source="openai/clip", state=ProcessState.READY, device="cpu", dtype="bf16"
            ),
        )
        engine.searcher.gate.set()
        await answered(pilot)
        await until(pilot, lambda: "cpu bf16" in app.query_one(StatusText).render().plain)


async def test_how_many_pictures_are_looked_at_is_said_while_their_patches_are_waited_for() -> None:
    engine = FakeEngine()
    engine.searcher.gate = asyncio.Event()
    engine.patch_progress = 16, 200
    app = fake_app(engine, start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: "patches of 16 of 200 pictures" in words(screen.route_line))
        engine.patch_progress = 32, 200
        await until(pilot, lambda: "patches of 32 of 200 pictures" in words(screen.route_line))
        await pilot.press("escape")
        assert words(screen.route_line) == "cancelled"


async def test_a_decision_goes_with_the_text_that_it_was_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("t2itui.screens.common.base.QUIET_S", 60.0)
    engine = FakeEngine()
    async with fake_app(engine, start_query="a dog").run_test(size=(140, 36)) as pilot:
        screen = await answered(pilot)
        engine.searcher.gate = asyncio.Event()
        await pilot.press("r")
        await until(pilot, lambda: screen.waiting.goes_on)
        assert "a match of" in words(screen.route_line)
        await pilot.press("slash", "c", "a", "t", "enter")
        await until(pilot, lambda: not words(screen.route_line))
        engine.searcher.gate.set()
        await until(pilot, lambda: "a match of" in words(screen.route_line))


async def test_a_query_typed_before_the_library_is_open_is_answered_then() -> None:
    engine = FakeEngine()
    opening = asyncio.Event()

    @asynccontextmanager
    async def open_late() -> AsyncIterator[Engine]:
        await opening.wait()
        async with engine.opener()() as opened:
            yield opened

    app = T2ITuiApp(
        lambda: open_late(),
        Session(graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test")),
    )
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press(*"a dog", "enter")
        await until(pilot, lambda: "opening the cache" in words(search_screen(app).route_line))
        opening.set()
        await answered(pilot)
        assert [request.query for request in engine.searcher.asked] == ["a dog"]


async def test_the_model_is_loaded_once_while_a_new_query_is_typed() -> None:
    engine = FakeEngine(queries=["a dog"])
    async with fake_app(engine).run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: pilot.app.query_one(Panel).is_on_screen)
        await pilot.press("a", "space", "d")
        assert engine.searcher.warmed == []
        await pilot.press("u", "c", "k")
        await until(pilot, lambda: bool(engine.searcher.warmed))
        assert engine.searcher.warmed == ["a du"]
        await pilot.press("enter")
        screen = await answered(pilot)
        await pilot.press("slash", *["backspace"] * 6, "c")
        await until(pilot, lambda: len(engine.searcher.warmed) == 2)
        assert screen.query_line.input.value == "c"


async def test_a_fast_index_has_the_library_counted_once_at_a_time() -> None:
    engine = FakeEngine()
    async with fake_app(engine, start_query="a dog").run_test(size=(120, 36)) as pilot:
        await answered(pilot)
        engine.library.gate = asyncio.Event()
        before = engine.library.counted
        engine.jobs.report(LibraryChanged(job_id=1, added=32))
        await until(pilot, lambda: engine.library.counted > before)
        for _ in range(40):
            engine.jobs.report(LibraryChanged(job_id=1, added=32))
            await pilot.pause()
        assert engine.library.counted <= before + 2
        engine.library.gate.set()
        await until(pilot, lambda: engine.library.counted > before + 1)
        assert engine.library.counted <= before + 4


async def test_batches_do_not_break_off_a_search_of_the_library_as_it_was() -> None:
    engine = FakeEngine()
    engine.searcher.gate = asyncio.Event()
    async with fake_app(engine, start_query="a dog").run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: len(engine.searcher.asked) == 1)
        for _ in range(3):
            engine.jobs.report(LibraryChanged(job_id=1, added=32))
            await pilot.pause(REFRESH_S * 1.2)
        assert len(engine.searcher.asked) == 1
        engine.searcher.gate.set()
        await answered(pilot)


async def type_wide(pilot: Pilot[None], characters: str) -> None:
    """Keys as an input method sends them, which a pilot cannot press."""
    for character in characters:
        pilot.app.post_message(Key(_character_to_key(character), character))
        await pilot.pause()


async def test_a_slash_leads_to_the_query_and_not_into_it() -> None:
    async with fake_app(FakeEngine(600)).run_test(size=(120, 36)) as pilot:
        line = search_screen(pilot.app).query_line.input
        await until(pilot, lambda: line.has_focus)
        await pilot.press("slash")
        await type_wide(pilot, "／")
        await pilot.press("a")
        assert line.value == "a"
        await pilot.press("slash", "b")
        assert line.value == "a/b"
        line.action_select_all()
        await pilot.press("slash")
        assert (line.value, line.selected_text) == ("a/b", "a/b")
        await pilot.press("c")
        assert line.value == "c"


async def test_the_key_that_leads_to_the_query_may_be_another() -> None:
    settings = AppSettings(keys={"search.ask": "i,comma"})
    async with fake_app(FakeEngine(600), settings=settings).run_test(size=(120, 36)) as pilot:
        line = search_screen(pilot.app).query_line.input
        await until(pilot, lambda: line.has_focus)
        await pilot.press("comma", "i", "slash")
        # A description may well begin with a letter.
        assert line.value == "i/"


async def test_keys_typed_in_full_width_do_what_the_plain_ones_do() -> None:
    async with fake_app(FakeEngine(60), start_query="a dog").run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        listing, line = screen.results.listing, screen.query_line.input
        assert listing is not None
        await type_wide(pilot, "ｓ］")
        assert (listing.scorer, listing.threshold) == ("cosine", 0.51)
        # What has no width to lose, and what loses itself with it, is a key without a meaning.
        await type_wide(pilot, "क़\u200b\ufeffé中")
        assert listing.threshold == 0.51 and not pilot.app._notifications
        await type_wide(pilot, "／ａ")
        assert line.has_focus and line.value == "a dogａ"


async def test_keys_that_come_while_the_app_closes_are_let_go() -> None:
    app = fake_app(FakeEngine(60), start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        await answered(pilot)
    for character in "aａ":
        await app.on_event(Key(_character_to_key(character), character))


async def test_the_words_that_are_true_of_a_picture_stand_in_its_detail_once_they_are_asked() -> (
    None
):
    engine = FakeEngine(60)
    engine.searcher.tagger.words = ("horse", "\x1b[31mmeadow")
    app = fake_app(engine, start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        facts = screen.results.detail.query_one("#facts", Static)
        assert "shows" not in words(facts)
        await pilot.press("T")
        await until(pilot, lambda: "shows horse 0.93, " in words(facts))
        assert "\x1b" not in words(facts)
        engine.searcher.tagger.words = ()
        await pilot.press("right")
        await until(pilot, lambda: "shows no word of the list" in words(facts))
        await pilot.press("Y")
        assert pilot.app.clipboard.startswith("t2itui tag --encoder ")
        content = screen.results.content
        assert content is not None
        assert pilot.app.clipboard.endswith(f" --threshold 0.5 -- {content.shown.path}")
