"""Sheets as tables and bars of characters, for pipes, screen readers and terminals alike."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from engine.sheets.files import BELOW, BEST, PASSES, SIGNS, summary
from engine.sheets.sheet import Bar, Order, bars, column_order, grouped_rows, row_order
from engine.states import AxisName, CellState, OutputCheck, ScorerKind
from t2itui.text.plain import plain
from t2itui.text.tables import LineWriter, write_table
from t2itui.text.words import counted, duration_words, number, when_words

if TYPE_CHECKING:
    from engine.results import SheetRecord
    from engine.sheets.sheet import Sheet, SheetCell
    from engine.sheets.sheets import Estimate

BAR_WIDTH = 24
WIDE = 72
"""Cells that a bar takes with all its figures and its prompt."""
MEAN, SPREAD, EMPTY = "█", "▒", " "
"""Of a bar: up to the mean, within a standard deviation of it, and beyond."""


def cell_sign(
    sheet: Sheet, cell: SheetCell, threshold: float, scorer: ScorerKind = ScorerKind.MATCH
) -> str:
    """A cell in a few characters: its score, whether it passes, whether it is its row's best."""
    score = cell.score(scorer)
    if score is None:
        return SIGNS.get(cell.state, "?")
    best = sheet.best(cell.cell.row, scorer)
    is_best = best is not None and best.number == cell.number
    passes = PASSES if cell.passes(threshold) else BELOW
    return f"{number(score)}{passes}{BEST if is_best else ' '}"


def picture_words(sheet: Sheet, cell: SheetCell, threshold: float) -> str:
    """What stands below a picture: whether it passes, both scores, whether it is its row's best."""
    match, cosine = cell.score(ScorerKind.MATCH), cell.score(ScorerKind.COSINE)
    if match is None or cosine is None:
        return "not scored" if cell.picture is not None else cell.state.value
    best = sheet.best(cell.cell.row, ScorerKind.MATCH)
    is_best = best is not None and best.number == cell.number
    passes = PASSES if cell.passes(threshold) else BELOW
    return f"{passes}{number(match)} cos{number(cosine)}{BEST if is_best else ''}"


def mean_words(sheet: Sheet, row: int, scorer: ScorerKind) -> str:
    """The mean of a prompt's scores, and how many cells of it are done."""
    cells = sheet.row(row)
    scores = [score for cell in cells if (score := cell.score(scorer)) is not None]
    done = sum(cell.state is not CellState.WAITING for cell in cells)
    mean = f"{scorer} {number(fmean(scores))} on average  " if scores else ""
    return f"{mean}{done}/{len(cells)}"


def cell_words(sheet: Sheet, cell: SheetCell, threshold: float) -> str:
    """Everything about a cell in a line: untrusted text."""
    asked, picture = cell.cell.request, cell.picture
    values = sheet.words(sheet.values(cell), without=AxisName.SEED)
    parts = [asked.prompt, values, f"seed {asked.seed}"]
    if picture is None:
        parts.append(cell.state if cell.check is OutputCheck.FINE else cell.check.message)
    else:
        match, cosine = cell.score(ScorerKind.MATCH), cell.score(ScorerKind.COSINE)
        if match is not None and cosine is not None:
            word = "passes" if cell.passes(threshold) else "below"
            parts.append(f"match {match:.3f} {word} {threshold:g}, cosine {cosine:.3f}")
        parts.append("from the cache" if picture.cached else f"{picture.seconds:.1f} s")
    return " · ".join(part for part in parts if part)


def bar_cells(bar: Bar, width: int) -> str:
    """A bar: full up to the mean less its spread, dotted from there to the mean and its spread."""
    low, middle, high = (
        round(max(0.0, min(1.0, share)) * width)
        for share in (bar.mean - bar.spread, bar.mean, bar.mean + bar.spread)
    )
    full = MEAN * middle if not bar.spread else MEAN * low + SPREAD * (high - low)
    return full[:width].ljust(width, EMPTY)


def bar_words(bar: Bar) -> str:
    """The figures of a bar: '.93 ± .04'."""
    spread = f" ± {number(bar.spread)}" if bar.count > 1 else ""
    return f"{number(bar.mean)}{spread}"


def write_sheet(
    sheet: Sheet,
    threshold: float,
    output: LineWriter,
    *,
    scorer: ScorerKind,
    order: Order,
) -> None:
    """Write the scores of all cells, then the bars by prompt."""
    output.line(summary(sheet, threshold), bold=True)
    output.line(
        f"{scorer}: {PASSES} passes {threshold:g}, {BELOW} below, {BEST} best of its row,"
        f" {SIGNS[_WAITING]} not painted, {SIGNS[_REJECTED]} came to nothing",
        dim=True,
    )
    across = column_order(sheet, scorer, order)
    is_asked = order is Order.ASKED
    down = grouped_rows(sheet.request) if is_asked else row_order(sheet, scorer, order)
    titles = [sheet.titles[column] or str(scorer) for column in across]
    cells = []
    for row in down:
        prompt, each = sheet.request.prompts[row], sheet.row(row)
        signs = (cell_sign(sheet, each[column], threshold, scorer) for column in across)
        cells.append((prompt.group, *signs, prompt.prompt))
    write_table(output, ("group", *titles, "prompt"), cells, left="group")
    write_bars(bars(sheet, scorer), output, name=scorer)


_WAITING, _REJECTED = list(SIGNS)


def write_bars(found: Sequence[Bar], output: LineWriter, *, name: str, width: int = WIDE) -> None:
    """Write a bar for each prompt, groups under their names.

    Where that is too much for `width` cells, the prompt stands over its bar.
    """
    if not found:
        return
    output.line()
    output.line(f"{name}: mean ± deviation over seeds", bold=True)
    group = ""
    for bar in found:
        if bar.group != group:
            group = bar.group
            output.line(group, bold=True)
        prompt = f"{bar.prompt}  {bar.setting}".strip()
        if width < WIDE:
            room = max(8, width - len("  .00 ± .00") - 2)
            output.line(f" {_cut(plain(prompt), width - 1)}")
            output.line(f" {bar_cells(bar, room)} {bar_words(bar)}", dim=True)
            continue
        span = f"{number(bar.least)}-{number(bar.greatest)} of {bar.count}"
        output.line(f"  {bar_cells(bar, BAR_WIDTH)} {bar_words(bar):<9}  {span:<12}  {prompt}")


def _cut(text: str, width: int) -> str:
    """Return a text in at most so many cells, with an ellipsis where it was longer."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, max(0, width - 1)).rstrip()}…"


def write_sheets(found: Sequence[SheetRecord], output: LineWriter) -> None:
    """Write sheets, one a line."""
    if not found:
        output.say("no sheets yet: t2itui sheet --example storybook paints one")
        return
    rows = [
        (str(each.id), when_words(each.used_at), f"{each.done}/{each.size}", each.title)
        for each in found
    ]
    write_table(output, ("id", "time", "cells", "what"), rows, left="time")


def estimate_words(estimate: Estimate) -> str:
    """What a sheet will take: '30 cells, 28 to paint, about 4 min'."""
    words = counted(estimate.cells, "cell")
    if not estimate.to_paint:
        return f"{words}, all from the cache"
    words += f", {estimate.to_paint:,} to paint"
    if estimate.seconds is None:
        return f"{words}; how long that takes is known after the first"
    return f"{words}, about {duration_words(estimate.seconds)}"
