"""Sheets as files: every figure of theirs is the cells', and nothing from outside steers them."""

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import RequestError
from engine.sheets.files import as_csv, check_exports, export
from engine.sheets.prompts import SheetPrompt
from engine.sheets.request import SheetRequest, read_axis
from engine.sheets.sheet import Sheet, bars
from engine.sheets.sheets import Sheets
from engine.states import OutputCheck, ScorerKind
from tests.engine.generation.studio import StudioKit

HOSTILE = "a red ball </td><script>alert(1)</script> $\\frac{x}$ \u202e \x1b[31m"
REQUEST = SheetRequest(
    prompts=(
        SheetPrompt(prompt=HOSTILE, group="<b>bold</b>"),
        SheetPrompt(prompt="=cmd|'/c calc'!A1 green"),
    ),
    axes=(read_axis("seed=1,2,3"),),
)


@pytest.fixture
async def sheet(studio: StudioKit) -> Sheet:
    """Two prompts over three seeds, one cell of which came to nothing."""
    studio.generators.checks = [OutputCheck.FINE, OutputCheck.BLACK]
    made = Sheets(studio.cache, studio.jobs, studio.generators, studio.generation, studio.settings)
    job = await made.start(REQUEST)
    await job.wait()
    found = made.of_job(job.id)
    assert found is not None
    return found


def test_csv_has_a_line_for_each_cell_and_no_formula(sheet: Sheet) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(sheet, 0.5))))
    assert [row["state"] for row in rows] == ["painted", "rejected"] + ["painted"] * 4
    assert [row["seed"] for row in rows] == ["1", "2", "3"] * 2
    assert rows[3]["prompt"].startswith("'=cmd")
    for row, cell in zip(rows, sheet.cells, strict=True):
        match = cell.score(ScorerKind.MATCH)
        assert row["match"] == ("" if match is None else str(match))
        assert row["passes"] == str(cell.passes(0.5))


def test_json_has_cells_and_bars(sheet: Sheet, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    export(sheet, path, 0.5)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["axes"] == [{"name": "seed", "values": ["1", "2", "3"]}]
    assert [cell["match"] for cell in found["cells"]] == [
        cell.score(ScorerKind.MATCH) for cell in sheet.cells
    ]
    assert [bar["mean"] for bar in found["bars"]] == [bar.mean for bar in bars(sheet)]


class Page(HTMLParser):
    """Takes note of the elements and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_page_holds_its_pictures_and_escapes_what_is_from_outside(
    sheet: Sheet, tmp_path: Path
) -> None:
    path = tmp_path / "s.html"
    export(sheet, path, 0.5)
    page = Page()
    text = path.read_text(encoding="utf-8")
    page.feed(text)
    assert "script" not in page.tags and page.tags.count("img") == 5
    assert "<script>alert(1)</script>" in page.words and "\x1b" not in text
    assert "\u202e" not in text and "http" not in text.replace("http-equiv", "")
    for bar in bars(sheet):
        assert f"{min(bar.mean, 0.99):.2f} ± {bar.spread:.2f}" in page.words


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_figure_is_drawn_of_whatever_the_prompts_say(
    sheet: Sheet, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"s{suffix}"
    check_exports([path], len(sheet.cells))
    export(sheet, path, 0.5)
    assert path.stat().st_size > 1_000
    if suffix == ".png":
        with Image.open(path) as image:
            assert image.width > image.height > 300
    if suffix == ".svg":
        assert "<script" not in path.read_text(encoding="utf-8")


def test_the_bars_of_a_figure_are_as_long_as_the_means(
    sheet: Sheet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr("engine.sheets.files.save", lambda figure, path: drawn.append(figure))
    export(sheet, tmp_path / "s.png", 0.5)
    (figure,) = drawn
    charts = figure.axes[1]
    widths = [bar.get_width() for each in charts.containers for bar in getattr(each, "patches", ())]
    assert widths == pytest.approx([bar.mean for bar in bars(sheet)])


def test_a_waiting_sheet_and_missing_files_are_drawn_too(sheet: Sheet, tmp_path: Path) -> None:
    for cell in sheet.filled:
        assert cell.picture is not None
        Path(cell.picture.path).unlink()
    for name in ("s.html", "s.png"):
        export(sheet, tmp_path / name, 0.5)
        export(Sheet.empty(REQUEST), tmp_path / name, 0.5)


def test_files_of_no_known_kind_and_figures_that_nobody_could_read_are_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(RequestError, match="no kind of export"):
        check_exports([tmp_path / "s.gif"], 3)
    with pytest.raises(RequestError, match="no folder"):
        check_exports([tmp_path / "none" / "s.png"], 3)
    with pytest.raises(RequestError, match="cannot be read"):
        check_exports([tmp_path / "s.png"], 500)
    check_exports([tmp_path / "s.html"], 500)
