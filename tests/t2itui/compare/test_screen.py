"""The Compare screen over the real engine: imported vectors, no model."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest
from textual.geometry import Offset
from textual.widgets import Static

from engine.comparing.comparison import Comparison, ComparisonRequest, Description
from engine.comparing.known_scenes import example
from engine.local.where import WordFinder
from t2itui.graphics.picture import Picture
from t2itui.screens.common.word_maps import WordBars
from t2itui.screens.compare.files import ChooseEncoders
from t2itui.screens.compare.pair import PairScreen
from t2itui.screens.compare.screen import CompareScreen
from t2itui.screens.compare.swaps import SwapScreen
from t2itui.widgets.basics import Tick
from tests.t2itui.compare.compare_library import (
    BLUE,
    BLURRED,
    CHINESE,
    GREEN,
    RED,
    begun,
    drawn,
    import_blurred,
    make_compare_library,
    scored,
    shown,
    texts_of,
)
from tests.t2itui.fakes import FakeWords, answered, until
from tests.t2itui.real_library import ENCODER, real_app

SIZES = [(80, 24), (120, 36)]
PICTURE = ("red_00.png",)


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a small library, on a machine without a model from the hub."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    await make_compare_library(tmp_path / "home", tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize("size", SIZES)
async def test_each_description_has_scores_changes_and_ranks(
    home: Path, size: tuple[int, int]
) -> None:
    async with real_app(home).run_test(size=size) as pilot:
        screen = await begun(pilot, PICTURE, (GREEN, RED))
        assert screen.found is not None
        green, red = (row.cells[0] for row in screen.found.rows)
        heading, first, second = drawn(screen)
        assert heading.split() == [
            "description", "match", "change", "rank", "cosine", "change", "rank", "tok.",
        ]  # fmt: skip
        assert first.split()[:2] == GREEN.split()
        assert f"#{green.match_rank}" in first.split()
        assert second.split()[-4:] == [
            f"{red.cosine:.3f}"[1:], f"+{red.cosine - green.cosine:.3f}".replace("0.", "."),
            f"#{red.cosine_rank}", "-",
        ]  # fmt: skip
        what = str(screen.what.content)
        assert "red_00.png · 2 descriptions · among 36" in what


async def test_an_empty_screen_says_what_to_do(home: Path) -> None:
    async with real_app(home).run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot)
        assert screen.body.current == "welcome"
        words = str(screen.panel._text.content)
        for key in ("n  shows it", "p  adds a picture", "a  adds a description", "o  opens"):
            assert key in words


async def test_the_example_shows_at_once_and_escape_stops_the_wait_for_its_scores(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = real_app(home)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await shown(pilot)
        assert app.session.engine is not None

        async def never(request: ComparisonRequest) -> Comparison:
            await asyncio.Event().wait()
            raise AssertionError

        monkeypatch.setattr(app.session.engine.comparer, "compare", never)
        await app.session.engine.collection.prepare(asked=True)
        await pilot.press("n")
        await until(pilot, lambda: bool(screen.request.lines))
        assert screen.request == example(0)
        assert [line.split()[0] for line in drawn(screen)[1:3]] == ["╭", "╰"]
        await until(pilot, lambda: "esc stops" in str(screen.state.content))
        await until(pilot, lambda: bool(screen.scores.thumbnails))
        await pilot.press("escape")
        assert not screen.is_waiting
        assert "stopped" in str(screen.state.content)
        await pilot.press("n")
        await until(pilot, lambda: screen.request == example(1))


async def test_a_query_and_its_picture_come_from_the_search_screen(home: Path) -> None:
    app = real_app(home, start_query=GREEN)
    async with app.run_test(size=(120, 36)) as pilot:
        search = await answered(pilot)
        content = search.results.content
        assert content is not None
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        await scored(pilot, screen)
        assert screen.request.pictures == (content.shown.path,)
        assert texts_of(screen) == [GREEN]


async def test_all_marked_pictures_come_and_stand_side_by_side(home: Path) -> None:
    app = real_app(home, start_query=f'"{GREEN}" + 0.5*"{RED}" - "{BLUE}"')
    async with app.run_test(size=(120, 36)) as pilot:
        search = await answered(pilot)
        await pilot.press("space", "right")
        await until(pilot, lambda: search.results.content is not None)
        await pilot.press("space")
        marked = tuple(app.session.selection)
        assert len(marked) == 2
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        await scored(pilot, screen)
        assert screen.request.pictures == marked
        assert texts_of(screen) == [GREEN, RED], "what is taken away is no description"
        heading = drawn(screen)[0]
        assert all(Path(name).name in heading for name in marked)


@pytest.mark.parametrize("size", SIZES)
async def test_descriptions_are_written_in_place(home: Path, size: tuple[int, int]) -> None:
    async with real_app(home).run_test(size=size) as pilot:
        screen = await begun(pilot, PICTURE, (RED,))
        await pilot.press("a")
        await until(pilot, lambda: screen.line.has_focus)
        assert screen.line.region.offset == screen.heatmap.region.offset + Offset(2, 2)
        await pilot.press(*GREEN, "enter")
        await scored(pilot, screen)
        assert texts_of(screen) == [RED, GREEN]
        assert screen.heatmap.has_focus
        await pilot.press("e")
        await until(pilot, lambda: screen.line.has_focus)
        assert screen.line.value == GREEN
        await pilot.press("ctrl+u", *BLUE, "down")
        await scored(pilot, screen)
        assert texts_of(screen) == [RED, BLUE]
        await pilot.press("e")
        await until(pilot, lambda: screen.line.has_focus)
        await pilot.press("x", "escape")
        assert texts_of(screen) == [RED, BLUE], "escape leaves it as it was"
        await pilot.press("a")
        await until(pilot, lambda: screen.line.has_focus)
        await pilot.press("enter")
        assert texts_of(screen) == [RED, BLUE], "a description without words is none"
        assert len(drawn(screen)) == 3
        await pilot.press("delete")
        await scored(pilot, screen)
        assert texts_of(screen) == [RED]
        await pilot.press("u", "u", "u")
        await scored(pilot, screen)
        assert texts_of(screen) == [RED]
        assert screen.request.lines == (Description(text=RED),)


async def test_a_pair_is_written_and_moves_together(home: Path) -> None:
    async with real_app(home).run_test(size=(120, 36)) as pilot:
        screen = await begun(pilot, PICTURE, (RED, GREEN))
        await pilot.press("l")
        await until(pilot, lambda: screen.line.has_focus)
        screen.line.value = CHINESE
        await pilot.press("enter")
        await scored(pilot, screen)
        assert texts_of(screen) == [RED, CHINESE, GREEN]
        assert [line[0] for line in drawn(screen)[1:]] == ["╭", "╰", " "]
        assert screen.check_action("pair", ()) is False, "it has its pair"
        await pilot.press("J")
        await scored(pilot, screen)
        assert texts_of(screen) == [GREEN, RED, CHINESE]
        assert screen.heatmap.row == 2
        await pilot.press("alt+up")
        await scored(pilot, screen)
        assert texts_of(screen) == [RED, CHINESE, GREEN]
        assert screen.found is not None
        assert screen.found.rows[1].cells[0].match_change is None, "the first one in Chinese"


@pytest.mark.parametrize("size", SIZES)
async def test_enter_opens_the_pair_with_its_swaps_and_the_arrows_walk(
    home: Path, size: tuple[int, int]
) -> None:
    app = real_app(home)
    async with app.run_test(size=size) as pilot:
        screen = await begun(pilot, PICTURE, (GREEN, RED))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PairScreen))
        pair = app.screen
        assert isinstance(pair, PairScreen)
        assert GREEN in str(pair.words.content)
        await pilot.press("down")
        await until(pilot, lambda: "Told apart" in str(pair.swaps.content))
        figures = str(pair.words.content)
        assert RED in figures
        assert "+ red" in figures
        assert "#" in figures
        assert "of 6" in str(pair.swaps.content)
        assert "yes" in str(pair.swaps.content)
        await pilot.press("y")
        assert app.clipboard.endswith(f"--swaps -t '{RED}' red_00.png")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.heatmap.row == 1


async def test_the_mouse_selects_a_cell_and_opens_it_with_a_second_click(home: Path) -> None:
    app = real_app(home)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await begun(pilot, PICTURE, (GREEN, RED))
        cosine = next(field for field in screen.heatmap.fields if field.column == 1)
        await pilot.click(screen.heatmap, offset=(cosine.x + 3, 2))
        assert (screen.heatmap.row, screen.heatmap.column) == (1, 2)
        assert "[" in screen.heatmap.render_line(2).text
        assert "[" not in screen.heatmap.render_line(1).text
        await pilot.click(screen.heatmap, offset=(cosine.x + 3, 2))
        await until(pilot, lambda: isinstance(app.screen, PairScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.click(screen.heatmap, offset=(5, 1))
        assert screen.heatmap.column == 0
        await pilot.click(screen.heatmap, offset=(5, 1))
        await until(pilot, lambda: screen.line.has_focus)


async def test_several_pictures_are_compared_by_either_scorer(home: Path) -> None:
    async with real_app(home).run_test(size=(120, 36)) as pilot:
        screen = await begun(pilot, ("red_00.png", "green_00.png"), (RED, GREEN))
        found = screen.found
        assert found is not None
        for scorer in ("match", "cosine"):
            assert f"by {scorer}" in str(screen.what.content)
            numbers = drawn(screen)[1].replace("[", " ").replace("]", " ").split()[2:4]
            scores = [getattr(cell, scorer) for cell in found.rows[0].cells]
            assert [float(each) for each in numbers] == pytest.approx(scores, abs=1e-3)
            await pilot.press("s")
        await pilot.press("right")
        assert screen.picture == 1
        assert "green_00.png" in str(screen.what.content)
        await pilot.press("P")
        await scored(pilot, screen)
        assert screen.request.pictures == ("red_00.png",)
        assert screen.check_action("scorer", ()) is False


@pytest.mark.parametrize("size", SIZES)
async def test_encoders_stand_side_by_side_with_what_sets_them_apart(
    home: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    await import_blurred(home, tmp_path)
    app = real_app(home)
    async with app.run_test(size=size) as pilot:
        screen = await begun(pilot, PICTURE, (GREEN, RED))
        assert not screen.beside.display and screen.found is not None
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, ChooseEncoders))
        dialog = app.screen
        names = [str(each.label) for each in dialog.query(Tick)]
        assert {ENCODER, BLURRED} <= set(names)
        for encoder in (ENCODER, BLURRED):
            dialog.query_one(f"#encoder-{names.index(encoder)}").focus()
            await pilot.press("space")
        await pilot.pause()
        command = str(dialog.query_one("#command", Static).content)
        assert f"--encoder {ENCODER}" in command and f"--encoder {BLURRED}" in command
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        await scored(pilot, screen)
        encoders = screen.request.encoders
        assert set(encoders) == {ENCODER, BLURRED}
        heading = drawn(screen)[0].split()
        assert heading[1:3] == [name.partition("/")[2] for name in encoders]
        told = str(screen.beside.content)
        assert f"beside {encoders[0]}, paired by descriptions" in told
        assert told.splitlines()[2].startswith("match") and told.endswith(encoders[1])
        assert screen.beside.region.height == 5 + 1
        assert screen.beside.region.bottom <= screen.size.height
        # The cursor chooses whose figures stand beside, and whose pair opens.
        await pilot.press("right")
        assert (screen.picture, screen.encoder) == (0, 1)
        assert screen.found is not None and screen.found.encoder == encoders[1]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PairScreen))
        await pilot.press("y")
        assert app.clipboard.endswith(f"--swaps --encoder {encoders[1]} -t '{GREEN}' red_00.png")
        await pilot.press("down", "escape")
        await until(pilot, lambda: app.screen is screen)
        assert (screen.heatmap.row, screen.encoder) == (1, 1)
        await pilot.press("u")
        await scored(pilot, screen)
        assert screen.request.encoders == () and not screen.beside.display


@pytest.mark.parametrize("size", SIZES)
async def test_the_swap_test_says_in_words_which_scorer_notices(
    home: Path, size: tuple[int, int]
) -> None:
    app = real_app(home)
    async with app.run_test(size=size) as pilot:
        await begun(pilot, PICTURE, (RED,))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, SwapScreen))
        swaps = app.screen
        assert isinstance(swaps, SwapScreen)
        await until(pilot, lambda: bool(swaps.table.rows))
        words = [swaps.table.render_line(y).text for y in range(1, 7)]
        assert all("colour" in line for line in words)
        assert all(line.count("yes") + line.count("NO") == 2 for line in words)
        apart = sum(row.cells[3].endswith("yes") for row in swaps.table.rows)
        assert f"match {apart} of 6" in str(swaps.totals.content)
        await pilot.press("y")
        assert app.clipboard.endswith(f"compare --swaps -t '{RED}' red_00.png")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))


async def test_what_cannot_be_scored_is_told_with_its_way_out_and_stays_until_it_can(
    home: Path,
) -> None:
    async with real_app(home).run_test(size=(80, 24)) as pilot:
        screen = await begun(pilot, PICTURE, (RED,))
        screen.begin(PICTURE, (RED, "never heard of"))
        await until(pilot, lambda: screen.problem.display)
        assert "what to do" not in str(screen.problem.content)
        assert "made-up/colours" in str(screen.problem.content)
        assert not screen.is_waiting
        assert drawn(screen)[1].split()[2] != "…", "what is known stays"
        assert "…" in drawn(screen)[2]
        await pilot.press("u")
        await scored(pilot, screen)
        assert not screen.problem.display


async def test_a_wide_screen_shows_the_picture_and_a_narrow_one_leaves_it_out(home: Path) -> None:
    async with real_app(home).run_test(size=(120, 36)) as pilot:
        screen = await begun(pilot, PICTURE, (RED,))
        picture = screen.detail.query_one(Picture)
        await until(pilot, lambda: picture.reason is None)
        assert picture.size.height > 10
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert not picture.display
        figures = str(screen.detail.query_one("#figures", Static).content)
        assert RED in figures and "match" in figures and "cosine" in figures


async def test_w_shows_where_the_words_of_the_description_are(home: Path) -> None:
    words = FakeWords()
    async with real_app(home).run_test(size=(120, 36)) as pilot:
        screen = await begun(pilot, PICTURE, (GREEN, RED))
        use_words(screen, words)
        await pilot.press("w")
        await until(pilot, lambda: "1/2 something" in bars_words(screen.detail.bars))
        await pilot.press("w")
        await until(pilot, lambda: "2/2 green" in bars_words(screen.detail.bars))
        await pilot.press("down")
        await until(pilot, lambda: "1/2 something" in bars_words(screen.detail.bars))
        assert [each.text for each in words.asked] == [GREEN, RED]
        assert {each.encoder_id for each in words.asked} == {ENCODER}
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PairScreen))
        pair = pilot.app.screen
        assert isinstance(pair, PairScreen)
        await until(pilot, lambda: "1/2 something" in bars_words(pair.bars))
        await pilot.press("up")
        await until(pilot, lambda: len(words.asked) == 4 and "1/2" in bars_words(pair.bars))
        await pilot.press("w")
        await until(pilot, lambda: "2/2 green" in bars_words(pair.bars))


async def test_where_the_pair_has_no_picture_in_sight_w_shows_it_large(home: Path) -> None:
    words = FakeWords()
    words.gate = asyncio.Event()
    async with real_app(home).run_test(size=(80, 24)) as pilot:
        screen = await begun(pilot, PICTURE, (RED,))
        use_words(screen, words)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, PairScreen))
        pair = pilot.app.screen
        assert isinstance(pair, PairScreen)
        await until(pilot, lambda: "esc stops" in bars_words(pair.bars))
        await pilot.press("escape")
        await until(pilot, lambda: words.cancelled == 1 and not pair.bars.display)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)


def use_words(screen: CompareScreen, words: FakeWords) -> None:
    """Have a made-up finder in the place of the engine's, which would need a model."""
    assert screen.session.engine is not None
    screen.session.engine.words = cast("WordFinder", words)


def bars_words(bars: WordBars) -> str:
    return str(bars.content) if bars.display else ""
