"""Sheets in the cache: known by their request, with the pictures of their cells."""

from pathlib import Path

from sqlite_utils import Database

from cache.generated import NewGenerated, store_generated
from cache.sheets import (
    delete_sheet,
    find_sheet,
    list_sheets,
    put_sheet,
    set_cell,
    sheet_cells,
)

HOME = Path("/nowhere")


def attempt(db: Database, seed: int) -> int:
    """A picture that came to nothing; returns its row's id."""
    new = NewGenerated(
        request_key="k",
        model_id="m",
        prompt="p",
        recipe="{}",
        seed=seed,
        verdict="black",
        library="",
        job_id=1,
        receipt_id=None,
        seconds=1.0,
    )
    return store_generated(db, HOME, new, None, b"").id


def test_the_same_request_is_the_same_sheet_and_the_one_used_last_stands_first(
    db: Database,
) -> None:
    first = put_sheet(db, title="a", request="{1}", size=4)
    second = put_sheet(db, title="b", request="{2}", size=9)
    assert put_sheet(db, title="a", request="{1}", size=4) == first != second
    assert [each.id for each in list_sheets(db, 9)] == [first, second]
    assert [each.id for each in list_sheets(db, 1)] == [first]


def test_cells_have_their_pictures_until_one_of_them_goes(db: Database) -> None:
    sheet = put_sheet(db, title="a", request="{1}", size=4)
    one, two = attempt(db, 1), attempt(db, 2)
    set_cell(db, sheet, 0, one)
    set_cell(db, sheet, 3, one)
    set_cell(db, sheet, 3, two)
    found = sheet_cells(db, HOME, sheet)
    assert {number: record.seed for number, record in found.items()} == {0: 1, 3: 2}
    record = find_sheet(db, sheet)
    assert record is not None and (record.done, record.size) == (2, 4)
    db.execute("delete from generated where id = ?", [one])
    assert list(sheet_cells(db, HOME, sheet)) == [3]
    assert delete_sheet(db, sheet) and not delete_sheet(db, sheet)
    assert find_sheet(db, sheet) is None
    assert db.execute("select count(*) from sheet_cells").fetchone()[0] == 0
    assert db.execute("select count(*) from generated").fetchone()[0] == 1
