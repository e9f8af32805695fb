"""The list of the Train screen: matchers, trainings, and which match each encoder has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import RequestError
from engine.jobs.codec import request_from_json
from engine.states import JobKind, JobState
from t2itui.screens.jobs.board import JobView
from t2itui.screens.jobs.line import MARKS
from t2itui.text.words import counted, when_words
from t2itui.widgets.rows import Column, Row

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.requests import TrainRequest
    from engine.results import MatcherRecord
    from engine.search.labels import LabelSummary
    from engine.training.report import TrainingReport
    from engine.training.run import TrainedMatcher


COLUMNS = (
    Column(title="state", width=14),
    Column(title="matcher", width=7, right=True, priority=1),
    Column(title="head", width=12, priority=5),
    Column(title="encoder", width=12, share=2),
    Column(title="data", width=10, share=2),
    Column(title="mAP", width=5, right=True),
    Column(title="no labels", width=9, right=True, priority=2),
    Column(title="cosine", width=6, right=True, priority=3),
    Column(title="when", width=16, priority=4),
)

EMPTY = "No matcher yet: n trains one."
REMEMBERED = 100
"""Jobs of earlier sessions looked through for trainings that were stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMatcher:
    """A matcher of the cache."""

    id: int
    name: str
    """What receipts call it."""
    head: str
    """The network that it is; ? where that cannot be read."""
    encoder_id: str
    created_at: float
    is_in_force: bool
    report: TrainingReport | None
    """None where it was made elsewhere."""
    other_report: str
    """JSON of whatever make."""
    trouble: str = ""
    """Why it cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTraining:
    """A training of this session, or one that the end of the program stopped."""

    job_id: int
    state: JobState
    request: TrainRequest | None
    """None until it has begun."""
    view: JobView | None
    """None for one of an earlier session."""
    trained: TrainedMatcher | None
    """What came of it; None while nothing has."""
    began_at: float = 0.0

    @property
    def is_active(self) -> bool:
        """It waits or works."""
        return self.view is not None and self.view.is_active

    @property
    def can_go_on(self) -> bool:
        """It was stopped, and can be taken up again."""
        return self.request is not None and not self.is_active and self.state is not JobState.DONE

    @property
    def can_be_stored(self) -> bool:
        """It is done, and did no better than no training."""
        return self.trained is not None and self.trained.id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainState:
    """Everything that was read."""

    matchers: tuple[ListedMatcher, ...]
    """Newest first."""
    lost: tuple[ListedTraining, ...]
    """Trainings that the end of the program stopped."""
    labelled: Mapping[str, LabelSummary]
    """What labels did, by encoder id; of every encoder that has pictures."""


async def read_state(engine: Engine) -> TrainState:
    """Ask the engine; reports are parsed beside the event loop. Raises CacheError."""
    records = await engine.training.matchers()
    shipped, unusable = await engine.training.shipped(), await engine.training.unusable()
    matchers = await asyncio.to_thread(_listed, records, shipped, unusable)
    counts = await engine.library.counts()
    encoders = [name for name, count in counts.embedded.items() if count]
    known = dict.fromkeys([*encoders, *(each.encoder_id for each in matchers)])
    labelled = {each: await engine.searcher.labels.state(each) for each in known}
    remembered = await engine.jobs.remembered(REMEMBERED)
    lost = [
        ListedTraining(
            job_id=record.id,
            state=JobState.LOST,
            request=_request(record.request),
            view=None,
            trained=None,
            began_at=record.created_at,
        )
        for record in remembered
        if record.kind == JobKind.TRAIN and record.state == JobState.LOST
    ]
    return TrainState(matchers=matchers, lost=tuple(lost), labelled=labelled)


def _listed(
    records: Sequence[MatcherRecord], shipped: int | None, unusable: Mapping[int, str]
) -> tuple[ListedMatcher, ...]:
    from engine.scoring.matcher import head_of, matcher_words
    from engine.training.report import read_report

    newest: dict[str, int] = {}
    for record in records:
        newest.setdefault(record.encoder_id, record.id)
    return tuple(
        ListedMatcher(
            id=record.id,
            name=matcher_words(record.id, shipped),
            head=head_of(record.weights) or "?",
            encoder_id=record.encoder_id,
            created_at=record.created_at,
            is_in_force=newest[record.encoder_id] == record.id,
            report=None if record.id in unusable else read_report(record.report),
            other_report=record.report,
            trouble=unusable.get(record.id, ""),
        )
        for record in records
    )


def _request(text: str) -> TrainRequest | None:
    from engine.requests import TrainRequest

    try:
        return request_from_json(TrainRequest, text)
    except RequestError:
        return None


def trainings(engine: Engine, views: Sequence[JobView], state: TrainState) -> list[ListedTraining]:
    """The trainings to list, active ones first, then the newest first.

    One that was stored is listed as a matcher, and one that was taken up again as the later job.
    """
    found = [
        ListedTraining(
            job_id=view.job_id,
            state=view.state,
            request=engine.training.asked(view.job_id),
            view=view,
            trained=engine.training.of_job(view.job_id),
        )
        for view in views
        if view.kind is JobKind.TRAIN
    ]
    later = {each.request for each in found if each.is_active or each.state is JobState.DONE}
    listed = [
        each
        for each in (*reversed(found), *state.lost)
        if not (each.can_go_on and each.request in later)
        and not (each.trained is not None and each.trained.id is not None)
    ]
    return sorted(listed, key=lambda each: not each.is_active)


def training_key(job_id: int) -> str:
    """The key of a training's row."""
    return f"job:{job_id}"


def matcher_key(matcher_id: int) -> str:
    """The key of a matcher's row."""
    return f"matcher:{matcher_id}"


def training_row(training: ListedTraining) -> Row:
    """The row of a training that is no matcher yet, or was not kept."""
    request, view = training.request, training.view
    state, tone = f"{MARKS[training.state]} {training.state}", "warning"
    if training.is_active:
        last = view.training.last if view is not None else None
        epoch = f" {last.epoch}/{last.epochs}" if last is not None else ""
        state, tone = f"{MARKS[JobState.RUNNING]} {training.state}{epoch}", "good"
    elif training.state is JobState.LOST:
        state = f"{MARKS[JobState.LOST]} unfinished"
    elif training.can_be_stored:
        state, tone = "· not kept", "muted"
    elif training.state is JobState.FAILED:
        tone = "bad"
    report = training.trained.report if training.trained is not None else None
    encoder = (request.encoder or "") if request is not None else ""
    return Row(
        key=training_key(training.job_id),
        cells=(
            state,
            f"job {training.job_id}",
            request.head if request is not None else "",
            _short(report.encoder if report is not None else encoder),
            report.data if report is not None else request.data if request is not None else "",
            *_precisions(report),
            when_words(training.began_at),
        ),
        tone=tone,
    )


def matcher_row(matcher: ListedMatcher) -> Row:
    """The row of a matcher."""
    report = matcher.report
    state = "✔ in force" if matcher.is_in_force else "· replaced"
    tone = "" if matcher.is_in_force else "muted"
    if matcher.trouble:
        state, tone = "! unreadable", "bad"
    return Row(
        key=matcher_key(matcher.id),
        cells=(
            state,
            str(matcher.id),
            matcher.head,
            _short(matcher.encoder_id),
            report.data if report is not None else _origin(matcher),
            *_precisions(report),
            when_words(matcher.created_at),
        ),
        tone=tone,
    )


def _origin(matcher: ListedMatcher) -> str:
    """Where a matcher without a report of this program's comes from."""
    own = matcher.name == f"matcher {matcher.id}"
    return "made elsewhere" if own else matcher.name


def _precisions(report: TrainingReport | None) -> tuple[str, str, str]:
    """Text -> picture, by the matcher, without labels, by cosine."""
    if report is None:
        return "", "", ""
    match, free, cosine = (
        f"{report.of(name).average_precision.value:.3f}"
        for name in ("match", "label-free", "cosine")
    )
    return match, free, cosine


def in_force_words(state: TrainState) -> str:
    """Which match the library uses, encoder by encoder."""
    by_encoder = {each.encoder_id: each for each in state.matchers if each.is_in_force}
    parts = []
    for encoder_id, labelled in state.labelled.items():
        matcher = by_encoder.get(encoder_id)
        name = "no matcher (label-free)" if matcher is None else matcher.name
        count = sum(each.labels for each in labelled.calibrations)
        labels = f", calibrated by {counted(count, 'label')}" if count else ""
        parts.append(f"{_short(encoder_id)}: {name}{labels}")
    return "match of " + "  ·  ".join(parts) if parts else "no encoder has seen a picture yet"


def _short(encoder_id: str) -> str:
    return encoder_id.rpartition("/")[2]
