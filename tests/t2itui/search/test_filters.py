"""Searching among some of the pictures only: the dialog, the route line, the copied command."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from engine.errors import EmptyLibraryError
from engine.requests import Filters, SearchRequest
from t2itui.app import T2ITuiApp
from t2itui.screens.search.filter_form import FilterForm
from t2itui.screens.search.screen import SearchScreen
from t2itui.settings import HOME_VARIABLE
from t2itui.text.shell_commands import search_command
from t2itui.text.words import date_words, filter_words, read_date
from tests.t2itui.fakes import FakeEngine, answered, fake_app, until

NEW_YEAR = datetime(2025, 1, 1).timestamp()
SUMMER = datetime(2025, 6, 1).timestamp()


async def form_of(pilot: Pilot[None]) -> FilterForm:
    """Open the dialog by its key."""
    await pilot.press("f")
    await until(pilot, lambda: isinstance(pilot.app.screen, FilterForm))
    form = pilot.app.screen
    assert isinstance(form, FilterForm)
    return form


def route_of(screen: SearchScreen) -> str:
    """The route line as a person reads it."""
    return str(screen.route_line.content)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_f_searches_again_among_the_pictures_that_were_chosen(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    engine = FakeEngine(600)
    farm = tmp_path / "farm"
    farm.mkdir()
    async with fake_app(engine, start_query="a dog").run_test(size=size) as pilot:
        screen = await answered(pilot)
        form = await form_of(pilot)
        form.folder.take(str(tmp_path / "fa"))
        await until(pilot, lambda: form.folder.options.option_count == 1)
        await pilot.press("tab")
        assert form.folder.path == farm
        form.since.value, form.until.value, form.min_side.value = "2025-01-01", "2025-06-01", "512"
        await until(pilot, lambda: "--min-side 512" in str(form.command_line.content))
        assert f"--in {farm} --since 2025-01-01T00:00:00" in str(form.command_line.content)
        for field in (form.folder, form.since, form.until, form.min_side, form.query_one("#go")):
            assert form.region.contains_region(field.region)
            assert field.region.area > 0
        form.min_side.focus()
        await pilot.press("enter")
        await until(pilot, lambda: len(engine.searcher.asked) == 2)
        screen = await answered(pilot)
        wanted = Filters(folders=(farm,), since=NEW_YEAR, until=SUMMER, min_side=512)
        assert engine.searcher.asked[-1].filters == wanted
        assert engine.searcher.asked[-1].query == "a dog"
        assert "since 2025-01-01 until 2025-06-01 min 512 px" in route_of(screen)
        assert screen.route_line.virtual_size.width <= size[0]
        screen.search_for("a cat")
        await until(pilot, lambda: len(engine.searcher.asked) == 3)
        assert engine.searcher.asked[-1].filters == wanted


@pytest.mark.parametrize(
    ("line", "value", "said"),
    [
        ("#since", "soon", "since: 'soon' is no date like 2025-01-31"),
        ("#until", "2024-12-01", "since must be earlier than until"),
        ("#min-side", "-4", "minimum side: 0 to"),
        ("#folder PathLine", "/no/such/folder", "/no/such/folder is no folder on this machine"),
    ],
)
async def test_what_cannot_be_used_is_said_and_changes_nothing(
    line: str, value: str, said: str
) -> None:
    engine = FakeEngine(600)
    async with fake_app(engine, start_query="a dog").run_test(size=(80, 24)) as pilot:
        await answered(pilot)
        form = await form_of(pilot)
        form.since.value = "2025-01-01"
        form.query_one(line, Input).value = value
        await pilot.pause()
        form.query_one("#go", Button).press()
        await until(pilot, lambda: said in str(form.problem.content))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is not form)
        assert len(engine.searcher.asked) == 1


async def test_clear_all_lets_every_picture_in_again() -> None:
    engine = FakeEngine(600)
    async with fake_app(engine, start_query="a dog").run_test(size=(80, 24)) as pilot:
        screen = await answered(pilot)
        form = await form_of(pilot)
        form.min_side.value = "512"
        form.min_side.focus()
        await pilot.press("enter")
        await until(pilot, lambda: "min 512 px" in route_of(screen))
        form = await form_of(pilot)
        assert form.min_side.value == "512"
        form.query_one("#clear", Button).press()
        await until(pilot, lambda: form.query_one("#go").has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: engine.searcher.asked[-1].filters == Filters())
        await until(pilot, lambda: "min 512" not in route_of(screen))


async def test_filters_that_let_nothing_in_stay_to_be_changed() -> None:
    engine = FakeEngine(600)
    async with fake_app(engine, start_query="a dog").run_test(size=(80, 24)) as pilot:
        screen = await answered(pilot)
        engine.searcher.error = EmptyLibraryError("the filters let none in", hint="Widen them.")
        form = await form_of(pilot)
        form.min_side.value = "9000"
        form.min_side.focus()
        await pilot.press("enter")
        await until(pilot, lambda: screen.body.current == "panel")
        assert route_of(screen) == "min 9000 px"
        assert "f  changes the filters" in str(screen.panel.query_one(Static).content)
        form = await form_of(pilot)
        assert form.min_side.value == "9000"


async def test_the_copied_command_names_the_home_and_the_filters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    other = tmp_path / "other"
    request = SearchRequest(query="a dog", filters=Filters(min_side=9))
    for home in (None, tmp_path):
        assert search_command(home, request).startswith("t2itui search --top")
    assert search_command(other, request).startswith(f"t2itui --home {other} search --top")
    app = fake_app(FakeEngine(60), start_query="a dog")
    async with app.run_test(size=(80, 24)) as pilot:
        await answered(pilot)
        assert isinstance(app, T2ITuiApp)
        app.session.home = other
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard.startswith(f"t2itui --home {other} search"))


def test_a_command_says_what_the_request_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    asked = SearchRequest(query="a dog", offline=True, exact=True)
    words = search_command(None, asked).split()
    assert {"--offline", "--exact"} <= set(words)
    assert not {"--offline", "--exact"} & set(
        search_command(None, SearchRequest(query="a dog")).split()
    )


def test_filters_in_words_are_short_and_start_from_the_home_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/h")
    assert filter_words(Filters()) == ""
    both = (Path("/h/farm"), Path("/else"))
    assert filter_words(Filters(folders=both, since=NEW_YEAR)) == (
        "in ~/farm and 1 more since 2025-01-01"
    )
    long = filter_words(Filters(folders=(Path("/a" * 40),)))
    assert long == "in …" + ("/a" * 40)[-23:]


def test_dates_are_read_as_they_are_written() -> None:
    for words in ("2025-01-01", "2025-01-01T08:30:00"):
        moment = read_date(words)
        assert moment is not None
        assert date_words(moment) == words
    assert read_date("  ") is None
    for wrong in ("yesterday", "2025-13-01"):
        with pytest.raises(ValueError, match=r"Invalid|month"):
            read_date(wrong)
