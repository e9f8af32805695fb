"""The listing: many rows, few drawn, fitted to the width."""

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from t2itui.widgets.rows import Column, LazyRows, Row, RowList, column_widths, fit

COLUMNS = (
    Column(title="path", width=10, share=1, keep_end=True),
    Column(title="count", width=6, right=True),
    Column(title="when", width=16, priority=1),
)


class ListApp(App[None]):
    """A listing and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield RowList(COLUMNS, empty="Nothing here.")

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        self.chosen.append(message.row.key)


def rows(count: int) -> list[Row]:
    return [
        Row(key=str(index), cells=(f"/p/{index}", str(index), "today")) for index in range(count)
    ]


def test_a_narrow_list_drops_the_column_of_least_worth_and_a_wide_one_gives_to_the_path() -> None:
    assert column_widths(COLUMNS, 60) == (34, 6, 16)
    assert column_widths(COLUMNS, 30) == (22, 6, 0)


@pytest.mark.parametrize(
    "text", ["short", "a rather long text", "牧場の馬が草を食べる", "e\u0301" * 20]
)
@pytest.mark.parametrize("width", [1, 2, 7, 12])
@pytest.mark.parametrize("keep_end", [True, False])
def test_a_fitted_text_takes_exactly_its_cells(text: str, width: int, keep_end: bool) -> None:
    assert cell_len(fit(text, width, keep_end=keep_end)) == width


def test_a_path_keeps_its_end_and_a_sentence_its_beginning() -> None:
    assert fit("/very/long/path/a.jpg", 8, keep_end=True) == "…h/a.jpg"
    assert fit("the quick brown fox", 8) == "the qui…"


async def test_of_a_hundred_thousand_rows_only_those_in_sight_are_made() -> None:
    made: list[int] = []

    def make(index: int) -> Row:
        made.append(index)
        return Row(key=str(index), cells=(f"/p/{index}", str(index), "today"))

    app = ListApp()
    async with app.run_test(size=(80, 24)) as pilot:
        listing = app.query_one(RowList)
        listing.show(LazyRows([str(index) for index in range(100_000)], make))
        await pilot.press("end")
        await pilot.pause()
        assert listing.current is not None and listing.current.key == "99999"
        assert "/p/99999" in listing.render_line(listing.size.height - 1).text
        assert listing.render_line(0).text.split() == ["path", "count", "when"]
        assert set(made) <= {*range(24), *range(100_000 - 24, 100_000)}


async def test_the_cursor_stays_on_its_row_when_rows_come_before_it() -> None:
    app = ListApp()
    async with app.run_test() as pilot:
        listing = app.query_one(RowList)
        listing.show(rows(5)[2:])
        await pilot.press("down")
        assert listing.current is not None and listing.current.key == "3"
        listing.show(rows(5))
        assert listing.current is not None and listing.current.key == "3"


async def test_a_click_moves_the_cursor_and_a_second_one_chooses() -> None:
    app = ListApp()
    async with app.run_test() as pilot:
        listing = app.query_one(RowList)
        listing.show(rows(5))
        await pilot.pause()
        await pilot.click(RowList, offset=(3, 3))
        assert listing.cursor == 2 and app.chosen == []
        await pilot.click(RowList, offset=(3, 3))
        await pilot.pause()
        assert app.chosen == ["2"]


async def test_an_empty_list_says_what_would_stand_there() -> None:
    app = ListApp()
    async with app.run_test():
        assert "Nothing here." in app.query_one(RowList).render_line(2).text
