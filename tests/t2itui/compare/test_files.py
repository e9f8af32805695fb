"""Pictures come in by name; comparisons are saved, opened and exported from the screen."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from engine.comparing.comparison import ComparisonRequest, Description, load_request
from t2itui.screens.common.dialogs import Dialog
from t2itui.screens.compare.files import (
    AddPicture,
    ExportComparison,
    OpenComparison,
    SaveComparison,
)
from t2itui.widgets.path_input import PathInput
from tests.t2itui.compare.compare_library import (
    CHINESE,
    GREEN,
    RED,
    begun,
    make_compare_library,
    scored,
    shown,
    texts_of,
)
from tests.t2itui.fakes import until
from tests.t2itui.real_library import real_app

SIZE = (120, 36)


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a small library; the current folder is an empty one."""
    await make_compare_library(tmp_path / "home", tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


async def fill(pilot: Pilot[None], kind: type[Dialog[Any]], value: str) -> str:
    """Write a path into the dialog, press Enter, and return the command that it showed."""
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, kind))
    dialog = app.screen
    dialog.query_one(PathInput).take(value)
    await pilot.pause()
    command = str(dialog.query_one("#command", Static).content)
    await pilot.press("enter")
    await pilot.pause()
    return command


async def test_a_picture_is_added_by_name_and_one_that_is_not_there_is_refused(home: Path) -> None:
    async with real_app(home).run_test(size=SIZE) as pilot:
        screen = await shown(pilot)
        await pilot.press("p")
        command = await fill(pilot, AddPicture, "red_03.png")
        assert command.endswith("compare red_03.png")
        await until(pilot, lambda: screen.request.pictures == ("red_03.png",))
        assert "no description yet" in str(screen.what.content)
        await pilot.press("p")
        await fill(pilot, AddPicture, "nowhere.png")
        await until(pilot, lambda: bool(pilot.app._notifications))
        told = [each.message for each in pilot.app._notifications]
        assert "nowhere.png is not in the library" in told[-1]
        assert "t2itui index" in told[-1]
        assert screen.request.pictures == ("red_03.png",)


async def test_a_comparison_is_saved_and_opened_again(home: Path) -> None:
    async with real_app(home).run_test(size=SIZE) as pilot:
        screen = await begun(pilot, ("red_00.png",), (RED, GREEN))
        screen.editor.request = ComparisonRequest(
            pictures=screen.request.pictures,
            lines=(
                Description(text=RED, pair=1),
                Description(text=CHINESE, pair=1),
                Description(text=GREEN),
            ),
        )
        await pilot.press("S")
        target = Path.cwd() / "mine.json"
        command = await fill(pilot, SaveComparison, str(target))
        assert "--pair" in command and f"--save {target}" in command
        await until(pilot, target.exists)
        assert load_request(target) == screen.request
        screen.begin(("green_00.png",), (GREEN,))
        await scored(pilot, screen)
        await pilot.press("o")
        command = await fill(pilot, OpenComparison, str(target))
        assert command.endswith(f"compare --from {target}")
        await until(pilot, lambda: texts_of(screen) == [RED, CHINESE, GREEN])
        await scored(pilot, screen)
        assert screen.request == load_request(target)


async def test_a_file_that_is_no_comparison_is_refused(home: Path) -> None:
    async with real_app(home).run_test(size=SIZE) as pilot:
        screen = await begun(pilot, ("red_00.png",), (RED,))
        (Path.cwd() / "other.json").write_text("[]")
        await pilot.press("o")
        await fill(pilot, OpenComparison, str(Path.cwd() / "other.json"))
        await until(pilot, lambda: bool(pilot.app._notifications))
        assert "is no comparison" in [each.message for each in pilot.app._notifications][-1]
        assert texts_of(screen) == [RED]


async def test_the_result_is_exported_as_the_name_says_and_nothing_is_overwritten(
    home: Path,
) -> None:
    async with real_app(home).run_test(size=SIZE) as pilot:
        screen = await begun(pilot, ("red_00.png",), (RED, GREEN))
        await pilot.press("E")
        target = Path.cwd() / "result.csv"
        command = await fill(pilot, ExportComparison, str(target))
        assert f"--export {target}" in command
        await until(pilot, target.exists)
        rows = list(csv.DictReader(target.read_text(encoding="utf-8").splitlines()))
        assert [row["description"] for row in rows] == [RED, GREEN]
        await until(pilot, lambda: pilot.app.screen is screen)
        for name, problem in ((target, "is there already"), ("result.bmp", "must end in one of")):
            await pilot.press("E")
            await fill(pilot, ExportComparison, str(name))
            dialog = pilot.app.screen
            assert isinstance(dialog, ExportComparison)
            assert problem in str(dialog.query_one("#problem", Static).content)
            await pilot.press("escape")
