"""Sheets as files: pictures with their scores and bars as PNG, SVG, PDF or HTML; CSV and JSON."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from cache.content_files import read_content
from engine.errors import RequestError
from engine.evaluation.plots import KINDS, check_plots, fonts, label, new_figure, save
from engine.files import thumbnail, unarmed, write_text
from engine.sheets.sheet import Bar, Sheet, SheetCell, bars, grouped_rows
from engine.states import CellState, ScorerKind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE_SIDE = 256
"""Pixels of a picture in a file."""
MOST_DRAWN = 400
"""Cells that still can be told apart in a figure; CSV, JSON and HTML take any number."""

SIGNS: Mapping[CellState, str] = {CellState.WAITING: "-", CellState.REJECTED: "✗"}
"""What stands for a cell without a picture."""
BEST, PASSES, BELOW = "★", "✓", "·"


def check_exports(paths: Sequence[Path], size: int) -> None:
    """Raise RequestError, before any work, where a file of that kind cannot be written."""
    figures = [path for path in paths if path.suffix.lower() in KINDS]
    check_plots(figures)
    if figures and size > MOST_DRAWN:
        raise RequestError(
            f"a figure of {size:,} cells cannot be read; {MOST_DRAWN} are the most",
            hint="Export .html, .csv or .json.",
            field="exports",
        )
    for path in paths:
        if path.suffix.lower() not in (*KINDS, *TEXTS):
            known = ", ".join((*KINDS, *TEXTS))
            raise RequestError(
                f"{path} is no kind of export", hint=f"Known: {known}", field="exports"
            )


def export(sheet: Sheet, path: Path, threshold: float) -> None:
    """Write a sheet in the kind that the name of the file says."""
    kind = path.suffix.lower()
    if as_text := TEXTS.get(kind):
        write_text(path, as_text(sheet, threshold))
    else:
        draw(sheet, path, threshold)


def cell_fields(sheet: Sheet, cell: SheetCell, threshold: float) -> dict[str, object]:
    """A cell as rows of CSV and lines of JSON have it."""
    prompt = sheet.request.prompts[cell.cell.row]
    picture, best = cell.picture, sheet.best(cell.cell.row, ScorerKind.MATCH)
    return {
        "cell": cell.number,
        "group": prompt.group,
        "prompt": prompt.prompt,
        "negative": cell.cell.request.negative,
        **{
            axis.name.value.replace("-", "_"): value
            for axis, value in zip(sheet.request.axes, sheet.values(cell), strict=True)
        },
        "seed": cell.cell.request.seed,
        "state": cell.state.value,
        "cosine": cell.score(ScorerKind.COSINE),
        "match": cell.score(ScorerKind.MATCH),
        "passes": cell.passes(threshold),
        "best": best is not None and best.number == cell.number,
        "seconds": picture.seconds if picture else None,
        "cached": picture.cached if picture else None,
        "path": picture.path if picture else None,
        "sha256": picture.sha256 if picture else None,
    }


def as_csv(sheet: Sheet, threshold: float) -> str:
    """A line for each cell."""
    rows = [cell_fields(sheet, cell, threshold) for cell in sheet.cells]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(rows[0])
    writer.writerows([[unarmed(value) for value in row.values()] for row in rows])
    return text.getvalue()


def as_json(sheet: Sheet, threshold: float) -> str:
    """Prompts, axes, cells and bars."""
    values = {
        "sheet": sheet.id,
        "threshold": threshold,
        "prompts": [asdict(prompt) for prompt in sheet.request.prompts],
        "axes": [{"name": axis.name, "values": axis.values} for axis in sheet.request.axes],
        "cells": [cell_fields(sheet, cell, threshold) for cell in sheet.cells],
        "bars": [asdict(bar) for bar in bars(sheet)],
    }
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"


# HTML

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #d29922; } }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; }
h1 { font-size: 1.3rem; } p { color: GrayText; }
table { border-collapse: collapse; }
th, td { padding: .4rem .5rem; border-bottom: 1px solid var(--line); text-align: left; }
thead th { position: sticky; top: 0; background: Canvas; }
tbody th { font-weight: normal; max-width: 18rem; overflow-wrap: anywhere; }
.group th { font-weight: bold; padding-top: 1.2rem; }
td img { display: block; width: 160px; border-radius: 4px; outline: 3px solid transparent; }
td.best img { outline-color: currentColor; }
.passes { color: var(--good); } .below { color: var(--bad); }
.bar { display: block; position: relative; width: 200px; height: 14px; background: #8882; }
.bar i { display: block; height: 100%; background: #4477aa; }
.bar b { position: absolute; top: 6px; height: 2px; background: currentColor; }
.bar u { position: absolute; top: 0; width: 1px; height: 100%; background: currentColor; }
small { color: GrayText; }
"""


def as_html(sheet: Sheet, threshold: float) -> str:
    """A page that needs nothing else: its pictures are in it, and everything from outside is
    escaped."""
    by_row: dict[int, list[Bar]] = {}
    for bar in bars(sheet):
        by_row.setdefault(bar.row, []).append(bar)
    titles = [*(_escaped(title) for title in sheet.titles), "match by prompt"]
    head = "".join(f"<th>{title}</th>" for title in ("prompt", *titles))
    body, group = [], None
    for row in grouped_rows(sheet.request):
        prompt = sheet.request.prompts[row]
        if prompt.group and prompt.group != group:
            group, span = prompt.group, len(titles) + 1
            body.append(f'<tr class="group"><th colspan="{span}">{_escaped(group)}</th></tr>')
        cells = "".join(_html_cell(sheet, cell, threshold) for cell in sheet.row(row))
        bar_cells = "".join(_html_bar(bar, threshold) for bar in by_row.get(row, ()))
        negative = f"<br><small>not {_escaped(prompt.negative)}</small>" if prompt.negative else ""
        body.append(
            f"<tr><th>{_escaped(prompt.prompt)}{negative}</th>{cells}<td>{bar_cells}</td></tr>"
        )
    title = _escaped(sheet.request.title)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n"
        f"<p>{_escaped(summary(sheet, threshold))}</p>\n<table>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody>\n</table>\n"
    )


def _html_cell(sheet: Sheet, cell: SheetCell, threshold: float) -> str:
    best = sheet.best(cell.cell.row, ScorerKind.MATCH)
    is_best = best is not None and best.number == cell.number
    words = _escaped(_cell_words(cell, threshold, is_best=is_best))
    style = "passes" if cell.passes(threshold) else "below"
    picture = _picture(cell)
    image = f'<span title="{_escaped(cell.check.message)}">{SIGNS.get(cell.state, "gone")}</span>'
    if picture is not None:
        data = base64.b64encode(thumbnail(picture, PICTURE_SIDE)).decode()
        alt = _escaped(cell.cell.request.prompt)
        image = f'<img src="data:image/webp;base64,{data}" alt="{alt}">'
    best_class = ' class="best"' if is_best else ""
    return f'<td{best_class}>{image}<span class="{style}">{words}</span></td>'


def _html_bar(bar: Bar, threshold: float) -> str:
    low, high = max(0.0, bar.mean - bar.spread), min(1.0, bar.mean + bar.spread)
    setting = f"<small>{_escaped(bar.setting)}</small> " if bar.setting else ""
    words = f"{setting}{_digits(bar.mean)} ± {bar.spread:.2f} <small>of {bar.count}</small>"
    return (
        f'{words}<span class="bar"><i style="width:{bar.mean:.1%}"></i>'
        f'<b style="left:{low:.1%};width:{high - low:.1%}"></b>'
        f'<u style="left:{threshold:.1%}"></u></span>'
    )


def _escaped(text: str) -> str:
    """A text from outside, without what could steer the page."""
    return html.escape("".join(c if c.isprintable() else " " for c in text))


TEXTS: Mapping[str, Callable[[Sheet, float], str]] = {
    ".html": as_html,
    ".csv": as_csv,
    ".json": as_json,
}
"""By the end of the file's name."""


def summary(sheet: Sheet, threshold: float) -> str:
    """What came of a sheet, in a sentence."""
    painted = len(sheet.filled)
    passed = sum(cell.passes(threshold) for cell in sheet.cells)
    prompts = len(sheet.request.prompts)
    return (
        f"{prompts} prompt{'' if prompts == 1 else 's'} x {sheet.width}:"
        f" {painted} of {len(sheet.cells)} painted, {passed} pass {threshold:g}"
    )


def _cell_words(cell: SheetCell, threshold: float, *, is_best: bool) -> str:
    """The scores of a cell in a line: whether it passes, match, cosine, whether it is best."""
    match, cosine = cell.score(ScorerKind.MATCH), cell.score(ScorerKind.COSINE)
    if match is None or cosine is None:
        return "not scored" if cell.state is CellState.PAINTED else cell.state.value
    sign = PASSES if cell.passes(threshold) else BELOW
    return f"{sign} {_digits(match)}  cos {_digits(cosine)}{f' {BEST}' if is_best else ''}"


def _digits(score: float) -> str:
    """A score with two digits; one that is not quite 1 stays below 1."""
    return f"{score if score >= 1 else min(score, 0.99):.2f}"


# Figures

_CELL, _CAPTION, _HEADING = 1.15, 0.24, 0.42
"""Inches of a picture, of the words below it, and of a group's name."""
_NAMES, _BARS, _GAP = 2.2, 2.8, 0.2
"""Inches of the prompts at the left, of the bars at the right, and between."""
_TITLE, _LINE, _FOOT = 0.5, 0.15, 0.5
"""Inches of the title, of a line over a column, and of the axis below the bars."""


def draw(sheet: Sheet, path: Path, threshold: float) -> None:
    """A contact sheet with a bar beside each row: the mean match and its spread over the seeds."""
    rows = grouped_rows(sheet.request)
    tops, body = _tops(sheet, rows)
    width = _CELL * sheet.width
    total = _NAMES + width + _GAP + _BARS + _GAP
    lines = max(title.count(", ") + 1 for title in sheet.titles)
    height = _FOOT + body + _TITLE + _LINE * lines
    figure = new_figure((total, height))
    figure.set_layout_engine(None)
    figure.suptitle(
        label(sheet.request.title),
        x=0.01,
        y=1 - 0.12 / height,
        ha="left",
        va="top",
        fontfamily=fonts(),
    )
    shared = {"ylim": (body, 0), "yticks": []}
    low, tall = _FOOT / height, body / height
    pictures = figure.add_axes((_NAMES / total, low, width / total, tall))
    pictures.set(xlim=(0, width), xticks=[], **shared)
    charts = figure.add_axes(((_NAMES + width + _GAP) / total, low, _BARS / total, tall))
    charts.set(xlim=(0, 1), **shared)
    for axes in (pictures, charts):
        axes.spines[:].set_visible(False)
    _draw_titles(pictures, sheet)
    group = None
    for row, top in zip(rows, tops, strict=True):
        prompt = sheet.request.prompts[row]
        if prompt.group and prompt.group != group:
            group = prompt.group
            pictures.text(
                -_NAMES + 0.1, top - 0.12, label(group), weight="bold", fontfamily=fonts()
            )
        _draw_row(pictures, sheet, row, top, threshold)
    _draw_bars(charts, sheet, dict(zip(rows, tops, strict=True)), threshold)
    save(figure, path)


def _tops(sheet: Sheet, rows: Sequence[int]) -> tuple[list[float], float]:
    """Where each row begins, in inches from the top, and where the last one ends."""
    tops, at, group = [], 0.0, None
    for row in rows:
        prompt = sheet.request.prompts[row]
        if prompt.group and prompt.group != group:
            group, at = prompt.group, at + _HEADING
        tops.append(at)
        at += _CELL + _CAPTION
    return tops, at


def _draw_titles(axes: Axes, sheet: Sheet) -> None:
    for column, title in enumerate(sheet.titles):
        words = "\n".join(label(title).split(", "))
        middle = (column + 0.5) * _CELL
        axes.text(middle, -0.06, words, ha="center", va="bottom", size=8, fontfamily=fonts())


def _draw_row(axes: Axes, sheet: Sheet, row: int, top: float, threshold: float) -> None:
    import textwrap

    prompt = sheet.request.prompts[row].prompt
    lines = textwrap.wrap(label(prompt), 26, max_lines=5, placeholder=" …")
    middle = top + _CELL / 2
    axes.text(-_NAMES + 0.1, middle, "\n".join(lines), va="center", size=9, fontfamily=fonts())
    best = sheet.best(row, ScorerKind.MATCH)
    for column, cell in enumerate(sheet.row(row)):
        left, is_best = column * _CELL, best is not None and best.number == cell.number
        picture = _picture(cell)
        place = (left + 0.03, left + _CELL - 0.03, top + _CELL - 0.03, top + 0.03)
        if picture is not None:
            axes.imshow(picture, extent=place, aspect="auto", interpolation="lanczos")
        else:
            words = SIGNS.get(cell.state, "gone")
            axes.text(left + _CELL / 2, middle, words, ha="center", va="center", color="0.4")
        if is_best:
            axes.plot(
                [place[0], place[1], place[1], place[0], place[0]],
                [place[2], place[2], place[3], place[3], place[2]],
                color="k",
                linewidth=1.8,
            )
        words = _cell_words(cell, threshold, is_best=is_best)
        colour = "#1a7f37" if cell.passes(threshold) else "#8a5a00"
        axes.text(left + _CELL / 2, top + _CELL + 0.1, words, ha="center", va="center", size=7,
                  color=colour)  # fmt: skip
    axes.set_xlim(0, _CELL * sheet.width)


def _draw_bars(axes: Axes, sheet: Sheet, top_of: Mapping[int, float], threshold: float) -> None:
    """The bars of each row beside its pictures, one below the other where several settings vary."""
    found = bars(sheet)
    shares: dict[int, list[Bar]] = {}
    for bar in found:
        shares.setdefault(bar.row, []).append(bar)
    for row, each in shares.items():
        room = _CELL / len(each)
        for number, bar in enumerate(each):
            middle = top_of[row] + (number + 0.5) * room
            passes = bar.mean >= threshold
            axes.barh(middle, bar.mean, min(0.34, room * 0.6), color="#4477aa" if passes else "w",
                      edgecolor="#4477aa", hatch=None if passes else "////")  # fmt: skip
            spread = [[min(bar.spread, bar.mean)], [min(bar.spread, 1 - bar.mean)]]
            axes.errorbar(bar.mean, middle, xerr=spread, color="k", capsize=2, linewidth=1)
            words = f"{label(bar.setting)}  {_digits(bar.mean)} ± {bar.spread:.2f} (n={bar.count})"
            high = middle - min(0.34, room * 0.6) / 2 - 0.03
            axes.text(0, high, words.strip(), va="bottom", size=7, fontfamily=fonts())
    axes.axvline(threshold, color="0.35", linestyle=":", linewidth=1)
    axes.set_xticks([0, threshold, 1], ["0", f"{threshold:g}", "1"])
    axes.set_xlabel("match: mean and standard deviation", size=8)


def _picture(cell: SheetCell) -> Image.Image | None:
    """A cell's picture, small; None where there is none, or its file is gone."""
    if cell.picture is None or not cell.picture.path:
        return None
    path = Path(cell.picture.path)
    try:
        data = read_content(path.parents[2], path.stem)
        with Image.open(io.BytesIO(data)) as image:
            small = image.convert("RGB")
            small.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
            return small
    except (OSError, ValueError, SyntaxError):
        return None
