"""Comparisons as CSV, JSON, PNG, SVG and PDF."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path, PurePath

from engine.comparing.comparison import COMPARED, Comparison
from engine.errors import RequestError
from engine.evaluation.plots import KINDS, check_plots, fonts, label, new_figure, save
from engine.files import numbered, unarmed, write_text
from engine.states import ScorerKind

_HEAD = ("description", "pair", "language", "added", "tokens", "cut", "picture", "cosine", "match",
         "cosine_rank", "match_rank", "cosine_change", "match_change")  # fmt: skip


def check_exports(paths: tuple[Path, ...]) -> None:
    """Raise, before any work, where a file of that kind cannot be written."""
    check_plots([path for path in paths if path.suffix.lower() in KINDS])
    for path in paths:
        if path.suffix.lower() not in (*KINDS, *TABLES):
            known = ", ".join((*TABLES, *KINDS))
            raise RequestError(
                f"{path} is no kind of export", hint=f"Known: {known}", field="exports"
            )


def export(found: Sequence[Comparison], path: Path) -> None:
    """Write a comparison under each encoder, in the kind that the name of the file says."""
    as_table = TABLES.get(path.suffix.lower())
    for number, each in enumerate(found, 1):
        target = numbered(path, number)
        if as_table is None:
            draw(each, target)
        else:
            write_text(target, as_table(each))


def as_csv(found: Comparison) -> str:
    """A line for each description and picture."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEAD)
    for row in found.rows:
        for picture, cell in zip(found.pictures, row.cells, strict=True):
            pair = "" if row.pair is None else row.pair
            start = (row.text, pair, row.language, row.added, row.tokens, row.lost, picture)
            writer.writerow([unarmed(value) for value in (*start, *asdict(cell).values())])
    return text.getvalue()


def _as_json(found: Comparison) -> str:
    return json.dumps(asdict(found), ensure_ascii=False, indent=1) + "\n"


TABLES = {".csv": as_csv, ".json": _as_json}
"""By the end of the file's name."""


def draw(found: Comparison, path: Path) -> None:
    """A heatmap: descriptions as rows, scorers of each picture as columns, each with its number.

    Colours span what each scorer gives to the pictures shown; the numbers say how much that is.
    """
    columns = [(name, i) for i in range(len(found.pictures)) for name in COMPARED[::-1]]
    values = [[row.cells[i].score(name) for name, i in columns] for row in found.rows]
    figure = new_figure((2.5 + 0.9 * len(columns) + 3.5, 1.6 + 0.45 * len(found.rows)))
    axes = figure.subplots()
    shares = _shares(values, columns)
    axes.imshow(shares, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    for y, line in enumerate(values):
        for x, value in enumerate(line):
            dark = shares[y][x] < 0.6
            axes.text(x, y, f"{value:.2f}", ha="center", va="center", color="w" if dark else "k")
    names = [f"{name}\n{PurePath(found.pictures[i]).name}" for name, i in columns]
    axes.set_xticks(range(len(columns)), [label(name) for name in names], fontsize="small")
    texts = [label(row.text) for row in found.rows]
    axes.set_yticks(range(len(texts)), texts, fontsize="small", fontfamily=fonts())
    save(figure, path)


def _shares(values: list[list[float]], columns: list[tuple[ScorerKind, int]]) -> list[list[float]]:
    """Each value's place between the lowest and the highest of its scorer."""
    low, high = {}, {}
    for name in COMPARED:
        every = [line[x] for line in values for x, (each, _) in enumerate(columns) if each == name]
        low[name], high[name] = min(every), max(every)
    return [
        [
            (value - low[name]) / ((high[name] - low[name]) or 1.0)
            for value, (name, _) in zip(line, columns, strict=True)
        ]
        for line in values
    ]
