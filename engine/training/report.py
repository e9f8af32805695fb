"""What was measured of a matcher on pictures that it never saw, kept inside its file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from engine.evaluation.embeddings import EmbeddedData
from engine.evaluation.measure import Measuring
from engine.evaluation.results import (
    CalibrationFigures,
    PairedDifference,
    RetrievalFigures,
    RoutingFigures,
    SwapFigures,
    read_as,
)
from engine.jobs.codec import request_to_json
from engine.models.messages import Reply
from engine.states import Direction, ScorerKind
from engine.training.request import TrainRequest
from engine.training.split import SplitSizes

if TYPE_CHECKING:
    pass

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """One training and its figures on the held-out pictures."""

    version: int
    data: str
    encoder: str
    request: str
    """JSON."""
    pictures: tuple[int, int, int]
    """To learn from, to watch, held out."""
    texts: tuple[int, int, int]
    epochs: int
    validation_map: float
    seconds: float
    device: str
    is_better: bool
    """mAP, text -> picture, above that of the label-free match on the held-out pictures."""
    retrieval: tuple[RetrievalFigures, ...]
    against_label_free: tuple[PairedDifference, ...]
    against_cosine: tuple[PairedDifference, ...]
    swaps: tuple[SwapFigures, ...]
    routing: tuple[RoutingFigures, ...]
    calibration: tuple[CalibrationFigures, ...]

    def as_json(self) -> str:
        """What is kept."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)

    def of(self, scorer: str, direction: str = Direction.TEXT_TO_PICTURE) -> RetrievalFigures:
        """The figures of a scorer."""
        found = (
            each for each in self.retrieval if (each.scorer, each.direction) == (scorer, direction)
        )
        return next(found)


def make_report(
    request: TrainRequest,
    held_out: EmbeddedData,
    sizes: SplitSizes,
    fitted: Reply,
    measuring: Measuring,
    seconds: float,
) -> TrainingReport:
    """Put together what was measured."""
    figures = measuring.figures
    by_scorer = {
        each.scorer: each.average_precision.value
        for each in figures.retrieval
        if each.direction == Direction.TEXT_TO_PICTURE
    }
    return TrainingReport(
        version=VERSION,
        data=held_out.data.name,
        encoder=held_out.encoder.id,
        request=request_to_json(request),
        pictures=sizes.pictures,
        texts=sizes.texts,
        epochs=fitted.whole("epochs"),
        validation_map=fitted.number("validation_map"),
        seconds=seconds,
        device=fitted.text("device"),
        is_better=by_scorer[ScorerKind.MATCH] > by_scorer[ScorerKind.LABEL_FREE],
        retrieval=tuple(figures.retrieval),
        against_label_free=tuple(_against(measuring, ScorerKind.LABEL_FREE)),
        against_cosine=tuple(_against(measuring, ScorerKind.COSINE)),
        swaps=tuple(figures.swaps),
        routing=tuple(figures.routing),
        calibration=tuple(figures.calibration),
    )


def _against(measuring: Measuring, other: str) -> Iterator[PairedDifference]:
    for direction in measuring.directions:
        yield from measuring.against(ScorerKind.MATCH, other, direction)


def read_report(text: str) -> TrainingReport | None:
    """The report of a matcher that was trained here; None for one of another make."""
    try:
        values = json.loads(text)
        return read_as(TrainingReport, values) if values.get("version") == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def summary(text: str) -> str:
    """The report of any matcher in a few words."""
    report = read_report(text)
    if report is None:
        return "shipped or made elsewhere"
    match, label_free, cosine = (
        report.of(name).average_precision.value
        for name in (ScorerKind.MATCH, ScorerKind.LABEL_FREE, ScorerKind.COSINE)
    )
    return (
        f"mAP {match:.3f} (label-free {label_free:.3f}, cosine {cosine:.3f}) on"
        f" {report.pictures[2]:,} held-out pictures of {report.data}"
    )
