"""A sheet with what has become of its cells, and the figures that are drawn of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean, stdev

from engine.events import GeneratedPicture
from engine.sheets.request import Cell, SheetRequest, Values, cells_of, columns, values_at
from engine.states import AxisName, CellState, OutputCheck, ScorerKind

SCORERS = (ScorerKind.MATCH, ScorerKind.COSINE)
"""By which cells are sorted and drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetCell:
    """A cell, and what has become of it."""

    number: int
    """From 0, row by row."""
    cell: Cell
    picture: GeneratedPicture | None = None
    check: OutputCheck = OutputCheck.FINE
    """Why there is no picture, where one came out as none."""

    @property
    def state(self) -> CellState:
        """What has become of it."""
        if self.picture is not None:
            return CellState.PAINTED
        return CellState.WAITING if self.check is OutputCheck.FINE else CellState.REJECTED

    def score(self, scorer: ScorerKind) -> float | None:
        """Its score by one of SCORERS; None where it has none yet."""
        score = None if self.picture is None else self.picture.score
        if score is None:
            return None
        return score.match if scorer is ScorerKind.MATCH else score.cosine

    def passes(self, threshold: float) -> bool:
        """Whether its picture answers its prompt."""
        match = self.score(ScorerKind.MATCH)
        return match is not None and match >= threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The scores of a prompt's pictures that differ by their seed alone."""

    row: int
    """Of the prompt."""
    prompt: str
    group: str
    setting: str
    """What else was chosen for them, such as `guidance 5`; empty where nothing varies."""
    mean: float
    spread: float
    """The standard deviation; 0 of a single one."""
    least: float
    greatest: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet as far as it is painted."""

    id: int
    """0 while it is not stored."""
    created_at: float
    """Unix time, seconds."""
    request: SheetRequest
    cells: tuple[SheetCell, ...]
    """Row by row."""

    @classmethod
    def empty(cls, request: SheetRequest, *, id: int = 0, created_at: float = 0.0) -> Sheet:
        """The sheet of a request before anything is painted."""
        cells = tuple(SheetCell(number=n, cell=cell) for n, cell in enumerate(cells_of(request)))
        return cls(id=id, created_at=created_at, request=request, cells=cells)

    def with_cell(self, number: int, picture: GeneratedPicture | None, check: OutputCheck) -> Sheet:
        """The sheet once something has become of a cell."""
        changed = replace(self.cells[number], picture=picture, check=check)
        return replace(self, cells=(*self.cells[:number], changed, *self.cells[number + 1 :]))

    def with_cells(self, found: Mapping[int, tuple[GeneratedPicture | None, OutputCheck]]) -> Sheet:
        """The sheet with what has become of some cells, by their numbers."""
        cells = tuple(
            replace(cell, picture=found[cell.number][0], check=found[cell.number][1])
            if cell.number in found
            else cell
            for cell in self.cells
        )
        return replace(self, cells=cells)

    @property
    def columns(self) -> list[Values]:
        """The values of the axes in each column."""
        return columns(self.request)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.cells) // max(1, len(self.request.prompts))

    def values(self, cell: SheetCell) -> Values:
        """The values of the axes of a cell."""
        return values_at(self.request, cell.cell.column)

    @property
    def titles(self) -> list[str]:
        """What stands over each column: the values of the axes, with names where they need one."""
        return [self.words(values) for values in self.columns]

    def words(self, values: Values, *, without: AxisName | None = None) -> str:
        """Values of the axes for people: untrusted text."""
        pairs = zip(self.request.axes, values, strict=True)
        return ", ".join(
            f"{axis.name} {_short(value)}" for axis, value in pairs if axis.name is not without
        )

    @property
    def done(self) -> int:
        """Cells that are not waiting any more."""
        return sum(cell.state is not CellState.WAITING for cell in self.cells)

    @property
    def filled(self) -> tuple[SheetCell, ...]:
        """Cells that have a picture."""
        return tuple(cell for cell in self.cells if cell.state is CellState.PAINTED)

    def row(self, row: int) -> tuple[SheetCell, ...]:
        """The cells of a prompt, from left to right."""
        return self.cells[row * self.width : (row + 1) * self.width]

    def column(self, column: int) -> tuple[SheetCell, ...]:
        """The cells of a column, from top to bottom."""
        return self.cells[column :: self.width]

    def best(self, row: int, scorer: ScorerKind) -> SheetCell | None:
        """The cell of a prompt with the highest score, the first of equals; None without any."""
        scored = [cell for cell in self.row(row) if cell.score(scorer) is not None]
        return max(scored, key=lambda cell: cell.score(scorer) or 0.0, default=None)


class Order(StrEnum):
    """In which order rows and columns stand."""

    ASKED = "as asked"
    BEST_FIRST = "best first"


def row_order(sheet: Sheet, scorer: ScorerKind, order: Order) -> list[int]:
    """The rows in an order: by the mean of their scores, those without any at the end."""
    return _ordered(len(sheet.request.prompts), sheet.row, scorer, order)


def column_order(sheet: Sheet, scorer: ScorerKind, order: Order) -> list[int]:
    """The columns in an order, likewise."""
    return _ordered(sheet.width, sheet.column, scorer, order)


def _ordered(
    count: int, cells: Callable[[int], Sequence[SheetCell]], scorer: ScorerKind, order: Order
) -> list[int]:
    numbers = list(range(count))
    if order is Order.ASKED:
        return numbers
    means = [_mean(cells(number), scorer) for number in numbers]
    return sorted(numbers, key=lambda number: -means[number])


def _mean(cells: Sequence[SheetCell], scorer: ScorerKind) -> float:
    scores = [score for cell in cells if (score := cell.score(scorer)) is not None]
    return fmean(scores) if scores else -math.inf


def bars(sheet: Sheet, scorer: ScorerKind = ScorerKind.MATCH) -> tuple[Bar, ...]:
    """A bar for each prompt and each choice of everything but the seed, groups together.

    As in the paper's figures 9 and 12, which have one picture for each prompt. Prompts of a group
    stand where the first of them does; what has no score yet has no bar.
    """
    found = []
    for row in grouped_rows(sheet.request):
        prompt = sheet.request.prompts[row]
        by_setting: dict[str, list[float]] = {}
        for cell in sheet.row(row):
            setting = sheet.words(sheet.values(cell), without=AxisName.SEED)
            scores = by_setting.setdefault(setting, [])
            if (score := cell.score(scorer)) is not None:
                scores.append(score)
        found += [
            Bar(
                row=row,
                prompt=prompt.prompt,
                group=prompt.group,
                setting=setting,
                mean=fmean(scores),
                spread=stdev(scores) if len(scores) > 1 else 0.0,
                least=min(scores),
                greatest=max(scores),
                count=len(scores),
            )
            for setting, scores in by_setting.items()
            if scores
        ]
    return tuple(found)


def grouped_rows(request: SheetRequest) -> list[int]:
    """The rows, those of a group after one another."""
    groups = list(dict.fromkeys(prompt.group for prompt in request.prompts))
    rows = range(len(request.prompts))
    return sorted(rows, key=lambda row: groups.index(request.prompts[row].group))


def _short(value: str) -> str:
    """The end of a path, which tells files and models apart."""
    return value.rstrip("/").rpartition("/")[2] or value
