"""What an evaluation found: plain values that can be kept, listed and compared."""

from __future__ import annotations

from dataclasses import dataclass

from engine.evaluation.bootstrap import Interval
from engine.evaluation.decisions import Bin, Decision

TEXT_TO_PICTURE, PICTURE_TO_TEXT = "text_to_picture", "picture_to_text"
DIRECTIONS = (TEXT_TO_PICTURE, PICTURE_TO_TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Figures of a part of the queries."""

    name: str
    queries: int
    r1: float
    r10: float
    average_precision: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """How one scorer finds the right answers in one direction."""

    scorer: str
    direction: str
    queries: int
    """Those that have a right answer."""
    candidates: int
    r1: Interval
    """Part of the queries with a right answer first: recall@1 as the field reports it, which is
    top-1 accuracy where the answers are classes."""
    r5: Interval
    r10: Interval
    median_rank: Interval
    """Of the best right answer."""
    mrr: Interval
    """Mean reciprocal rank of the best right answer."""
    average_precision: Interval
    """mAP: the mean over queries of the average precision over all right answers."""
    share10: float
    """Part of all right answers among the first ten, mean over queries."""
    rights: float
    """Right answers a query, on average."""
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two scorers on the same queries."""

    one: str
    other: str
    direction: str
    measure: str
    """r@1 or map."""
    difference: Interval
    """That of `one` minus that of `other`."""
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """How one scorer tells true texts from the same with one thing exchanged."""

    scorer: str
    pairs: int
    auc: Interval
    """The probability that some true text scores above some swapped one."""
    told_apart: float
    """Part of the pairs whose true text scores above its own swapped one; ties count half."""
    attributes: tuple[tuple[str, int, float], ...]
    """Of each attribute: name, pairs, told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """How the best score of a query tells whether some picture answers it."""

    scorer: str
    protocol: str
    """'labelled' where the data says which queries are absent; 'left out' where each text is asked
    with all pictures, and again without its right ones."""
    present: int
    absent: int
    at: Decision | None
    """At the threshold asked for; None for a scorer that gives no probability."""
    best: Decision
    """At the most accurate threshold."""
    curve: tuple[Decision, ...]
    kinds: tuple[tuple[str, int, float], ...]
    """Of each kind of query: name, number, accuracy at `at`, or at `best` where that is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Whether probabilities are what they say, on right pairs and as many wrong ones."""

    scorer: str
    pairs: int
    error: float
    """Expected calibration error."""
    brier: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """An evaluation in a list: what it was made on, and two figures of each scorer."""

    id: int
    created_at: float
    data: str
    encoder: str
    match: str
    figures: tuple[tuple[str, float, float], ...]
    """Of each scorer: name, recall@1 and mAP, text -> picture."""

    @classmethod
    def of(cls, found: Evaluation) -> Head:
        """The head of an evaluation that is at hand."""
        return cls(
            id=found.id,
            created_at=found.created_at,
            data=found.data,
            encoder=found.encoder,
            match=found.match,
            figures=tuple(
                (each.scorer, each.r1.value, each.average_precision.value)
                for each in found.retrieval
                if each.direction == TEXT_TO_PICTURE
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluation, as it is kept."""

    id: int
    """0 where it could not be kept."""
    created_at: float
    data: str
    kind: str
    encoder: str
    match: str
    """What `match` was: 'label-free (...)', 'matcher N', or the shipped one."""
    texts: int
    pictures: int
    seconds: float
    request: str
    """JSON."""
    notes: tuple[str, ...]
    retrieval: tuple[Retrieval, ...]
    paired: tuple[Paired, ...]
    swaps: tuple[Swap, ...]
    routing: tuple[Routing, ...]
    calibration: tuple[Calibration, ...]
