"""A comparison as it is drawn: descriptions as rows, scorers, pictures or encoders as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

from engine.comparing.comparison import COMPARED
from engine.states import ScorerKind
from t2itui.text.tables import LineWriter, write_table

if TYPE_CHECKING:
    from engine.comparing.beside import ComparisonDifference
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
    """One picture under one encoder: its columns are the scorers, and ranks and changes stand
    beside them. Else pictures are the columns, each under every encoder, by one scorer."""

    @classmethod
    def of(
        cls,
        lines: Sequence[Description | DescriptionScores],
        pictures: Sequence[str],
        found: Sequence[Comparison],
        scorer: ScorerKind,
        encoders: Sequence[str] = (),
    ) -> HeatTable:
        """Set up the lines with the scores that are known, under each of the encoders."""
        count = max(1, len(encoders))
        is_single = len(pictures) * count == 1
        if is_single:
            keys = [(name, 0, 0) for name in COMPARED]
        else:
            keys = [(scorer, i, encoder) for i in range(len(pictures)) for encoder in range(count)]
        known = [_rows_by_text(each, pictures) for each in found] or [{} for _ in range(count)]
        limits = {key: _limits(known, *key) for key in {(name, at) for name, _, at in keys}}
        return cls(
            columns=COMPARED if is_single else _column_names(pictures, encoders),
            rows=tuple(_row(lines, index, known, keys, limits) for index in range(len(lines))),
            is_single=is_single,
        )


def encoder_names(encoders: Sequence[str]) -> tuple[str, ...]:
    """Encoders without their owner and revision, where that tells them apart."""
    short = tuple(name.rpartition("/")[2].partition("@")[0] for name in encoders)
    return short if len(set(short)) == len(short) else tuple(encoders)


def _column_names(pictures: Sequence[str], encoders: Sequence[str]) -> tuple[str, ...]:
    names = [PurePath(name).name for name in pictures]
    if len(encoders) < 2:
        return tuple(names)
    under = encoder_names(encoders)
    return under if len(names) == 1 else tuple(f"{a} {b}" for a in names for b in under)


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


def write_differences(differences: Sequence[ComparisonDifference], output: LineWriter) -> None:
    """Write what sets every other encoder apart from the first."""
    if not differences:
        return
    output.line(f"beside {differences[0].other}, paired by descriptions", bold=True)
    rows = [
        (
            each.measure,
            f"{each.other_value:.3f}",
            f"{each.one_value:.3f}",
            f"{each.difference.value:+.3f}",
            f"{each.difference.low:+.3f} to {each.difference.high:+.3f}",
            f"{each.p:.3f}",
            each.one,
        )
        for each in differences
    ]
    head = ("mean", "first", "other", "change", "95 %", "p", "other encoder")
    write_table(output, head, rows, left="mean")


_Rows: TypeAlias = Mapping[str, "DescriptionScores"]
"""What an encoder made of descriptions, by their text."""
_Key: TypeAlias = tuple[ScorerKind, int, int]
"""What a column holds: a scorer, and the positions of a picture and an encoder."""


def _rows_by_text(found: Comparison, pictures: Sequence[str]) -> _Rows:
    """The rows that are known; none where they are about other pictures."""
    if found.pictures != tuple(pictures):
        return {}
    return {row.text: row for row in found.rows}


def _limits(known: Sequence[_Rows], scorer: ScorerKind, encoder: int) -> tuple[float, float]:
    """The lowest and the highest score; cosines of two encoders are on scales of their own."""
    some = known if scorer is ScorerKind.MATCH else [known[encoder]]
    scores = [cell.score(scorer) for rows in some for row in rows.values() for cell in row.cells]
    return (min(scores), max(scores)) if scores else (0.0, 1.0)


def _row(
    lines: Sequence[Description | DescriptionScores],
    index: int,
    known: Sequence[_Rows],
    keys: Sequence[_Key],
    limits: Mapping[tuple[ScorerKind, int], tuple[float, float]],
) -> HeatRow:
    text, mark = lines[index].text, _mark(lines, index)
    under = [rows.get(text) for rows in known]
    heats = []
    for name, picture, encoder in keys:
        row = under[encoder]
        heats.append(
            None if row is None else _heat(row.cells[picture], name, limits[name, encoder])
        )
    first = under[0]
    return HeatRow(
        text=text,
        mark=mark,
        added="" if first is None or first.added == text else first.added,
        tokens=0 if first is None else first.tokens,
        is_cut=any(row is not None and row.lost for row in under),
        heats=tuple(heats),
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
