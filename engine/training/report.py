"""What was measured of a matcher on pictures that it never saw, kept inside its file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from engine.evaluation.by_size import SizedQueries, SizedRouting, quarters_of
from engine.evaluation.embeddings import EmbeddedData
from engine.evaluation.measure import BackgroundScores, Measuring, Step
from engine.evaluation.results import (
    CalibrationFigures,
    PairedDifference,
    RetrievalFigures,
    RoutingFigures,
    SizeCurve,
    SwapFigures,
)
from engine.jobs.codec import request_to_json
from engine.models.messages import Reply
from engine.requests import EvaluateRequest, TrainRequest
from engine.scoring.match import MatchContext
from engine.states import Direction, HeadKind, LossKind, QuerySet, ScorerKind
from engine.training.split import DataSplit, SplitSizes
from engine.untrusted.documents import parse_object
from engine.untrusted.values import read_as

VERSION = 1
SHIPPED = "shipped"
"""The matcher that ships, in a report beside another for its encoder."""
_SHOWN = Direction.TEXT_TO_PICTURE
_COMPARED = (ScorerKind.MATCH, ScorerKind.LABEL_FREE, ScorerKind.COSINE)
"""What every report has figures of."""
_ROUTED = (ScorerKind.LABEL_FREE, ScorerKind.MATCH)
WORSE_P = 0.1
"""Two-sided: below it, fewer queries routed right than without the matcher are no accident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedTexts:
    """How texts are routed by a new matcher and without labels, on pictures it did not learn."""

    curves: tuple[SizeCurve, ...]
    """Of both scorers, of all texts and, where it makes a difference, of the unseen ones."""
    against_label_free: tuple[PairedDifference, ...]
    """`match` against the match without labels, paired by texts, for the same."""


def route_texts(
    parts: DataSplit,
    context: MatchContext,
    asked: EvaluateRequest,
    step: Step,
    background: BackgroundScores | None = None,
) -> RoutedTexts:
    """Route the texts of the held-out pictures, and those that none of these answers.

    The libraries are samples of the held-out pictures: a quarter, a half and all of them. Beside
    all texts stand those alone that nothing was learned from (see training.split), since of the
    others the matcher has heard.
    """
    queries = SizedQueries.of(parts.routed, asked.seed)
    sized = SizedRouting(
        queries=queries,
        context=context,
        sizes=quarters_of(len(parts.routed.data.pictures)),
        threshold=asked.threshold,
        resamples=asked.resamples,
        seed=asked.seed,
        step=step,
        background=background,
    )
    for scorer in _ROUTED:
        sized.measure(scorer)
    learned = parts.learned
    is_unseen = np.array([text not in learned for text in queries.texts], np.bool_)
    chosen = [None] if is_unseen.all() or not is_unseen.any() else [None, is_unseen]
    differences = [sized.against(ScorerKind.MATCH, ScorerKind.LABEL_FREE, some) for some in chosen]
    return RoutedTexts(
        curves=tuple(sized.curve(scorer, some) for some in chosen for scorer in _ROUTED),
        against_label_free=tuple(each for each in differences if each is not None),
    )


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
    """With it, `match` ranks better than label-free on the held-out pictures (mAP, text ->
    picture), routes no worse (over three library sizes, paired by texts, of all and of unseen
    ones), and ranks no worse than the matcher that ships."""
    retrieval: tuple[RetrievalFigures, ...]
    against_label_free: tuple[PairedDifference, ...]
    against_cosine: tuple[PairedDifference, ...]
    swaps: tuple[SwapFigures, ...]
    routing: tuple[RoutingFigures, ...]
    calibration: tuple[CalibrationFigures, ...]
    head: str = HeadKind.MLP
    loss: str = LossKind.BCE
    by_size: tuple[SizeCurve, ...] = ()
    """Routing by library size; reports of older versions have none."""

    @property
    def shortfall(self) -> str:
        """Why the matcher is not kept by itself, to follow 'it'; empty where it is."""
        if self.is_better:
            return ""
        match, free = (
            self.of(name).average_precision.value
            for name in (ScorerKind.MATCH, ScorerKind.LABEL_FREE)
        )
        if match > free and any(_is_worse(each) for each in self.against_label_free):
            return "routes worse than the match without labels"
        if match > free and any(each.scorer == SHIPPED for each in self.retrieval):
            return "ranks worse than the matcher that ships"
        return "does no better than the match without labels"

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
    routed: RoutedTexts,
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
        head=request.head,
        loss=request.loss,
        data=held_out.data.name,
        encoder=held_out.encoder.id,
        request=request_to_json(request),
        pictures=sizes.pictures,
        texts=sizes.texts,
        epochs=fitted.whole("epochs"),
        validation_map=fitted.number("validation_map"),
        seconds=seconds,
        device=fitted.text("device"),
        is_better=is_better(by_scorer, routed.against_label_free),
        retrieval=tuple(figures.retrieval),
        against_label_free=(
            *_against(measuring, ScorerKind.LABEL_FREE),
            *routed.against_label_free,
        ),
        against_cosine=tuple(_against(measuring, ScorerKind.COSINE)),
        swaps=tuple(figures.swaps),
        routing=tuple(figures.routing),
        calibration=tuple(figures.calibration),
        by_size=routed.curves,
    )


def is_better(precision: Mapping[str, float], routes: Iterable[PairedDifference]) -> bool:
    """Whether a matcher is kept by itself, from mAP by scorer and routing against label-free."""
    match, free = precision[ScorerKind.MATCH], precision[ScorerKind.LABEL_FREE]
    beats_others = match > free and match >= precision.get(SHIPPED, 0.0)
    return beats_others and not any(map(_is_worse, routes))


def _is_worse(routes: PairedDifference) -> bool:
    """Fewer queries are routed right, and not by accident."""
    return routes.is_routing and routes.difference.value < 0 and routes.p < WORSE_P


def _against(measuring: Measuring, other: str) -> Iterator[PairedDifference]:
    for direction in measuring.directions:
        yield from measuring.against(ScorerKind.MATCH, other, direction)


def read_report(text: str) -> TrainingReport | None:
    """The report of a matcher that was trained here; None for one of another make.

    Raises ValueError where it is neither.
    """
    values = parse_object(text)
    if values.get("version") != VERSION:
        return None
    try:
        report = read_as(TrainingReport, values)
    except TypeError as error:
        raise ValueError(f"its report is incomplete: {error}") from error
    measured = {each.scorer for each in report.retrieval if each.direction == _SHOWN}
    lacking = [name for name in _COMPARED if name not in measured]
    if lacking:
        raise ValueError(f"its report has no figures of {' and '.join(lacking)}")
    return report


def summary(text: str) -> str:
    """The report of any matcher in a few words."""
    try:
        report = read_report(text)
    except ValueError as error:
        return f"unreadable: {error}"
    if report is None:
        return "shipped or made elsewhere"
    match, label_free, cosine = (report.of(name).average_precision.value for name in _COMPARED)
    routing = {each.scorer: each.mean for each in report.by_size if each.queries == QuerySet.ALL}
    routed = ""
    if routing.keys() >= {ScorerKind.MATCH, ScorerKind.LABEL_FREE}:
        own, free = (routing[name] for name in (ScorerKind.MATCH, ScorerKind.LABEL_FREE))
        routed = f", routing {own:.3f} (label-free {free:.3f})"
    return (
        f"mAP {match:.3f} (label-free {label_free:.3f}, cosine {cosine:.3f}){routed} on"
        f" {report.pictures[2]:,} held-out pictures of {report.data}"
    )
