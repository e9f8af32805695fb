"""What is known of this session's jobs, folded out of the engine's events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from engine.events import (
    GeneratedPicture,
    GenerationProgress,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobNote,
    JobPreview,
    JobProgress,
    JobQueued,
    JobStarted,
    MemoryFallback,
    PictureRejected,
    PictureScored,
    PictureStored,
    TrainingProgress,
)
from engine.states import FitStage, JobKind, JobState
from t2itui.text.words import duration_words

if TYPE_CHECKING:
    from engine.jobs.jobs import Job


MOST_POINTS = 400
"""Of a curve; with more of them every second one goes."""

Points: TypeAlias = tuple[tuple[float, float], ...]
"""Steps and values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingView:
    """The curves of what is being fitted at the moment, and its last figures."""

    last: TrainingProgress | None = None
    """None while nothing was reported."""
    resumed_at: int = 0
    """Epochs that an earlier, stopped run had done."""
    losses: Points = ()
    precisions: Points = ()
    """Validation mAP."""
    recalls: Points = ()
    """Validation recall@1."""

    def after(self, event: JobEvent) -> TrainingView:
        """Take an event into account."""
        if not isinstance(event, TrainingProgress):
            return self
        view = self if _goes_on(self.last, event) else TrainingView()
        if event.stage == FitStage.RESUMED:
            view = replace(view, resumed_at=event.epoch)
        losses = view.losses
        if event.loss:
            losses = _thinned((*losses, (event.step, event.loss)))
        precisions, recalls = view.precisions, view.recalls
        measured = (event.average_precision, event.recall)
        if (
            event.stage == FitStage.EPOCHS
            or not precisions
            or _last(precisions, recalls) != measured
        ):
            precisions = _thinned((*precisions, (event.step, event.average_precision)))
            recalls = _thinned((*recalls, (event.step, event.recall)))
        return replace(view, last=event, losses=losses, precisions=precisions, recalls=recalls)


NOTHING_TRAINED = TrainingView()


def _goes_on(before: TrainingProgress | None, event: TrainingProgress) -> bool:
    """Whether an event belongs to the curves so far; metric and epochs count steps apart."""
    if before is None or before.what != event.what:
        return before is None
    return (before.stage == FitStage.METRIC) == (event.stage == FitStage.METRIC)


def _last(precisions: Points, recalls: Points) -> tuple[float, float]:
    return precisions[-1][1], recalls[-1][1]


def _thinned(points: Points) -> Points:
    return points if len(points) <= MOST_POINTS else (*points[:-1:2], points[-1])


MOST_LINES = 200
"""Events of one job that are remembered as lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationView:
    """How far a generation is, as the screens show it."""

    preview: JobPreview | None = None
    """What the picture at hand looks like so far."""
    pictures: tuple[GeneratedPicture, ...] = ()
    """What it stored, as far as that is scored with its score."""
    rejected: tuple[PictureRejected, ...] = ()
    """The pictures that came to nothing."""
    lines: tuple[str, ...] = ()
    """What happened, the oldest first; untrusted text."""

    def after(self, event: JobEvent) -> GenerationView:
        """The view once an event was taken into account."""
        match event:
            case JobPreview():
                return replace(self, preview=event)
            case GenerationProgress(stage=line) | JobNote(message=line):
                return self._with_line(line)
            case MemoryFallback(message=line):
                return self._with_line(line)
            case PictureStored(picture=picture):
                how = "from the cache" if picture.cached else f"kept after {picture.seconds:.1f} s"
                view = self._with_line(f"seed {picture.seed}: {how}")
                return replace(view, pictures=(*self.pictures, picture), preview=None)
            case PictureScored():
                return self._with_score(event)
            case PictureRejected():
                view = self._with_line(f"seed {event.seed}: {event.check.message}")
                return replace(view, rejected=(*self.rejected, event), preview=None)
        return self

    def _with_line(self, line: str) -> GenerationView:
        if self.lines[-1:] == (line,):
            return self
        return replace(self, lines=(*self.lines, line)[-MOST_LINES:])

    def _with_score(self, event: PictureScored) -> GenerationView:
        picture, score = event.picture, event.score
        scored = tuple(
            picture if each.picture_id == picture.picture_id else each for each in self.pictures
        )
        view = self._with_line(
            f"seed {picture.seed}: match {score.match:.2f}, cosine {score.cosine:.2f}"
        )
        return replace(view, pictures=scored)


NOTHING_GENERATED = GenerationView()


def as_ppm(preview: JobPreview) -> bytes:
    """The preview as a picture file; costs a copy and nothing else."""
    return b"P6 %d %d 255\n" % (preview.width, preview.height) + preview.rgb


SHOWN_S = 6.0
"""For so long the outcome of a job stays in sight; a failure stays until it is dismissed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One job as the screens show it."""

    job_id: int
    kind: JobKind | None = None
    """None until it is known."""
    title: str = ""
    state: JobState = JobState.QUEUED
    progress: JobProgress | None = None
    warnings: tuple[str, ...] = ()
    message: str = ""
    hint: str = ""
    ended_at: float | None = None
    """On the board's clock; None while it is active."""
    dismissed: bool = False
    generation: GenerationView = NOTHING_GENERATED
    """What a generation has come to so far."""
    training: TrainingView = NOTHING_TRAINED
    """How well what a training fits does so far."""

    @property
    def is_active(self) -> bool:
        """The job waits or works."""
        return self.state.is_active


class JobBoard:
    """Keeps a view of every job of this session; widgets read it, the app feeds it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._views: dict[int, JobView] = {}
        self._listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def views(self) -> tuple[JobView, ...]:
        """All jobs, the first started first."""
        return tuple(self._views.values())

    @property
    def active(self) -> tuple[JobView, ...]:
        """The jobs that wait or work."""
        return tuple(view for view in self._views.values() if view.is_active)

    def find(self, job_id: int) -> JobView | None:
        """The job of that id, if it was started in this session."""
        return self._views.get(job_id)

    def apply(self, event: JobEvent) -> None:
        """Take an event into account."""
        view = self._views.get(event.job_id, JobView(job_id=event.job_id))
        generation, training = view.generation.after(event), view.training.after(event)
        view = replace(view, generation=generation, training=training)
        self._put(self._after(view, event))

    def _put(self, view: JobView) -> None:
        self._views[view.job_id] = view
        for listener in tuple(self._listeners):
            listener()

    def _after(self, view: JobView, event: JobEvent) -> JobView:
        match event:
            case JobQueued(kind=kind, title=title):
                return replace(view, kind=kind, title=title)
            case JobStarted() if view.state is JobState.QUEUED:
                return replace(view, state=JobState.RUNNING)
            case JobProgress():
                return replace(view, progress=event)
            case JobNote(message=message) | MemoryFallback(message=message):
                return replace(view, warnings=(*view.warnings, message))
            case JobFinished(message=message):
                return self._ended(view, JobState.DONE, message)
            case JobFailed(message=message, hint=hint):
                return self._ended(view, JobState.FAILED, message, hint)
            case JobCancelled(message=message, seconds=seconds):
                if view.kind is JobKind.GENERATE:
                    message = f"Stopped in {duration_words(seconds)}; what was painted is kept."
                return self._ended(view, JobState.CANCELLED, message)
        return view

    def _ended(self, view: JobView, state: JobState, message: str, hint: str = "") -> JobView:
        return replace(view, state=state, message=message, hint=hint, ended_at=self._clock())

    def take_over(self, job: Job) -> None:
        """Enter a job that was started before the board listened."""
        if job.id not in self._views:
            self._put(
                JobView(
                    job_id=job.id,
                    kind=job.kind,
                    title=job.title,
                    state=job.state,
                    progress=job.progress,
                    dismissed=not job.is_active,
                )
            )

    def cancelling(self, job_id: int) -> None:
        """Say that a job was asked to stop and has not stopped yet."""
        view = self._views.get(job_id)
        if view is not None and view.is_active:
            self._put(replace(view, state=JobState.CANCELLING))

    @property
    def latest_generation(self) -> JobView | None:
        """The generation to look at: the one at work, else the last one of this session."""
        jobs = [view for view in self._views.values() if view.kind is JobKind.GENERATE]
        busy = [view for view in jobs if view.state in (JobState.RUNNING, JobState.CANCELLING)]
        return next(iter(busy or jobs[-1:]), None)

    def dismiss(self, job_id: int) -> None:
        """Take the outcome of a job out of sight."""
        view = self._views.get(job_id)
        if view is not None and not view.is_active:
            self._put(replace(view, dismissed=True))

    def in_sight(self) -> tuple[JobView, ...]:
        """What the strip shows: active jobs, undismissed failures and fresh outcomes."""
        return tuple(view for view in self._views.values() if self._is_in_sight(view))

    def _is_in_sight(self, view: JobView) -> bool:
        if view.is_active:
            return True
        if view.dismissed or view.ended_at is None:
            return False
        return view.state is JobState.FAILED or self._clock() - view.ended_at < SHOWN_S

    def next_change_s(self) -> float | None:
        """Seconds until an outcome leaves the sight by itself; None where none will."""
        leaving = [
            SHOWN_S - (self._clock() - view.ended_at)
            for view in self.in_sight()
            if view.ended_at is not None and view.state is not JobState.FAILED
        ]
        return max(0.0, min(leaving)) if leaving else None
