"""What is known of a painting job of this session, folded out of its events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from engine.events import (
    JobDecoding,
    JobEvent,
    JobKept,
    JobLoading,
    JobNote,
    JobPreview,
    JobScored,
    JobSpoilt,
    JobStep,
    JobWaiting,
    TrainingProgress,
)

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
        if event.stage == "resumed":
            view = replace(view, resumed_at=event.epoch)
        losses = view.losses
        if event.loss:
            losses = _thinned((*losses, (event.step, event.loss)))
        precisions, recalls = view.precisions, view.recalls
        measured = (event.average_precision, event.recall)
        if event.stage == "epochs" or not precisions or _last(precisions, recalls) != measured:
            precisions = _thinned((*precisions, (event.step, event.average_precision)))
            recalls = _thinned((*recalls, (event.step, event.recall)))
        return replace(view, last=event, losses=losses, precisions=precisions, recalls=recalls)


NOTHING_TRAINED = TrainingView()


def _goes_on(before: TrainingProgress | None, event: TrainingProgress) -> bool:
    """Whether an event belongs to the curves so far; metric and epochs count steps apart."""
    if before is None or before.what != event.what:
        return before is None
    return (before.stage == "metric") == (event.stage == "metric")


def _last(precisions: Points, recalls: Points) -> tuple[float, float]:
    return precisions[-1][1], recalls[-1][1]


def _thinned(points: Points) -> Points:
    return points if len(points) <= MOST_POINTS else (*points[:-1:2], points[-1])


KEPT_LINES = 200
"""Events of one job that are kept as lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedView:
    """A picture that a job kept."""

    picture_id: int
    path: str
    seed: int
    width: int
    height: int
    seconds: float
    cached: bool
    cosine: float | None = None
    """With its prompt; None before it was scored, and where no encoder could be asked."""
    match: float | None = None
    best: BestView | None = None
    """None where the library holds no other picture, and for jobs of earlier sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BestView:
    """The picture of the library that fits the prompt best and was not painted."""

    picture_id: int
    path: str
    cosine: float
    match: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintingView:
    """How far a painting is, as the screens show it."""

    preview: JobPreview | None = None
    """What the picture at hand looks like so far."""
    painted: tuple[PaintedView, ...] = ()
    spoilt: tuple[JobSpoilt, ...] = ()
    """The pictures that came to nothing."""
    lines: tuple[str, ...] = ()
    """What happened, the oldest first; untrusted text."""

    def after(self, event: JobEvent) -> PaintingView:
        """The view once an event was taken into account."""
        match event:
            case JobPreview():
                return replace(self, preview=event)
            case JobLoading(stage=stage) | JobWaiting(stage=stage):
                return self._told(stage)
            case JobStep(stage=stage) | JobDecoding(stage=stage):
                return self._told(stage)
            case JobNote(message=message):
                return self._told(message)
            case JobKept():
                return self._with_kept(event)
            case JobScored():
                return self._with_scored(event)
            case JobSpoilt():
                told = self._told(f"seed {event.seed}: {event.message}")
                return replace(told, spoilt=(*self.spoilt, event), preview=None)
        return self

    def _told(self, line: str) -> PaintingView:
        if self.lines[-1:] == (line,):
            return self
        return replace(self, lines=(*self.lines, line)[-KEPT_LINES:])

    def _with_kept(self, event: JobKept) -> PaintingView:
        picture = PaintedView(
            picture_id=event.picture_id,
            path=event.path,
            seed=event.seed,
            width=event.width,
            height=event.height,
            seconds=event.seconds,
            cached=event.cached,
        )
        how = "from the cache" if event.cached else f"kept after {event.seconds:.1f} s"
        told = self._told(f"seed {event.seed}: {how}")
        return replace(told, painted=(*self.painted, picture), preview=None)

    def _with_scored(self, event: JobScored) -> PaintingView:
        best = None
        if event.best_picture_id is not None:
            best = BestView(
                picture_id=event.best_picture_id,
                path=event.best_path,
                cosine=event.best_cosine,
                match=event.best_match,
            )
        painted = tuple(
            replace(picture, cosine=event.cosine, match=event.match, best=best)
            if picture.picture_id == event.picture_id
            else picture
            for picture in self.painted
        )
        told = self._told(f"seed {event.seed}: match {event.match:.2f}, cosine {event.cosine:.2f}")
        return replace(told, painted=painted)


NOTHING_PAINTED = PaintingView()


def as_ppm(preview: JobPreview) -> bytes:
    """The preview as a picture file; costs a copy and nothing else."""
    return b"P6 %d %d 255\n" % (preview.width, preview.height) + preview.rgb
