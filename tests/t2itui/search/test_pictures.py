"""Walking through the pictures of an answer, and what can be done with one."""

from __future__ import annotations

import pytest
from textual.scrollbar import ScrollBar
from textual.widgets import Static

from t2itui.screens.search.card import CardColumn
from t2itui.screens.search.viewer import MarkedScreen, Viewer
from tests.t2itui.fakes import FakeEngine, answered, fake_app, until

SIZE = (120, 36)


async def test_only_cards_in_sight_exist_for_twenty_thousand_pictures() -> None:
    engine = FakeEngine(20_000)
    async with fake_app(engine, start_query="a dog").run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        grid = screen.results.grid
        assert len(grid.cards) == grid.shape.slots < 30
        await pilot.press("end")
        order = list(screen.results.listing.shown) if screen.results.listing else []
        assert grid.selected == order[-1]
        shown = [card.index for card in grid.cards if card.index is not None]
        assert shown == order[grid.first_row * grid.shape.columns :]
        await pilot.press("pageup", "pageup")
        first = grid.first_row * grid.shape.columns
        await until(pilot, lambda: all(card.is_filled for card in grid.cards))
        assert [card.index for card in grid.cards] == order[first : first + grid.shape.slots]
        assert len(engine.library.asked) < 8 * grid.shape.slots


async def test_scrolling_one_row_keeps_the_cards_that_stay_in_sight() -> None:
    async with fake_app(FakeEngine(600), start_query="a dog").run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        grid = screen.results.grid
        before = {card.index: card for card in grid.cards}
        await pilot.press(*["down"] * grid.shape.rows)
        after = {card.index: card for card in grid.cards}
        kept = before.keys() & after.keys()
        assert len(kept) == grid.shape.slots - grid.shape.columns
        assert all(before[index] is after[index] for index in kept)
        assert [card.index for card in grid.cards] == list(
            screen.results.listing.shown if screen.results.listing else []
        )[grid.shape.columns : grid.shape.columns + grid.shape.slots]


async def test_the_detail_shows_file_scores_both_ranks_and_receipt() -> None:
    engine = FakeEngine(600)
    async with fake_app(engine, start_query="a dog").run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("right")
        second = int(screen.results.listing.shown[1]) if screen.results.listing else 0
        path = f"picture_{second + 1:04}.jpg"
        facts = screen.results.detail.query_one("#facts", Static)
        await until(pilot, lambda: path in str(facts.content))
        text = str(facts.content)
        assert "640×480  38 KB" in text
        assert "2023-11-14 22:1" in text
        assert text.count("#2") == 2
        assert screen.results.detail.receipt is not None
        assert screen.results.detail.receipt.id in text


async def test_m_ranks_by_likeness_to_the_selected_picture() -> None:
    engine = FakeEngine(600)
    async with fake_app(engine, start_query="a dog").run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        best = int(engine.searcher.scores.match_logit.argmax())
        await pilot.press("m")
        await until(pilot, lambda: screen.query_line.input.value != "a dog")
        assert engine.searcher.liked == [best + 1]
        assert screen.query_line.input.value == f'"{best + 1}"'


async def test_p_copies_the_path_and_y_the_command_that_repeats_the_screen() -> None:
    app = fake_app(FakeEngine(600), start_query="a dog's bone")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("p")
        assert app.clipboard == shown_path(screen.results.detail.content)
        await pilot.press("right_square_bracket", "s", "y")
        assert app.clipboard == (
            "t2itui search --top 100 --scorer cosine --threshold 0.51 'a dog'\"'\"'s bone'"
        )


async def test_o_copies_the_folder_where_no_desktop_can_open_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    app = fake_app(FakeEngine(600), start_query="a dog")
    async with app.run_test(size=SIZE) as pilot:
        await answered(pilot)
        await pilot.press("o")
        await until(pilot, lambda: app.clipboard == "/photos/set")


async def test_a_picture_on_other_storage_is_named_as_it_is_there() -> None:
    engine = FakeEngine(600)
    engine.library.folder, engine.library.name = "zip://set", "picture_{:04}.jpg::s3://bucket/p.zip"
    app = fake_app(engine, start_query="a dog")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        facts = screen.results.detail.query_one("#facts", Static)
        await until(pilot, lambda: "on other storage" in str(facts.content))
        lines = str(facts.content).splitlines()
        assert lines[0].startswith("picture_")
        assert lines[0].endswith(".jpg")
        assert lines[1] == "zip://set::s3://bucket/p.zip"
        await pilot.press("o")
        await until(pilot, lambda: app.clipboard == f"zip://set/{lines[0]}::s3://bucket/p.zip")


async def test_marked_pictures_are_listed_copied_and_unmarked() -> None:
    app = fake_app(FakeEngine(600), start_query="a dog")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        first = shown_path(screen.results.detail.content)
        await pilot.press("space", "right")
        await until(pilot, lambda: shown_path(screen.results.detail.content) != first)
        second = shown_path(screen.results.detail.content)
        await pilot.press("space", "M")
        await until(pilot, lambda: isinstance(app.screen, MarkedScreen))
        await pilot.press("y")
        assert app.clipboard == f"{first}\n{second}"
        await pilot.press("space", "y")
        assert app.clipboard == second
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        marked = [card.slot for card in screen.results.grid.cards if card.is_marked]
        assert marked == [1]


async def test_enter_shows_the_picture_large_and_arrows_walk_on() -> None:
    app = fake_app(FakeEngine(600), start_query="a dog")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Viewer))
        viewer = app.screen
        assert isinstance(viewer, Viewer)
        await until(pilot, lambda: "1/600" in str(viewer.words.content))
        await pilot.press("right")
        await until(pilot, lambda: "2/600" in str(viewer.words.content))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.results.grid.position == 1


async def test_a_click_selects_and_the_scroll_bar_turns_pages() -> None:
    async with fake_app(FakeEngine(600), start_query="a dog").run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        grid = screen.results.grid
        column = grid.query(CardColumn)[1]
        height = grid.shape.card_height
        await pilot.click(column, offset=(2, height))
        assert grid.position == grid.shape.columns + 1
        bar = grid.query_one(ScrollBar)
        await pilot.click(bar, offset=(0, bar.size.height - 1))
        await until(pilot, lambda: grid.first_row == grid.shape.rows)
        assert grid.selected == grid.cards[0].index or grid.position > 3


async def test_a_hostile_file_name_reaches_neither_terminal_nor_markup() -> None:
    engine = FakeEngine(600)
    engine.library.name = "\u202e\x1b[31m[r]{}[no].jpg"
    app = fake_app(engine, start_query="a dog")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("space", "p", "M")
        await until(pilot, lambda: isinstance(app.screen, MarkedScreen))
        await pilot.press("escape", "enter")
        await until(pilot, lambda: isinstance(app.screen, Viewer))
        drawn = app.export_screenshot(simplify=True)
        texts = [
            str(screen.results.grid.cards[0].caption(40)),
            str(screen.query_one("#facts", Static).content),
        ]
        for text in (*texts, drawn):
            assert not set("\x1b\x07\u202e") & set(text)
        assert "[r]" in texts[1]


def shown_path(content: object) -> str:
    """The path of a fetched picture."""
    return str(getattr(getattr(content, "shown", None), "path", ""))
