"""A comparison as it is drawn: descriptions as rows, scorers or pictures as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from engine.comparing.comparison import COMPARED
from engine.states import ScorerKind

if TYPE_CHECKING:
    from engine.comparing.comparison import (
        Comparison,
        Description,
        DescriptionScores,
        PictureScores,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """One cell."""

    score: float
    share: float
    """Its place between the lowest score of the scorer, 0, and the highest, 1."""
    rank: int
    change: float | None
    """From the line before in the same language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatRow:
    """One description."""

    text: str
    """Untrusted; made safe when it is drawn."""
    mark: str
    """Joins the lines of a pair: a corner at the first and at the last."""
    added: str = ""
    tokens: int = 0
    """0 where unknown."""
    is_cut: bool = False
    heats: tuple[Heat | None, ...] = ()
    """None where the score is not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatTable:
    """All that is drawn."""

    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    is_single: bool
    """One picture: its columns are the scorers, and ranks and changes stand beside them."""

    @classmethod
    def of(
        cls,
        lines: Sequence[Description | DescriptionScores],
        pictures: Sequence[str],
        found: Comparison | None,
        scorer: ScorerKind,
    ) -> HeatTable:
        """Set up the lines with the scores that are known; `scorer` counts for several pictures."""
        is_single = len(pictures) == 1
        keys = [(name, 0) for name in COMPARED]
        if not is_single:
            keys = [(scorer, number) for number in range(len(pictures))]
        rows = _rows_by_text(found, pictures)
        limits = {name: _limits(rows.values(), name) for name in COMPARED}
        return cls(
            columns=COMPARED if is_single else tuple(PurePath(name).name for name in pictures),
            rows=tuple(
                _row(lines, index, rows.get(line.text), keys, limits)
                for index, line in enumerate(lines)
            ),
            is_single=is_single,
        )


def other_scorer(scorer: ScorerKind) -> ScorerKind:
    """The scorer after this one."""
    return COMPARED[(COMPARED.index(scorer) + 1) % len(COMPARED)]


def digits(score: float) -> str:
    """A score with three digits and no leading zero; one that is not quite 1 stays below 1."""
    if score >= 1:
        return "1.00"
    return f"{min(score, 0.999):.3f}".replace("0.", ".", 1)


def change_words(change: float | None) -> str:
    """A change with its sign; '=' where nothing shows, nothing where there was no line before."""
    if change is None:
        return ""
    text = f"{change:+.3f}".replace("0.", ".", 1)
    return "=" if text in ("+.000", "-.000") else text


def _rows_by_text(
    found: Comparison | None, pictures: Sequence[str]
) -> Mapping[str, DescriptionScores]:
    """The rows that are known; none where they are about other pictures."""
    if found is None or found.pictures != tuple(pictures):
        return {}
    return {row.text: row for row in found.rows}


def _limits(rows: Iterable[DescriptionScores], scorer: ScorerKind) -> tuple[float, float]:
    scores = [cell.score(scorer) for row in rows for cell in row.cells]
    return (min(scores), max(scores)) if scores else (0.0, 1.0)


def _row(
    lines: Sequence[Description | DescriptionScores],
    index: int,
    row: DescriptionScores | None,
    keys: Sequence[tuple[ScorerKind, int]],
    limits: Mapping[ScorerKind, tuple[float, float]],
) -> HeatRow:
    text, mark = lines[index].text, _mark(lines, index)
    if row is None:
        return HeatRow(text=text, mark=mark, heats=(None,) * len(keys))
    return HeatRow(
        text=text,
        mark=mark,
        added="" if row.added == text else row.added,
        tokens=row.tokens,
        is_cut=bool(row.lost),
        heats=tuple(_heat(row.cells[number], name, limits[name]) for name, number in keys),
    )


def _heat(cell: PictureScores, scorer: ScorerKind, limits: tuple[float, float]) -> Heat:
    low, high = limits
    score = cell.score(scorer)
    return Heat(
        score=score,
        share=(score - low) / (high - low) if high > low else 0.5,
        rank=cell.rank(scorer),
        change=cell.change(scorer),
    )


def _mark(lines: Sequence[Description | DescriptionScores], index: int) -> str:
    pair = lines[index].pair
    if pair is None:
        return ""
    after = index + 1 < len(lines) and lines[index + 1].pair == pair
    before = index > 0 and lines[index - 1].pair == pair
    return {(False, True): "╭", (True, True): "│", (True, False): "╰"}.get((before, after), "")
