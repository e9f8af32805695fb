"""The Sheet screen over a real engine whose models are fakes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from engine.engine import Engine
from engine.events import CellPreview, JobPreview, PromptScore
from engine.local.where import WordFinder
from engine.sheets.prompts import prompts_from
from engine.sheets.request import SheetRequest, read_axis
from engine.sheets.sheet import Order, Sheet, bars
from engine.states import CellState, ScorerKind
from t2itui.app import T2ITuiApp
from t2itui.graphics.detection import GraphicsProtocol
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.jobs.screen import JobsScreen
from t2itui.screens.search.screen import SearchScreen
from t2itui.screens.sheet.board import Layout, shape_of
from t2itui.screens.sheet.forms import ExportSheet, NewSheet, SheetList
from t2itui.screens.sheet.screen import SheetScreen
from t2itui.screens.sheet.viewer import CellViewer
from tests.t2itui.fakes import FakeWords, until
from tests.t2itui.painting_app import Models, fill, painting_app

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 36)]
REQUEST = SheetRequest(
    prompts=prompts_from(
        [
            '{"prompt": "a {red|green} ball", "group": "basic"}',
            '{"prompt": "a blue horse in the snow", "group": "nested"}',
            '{"prompt": "ein grüner Hund", "group": "nested"}',
        ]
    ),
    axes=(read_axis("seed=1,2,3"),),
)


@asynccontextmanager
async def sheet_app(
    home: Path,
    size: tuple[int, int] = (120, 36),
    protocol: GraphicsProtocol = GraphicsProtocol.HALF_CELLS,
) -> AsyncIterator[tuple[Pilot[None], SheetScreen, Models]]:
    """The app with the Sheet screen in front."""
    home.mkdir(exist_ok=True)
    await fill(home)
    app, models = painting_app(home, protocol=protocol)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.session.engine is not None)
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, SheetScreen))
        assert isinstance(app.screen, SheetScreen)
        yield pilot, app.screen, models


def engine_of(screen: SheetScreen) -> Engine:
    """The engine of a screen's session."""
    return screen.session.open_engine


async def painted(pilot: Pilot[None], screen: SheetScreen, request: SheetRequest = REQUEST) -> None:
    """Have a sheet painted and shown."""
    prepared, _ = await screen.controller.prepare(request)
    await screen.controller.start(prepared)
    screen._show_cells()
    await until(pilot, lambda: screen.controller.is_complete and screen.controller.job is None)
    await pilot.pause()


def text_of(app: T2ITuiApp, name: str) -> str:
    """What a line of the screen says."""
    return str(app.screen.query_one(name, Static).visual)


async def test_the_first_steps_are_said_before_there_is_a_sheet(tmp_path: Path) -> None:
    async with sheet_app(tmp_path / "home") as (_, screen, _):
        assert screen.body.current == "welcome"
        assert not screen.check_action("export", ()) and not screen.check_action("pause", ())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("protocol", [GraphicsProtocol.HALF_CELLS, GraphicsProtocol.TEXT])
async def test_cells_fill_and_arrows_walk_them(
    tmp_path: Path, size: tuple[int, int], protocol: GraphicsProtocol
) -> None:
    async with sheet_app(tmp_path / "home", size, protocol) as (pilot, screen, models):
        app = pilot.app
        assert isinstance(app, T2ITuiApp)
        models.generators.gate.is_open.clear()
        prepared, estimate = await screen.controller.prepare(REQUEST)
        assert (estimate.cells, estimate.to_paint) == (12, 12)
        await screen.controller.start(prepared)
        screen._show_cells()
        await models.generators.gate.entered.wait()
        assert screen.board.current is not None
        assert screen.board.current.state is CellState.WAITING
        models.generators.gate.is_open.set()
        await until(pilot, lambda: screen.controller.is_complete)
        assert screen.board.layout_kind is (
            Layout.TABLE if protocol is GraphicsProtocol.TEXT else Layout.PICTURES
        )
        await pilot.press("down", "right", "right", "right")
        await pilot.pause()
        assert (screen.board.row, screen.board.column) == (1, 2)
        said = text_of(app, "#cell")
        assert said.startswith("a green ball · seed 3 · match")
        assert "passes 0.5" in said or "below 0.5" in said
        lines = [strip.text for strip in screen.board.render_lines(screen.board.size.region)]
        assert any("✓" in line and "★" in line for line in lines)
        assert "12 of 12 painted, 12 pass 0.5" in text_of(app, "#what")


async def test_rows_and_columns_sort_by_either_scorer(tmp_path: Path) -> None:
    async with sheet_app(tmp_path / "home") as (pilot, screen, _):
        await painted(pilot, screen)
        board, controller = screen.board, screen.controller
        assert board.view is not None and list(board.view.rows) == [0, 1, 2, 3]
        before = board.current
        for scorer in (ScorerKind.MATCH, ScorerKind.COSINE):
            assert controller.scorer is scorer
            await pilot.press("r", "c")
            await pilot.pause()
            assert (controller.row_order, controller.column_order) == (Order.BEST_FIRST,) * 2
            assert board.view is not None and controller.sheet is not None
            means = {bar.row: bar.mean for bar in bars(controller.sheet, scorer)}
            shown = [means[row] for row in board.view.rows]
            assert shown == sorted(shown, reverse=True)
            # The cursor stays on its cell.
            assert board.current == before
            await pilot.press("r", "c", "s")


async def test_bars_are_those_of_the_cells_and_come_and_go(tmp_path: Path) -> None:
    async with sheet_app(tmp_path / "home", (80, 24)) as (pilot, screen, _):
        await painted(pilot, screen)
        await pilot.press("b")
        assert screen.body.current == "bars"
        said = text_of(pilot.app, "#all-bars")  # type: ignore[arg-type]
        assert screen.controller.sheet is not None
        for bar in bars(screen.controller.sheet):
            assert bar.prompt in said and f"{bar.mean:.2f}".removeprefix("0") in said
        assert said.index("basic") < said.index("nested")
        await pilot.press("b")
        assert screen.body.current == "cells"


async def test_a_cell_shows_what_it_looks_like_while_it_is_painted(tmp_path: Path) -> None:
    async with sheet_app(tmp_path / "home") as (pilot, screen, models):
        gate = models.generators.gate
        gate.is_open.clear()
        prepared, _ = await screen.controller.prepare(REQUEST)
        await screen.controller.start(prepared)
        screen._show_cells()
        await gate.entered.wait()
        await until(pilot, lambda: screen.controller.job is not None)
        sheet, job = screen.controller.sheet, screen.controller.job
        assert sheet is not None and job is not None
        preview = JobPreview(job_id=job.job_id, rgb=bytes(12), width=2, height=2)
        event = CellPreview(job_id=job.job_id, sheet_id=sheet.id, number=0, preview=preview)
        screen.follow_job(event)
        await until(pilot, lambda: screen.board._drawings[0, 0].reason is None)
        assert screen.board._drawings[0, 1].reason is not None, "the next one waits"
        gate.is_open.set()
        await until(pilot, lambda: screen.controller.is_complete)
        assert models.generators.previewed == [True] * len(sheet.cells), "they are asked for"
        assert not screen.controller.previews


async def test_p_pauses_and_goes_on_and_x_stops_at_once(tmp_path: Path) -> None:
    async with sheet_app(tmp_path / "home") as (pilot, screen, models):
        gate = models.generators.gate
        gate.is_open.clear()
        prepared, _ = await screen.controller.prepare(REQUEST)
        await screen.controller.start(prepared)
        screen._show_cells()
        await gate.entered.wait()
        await until(pilot, lambda: "painting" in screen.controller.state_words())
        await pilot.press("p")
        await until(pilot, lambda: "pausing" in screen.controller.state_words())
        gate.is_open.set()
        await until(pilot, lambda: screen.controller.job is None)
        assert screen.controller.sheet is not None and screen.controller.sheet.done == 1
        assert screen.controller.state_words() == "not finished: p goes on"
        gate.is_open.clear()
        await pilot.press("p")
        await until(pilot, lambda: screen.controller.job is not None)
        await pilot.press("x")
        await until(pilot, lambda: screen.controller.job is None)
        gate.is_open.set()
        await pilot.press("p")
        await until(pilot, lambda: screen.controller.is_complete)
        assert sorted(models.generators.seeds) == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]


async def test_the_form_asks_and_says_what_it_takes_before_it_paints(tmp_path: Path) -> None:
    async with sheet_app(tmp_path / "home") as (pilot, screen, models):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewSheet))
        form = pilot.app.screen
        form.query_one("#prompts", Input).value = "'a {red|blue} horse'"
        form.query_one("#axes", Input).value = "colour=1"
        await pilot.pause()
        form.query_one("#go", Button).press()
        await until(pilot, lambda: "no axis" in text_of(pilot.app, "#problem"))  # type: ignore[arg-type]
        form.query_one("#axes", Input).value = "seed=1..2"
        await pilot.pause()
        assert "t2itui" in text_of(pilot.app, "#command")  # type: ignore[arg-type]
        form.query_one("#go", Button).press()
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert not models.generators.seeds
        assert "4 cells, 4 to paint" in text_of(pilot.app, ".help")  # type: ignore[arg-type]
        await pilot.press("enter")
        await until(pilot, lambda: screen.controller.is_complete)
        assert models.generators.seeds == [1, 2, 1, 2]


async def test_the_form_takes_prompts_from_a_file(tmp_path: Path) -> None:
    prompts = tmp_path / "p.txt"
    prompts.write_text("a {red ball\n", encoding="utf-8")
    async with sheet_app(tmp_path / "home") as (pilot, screen, models):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewSheet))
        form = pilot.app.screen
        assert isinstance(form, NewSheet)
        form.file.line.value = str(prompts)
        await pilot.pause()
        assert f"--prompts {prompts}" in text_of(pilot.app, "#command")  # type: ignore[arg-type]
        form.query_one("#go", Button).press()
        await until(pilot, lambda: "line 1 of p.txt" in text_of(pilot.app, "#problem"))  # type: ignore[arg-type]
        prompts.write_text("a red ball\n# no\na green ball\n", encoding="utf-8")
        form.query_one("#go", Button).press()
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: screen.controller.is_complete)
        assert models.generators.seeds == [0, 0]


async def test_a_sheet_is_opened_again_exported_copied_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sheet_app(tmp_path / "home") as (pilot, screen, _):
        await painted(pilot, screen)
        await painted(pilot, screen, replace(REQUEST, axes=(read_axis("seed=1"),)))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, SheetList))
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        await until(pilot, lambda: len(screen.board.view.columns if screen.board.view else ()) == 3)
        copied: list[str] = []
        monkeypatch.setattr(pilot.app, "copy_to_clipboard", copied.append)
        await pilot.press("y")
        assert "--axis seed=1,2,3" in copied[0] and "sheet" in copied[0]
        target = tmp_path / "s.csv"
        await pilot.press("E")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportSheet))
        form = pilot.app.screen
        assert isinstance(form, ExportSheet)
        form.target.line.value = str(target)
        form.query_one("#go", Button).press()
        await until(pilot, target.exists)
        assert target.read_text(encoding="utf-8").count("painted") == 12
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: screen.body.current == "welcome")
        assert len(await engine_of(screen).sheets.list()) == 1


async def test_enter_and_the_mouse_show_a_cell_large_and_arrows_walk_on(tmp_path: Path) -> None:
    async with sheet_app(tmp_path / "home", (80, 24)) as (pilot, screen, _):
        await painted(pilot, screen)
        shape = screen.board.shape
        place = (shape.left + shape.width + 2, 1 + shape.height + 1)
        await pilot.click(screen.board, offset=place)
        assert (screen.board.row, screen.board.column) == (1, 1)
        await pilot.click(screen.board, offset=place)
        await until(pilot, lambda: isinstance(pilot.app.screen, CellViewer))
        viewer = pilot.app.screen
        assert isinstance(viewer, CellViewer) and viewer.place == (1, 1)
        await pilot.press("down", "left")
        assert "a blue horse in the snow · seed 1" in text_of(pilot.app, "#heading")  # type: ignore[arg-type]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert (screen.board.row, screen.board.column) == (2, 0)


async def test_w_shows_where_the_words_of_a_prompt_are_and_follows_to_other_cells(
    tmp_path: Path,
) -> None:
    async with sheet_app(tmp_path / "home") as (pilot, screen, _):
        await painted(pilot, screen)
        finder, engine = FakeWords(), screen.session.engine
        assert engine is not None
        engine.words = cast("WordFinder", finder)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, CellViewer))
        viewer = pilot.app.screen
        assert isinstance(viewer, CellViewer)
        await pilot.press("w", "w")
        await until(pilot, lambda: "2/3 red" in str(viewer.pane.bars.content))
        await pilot.press("right")
        await until(pilot, lambda: len({each.picture for each in finder.asked}) == 2)
        await until(pilot, lambda: "2/3 red" in str(viewer.pane.bars.content))
        await pilot.press("down")
        await until(pilot, lambda: "1/3 a " in str(viewer.pane.bars.content))
        assert {each.text for each in finder.asked} == {"a red ball", "a green ball"}


async def test_the_list_of_jobs_leads_to_the_sheet(tmp_path: Path) -> None:
    async with sheet_app(tmp_path / "home") as (pilot, screen, _):
        await painted(pilot, screen)
        await painted(pilot, screen, replace(REQUEST, axes=(read_axis("seed=1"),)))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, SearchScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.focused, Input))
        await pilot.press("j")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        jobs = pilot.app.screen
        assert isinstance(jobs, JobsScreen)
        await until(pilot, lambda: len(jobs.listing.rows) == 2 and jobs.current is not None)
        await until(pilot, lambda: jobs.current is not None and jobs.current.request is not None)
        await pilot.press("down")
        await until(pilot, lambda: jobs.listing.cursor == 1)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        await until(pilot, lambda: len(screen.board.view.columns if screen.board.view else ()) == 3)


def test_every_size_has_room_for_a_cell() -> None:
    from textual.geometry import Size

    for layout in Layout:
        for width, height in ((36, 6), (80, 18), (120, 30), (300, 90)):
            for columns in (1, 3, 40):
                shape = shape_of(layout, Size(width, height), columns)
                assert shape.columns >= 1 and shape.rows >= 1
                assert shape.left + shape.columns * shape.width <= max(width, 36) + 1


def test_what_is_left_over_of_a_large_terminal_goes_to_the_pictures() -> None:
    from textual.geometry import Size

    large = shape_of(Layout.PICTURES, Size(154, 45), 3)
    assert (large.rows, large.columns) == (2, 3)
    assert large.rows * large.height == 44 and large.width == 2 * (large.height - 2) + 2
    narrow = shape_of(Layout.PICTURES, Size(79, 45), 3)
    assert narrow.width == 26 and (narrow.rows + 1) * narrow.height > 44


async def test_what_a_sheet_says_is_plain_text(tmp_path: Path) -> None:
    hostile = replace(REQUEST, prompts=prompts_from(["a red [bold]ball\x1b[31m \u202e"]))
    async with sheet_app(tmp_path / "home") as (pilot, screen, _):
        await painted(pilot, screen, hostile)
        console = Console(width=120, record=True, file=(tmp_path / "out").open("w"))
        for strip in screen.board.render_lines(screen.board.size.region):
            assert "\x1b" not in strip.text and "\u202e" not in strip.text
        console.file.close()
        assert "[bold]ball" in text_of(pilot.app, "#what")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES)
def test_pictures_with_their_scores(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    assert snap_compare(_prepared(tmp_path), run_before=_shown([]), terminal_size=size)


@pytest.mark.parametrize("size", SIZES)
def test_a_line_of_scores_for_each_prompt(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    assert snap_compare(_prepared(tmp_path), run_before=_shown(["v"]), terminal_size=size)


def _prepared(folder: Path) -> T2ITuiApp:
    import asyncio

    home = folder / "home"
    home.mkdir()
    asyncio.run(fill(home))
    return painting_app(home)[0]


def scored(sheet: Sheet) -> Sheet:
    """A sheet with made-up scores: those of the app move with what it measures meanwhile."""
    found = {}
    for cell in sheet.cells:
        assert cell.picture is not None
        match, cosine = (0.97, 0.91, 0.31, 0.62)[cell.cell.row], 0.2 + cell.number / 100
        match -= 0.05 * (cell.cell.column - 1) ** 2
        score = PromptScore(encoder_id="made-up", matcher="label-free", cosine=cosine, match=match)
        found[cell.number] = (replace(cell.picture, score=score), cell.check)
    return sheet.with_cells(found)


def _shown(keys: list[str]) -> Callable[[Pilot[None]], object]:
    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, T2ITuiApp)
        await until(pilot, lambda: app.session.engine is not None)
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, SheetScreen))
        screen = app.screen
        assert isinstance(screen, SheetScreen)
        await painted(pilot, screen)
        assert screen.controller.sheet is not None
        screen.controller.sheet = scored(screen.controller.sheet)
        screen.show()
        await pilot.press("down", "right", *keys)
        await until(pilot, lambda: all(each.reason is None for each in screen.board.drawings()))
        app.action_dismiss_job()
        await until(pilot, lambda: not screen.session.board.in_sight())
        await pilot.pause()

    return run
