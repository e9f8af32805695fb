"""What is known of a generation or a training of this session, folded out of its events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from engine.events import (
    GeneratedPicture,
    GenerationProgress,
    JobEvent,
    JobNote,
    JobPreview,
    MemoryFallback,
    PictureRejected,
    PictureScored,
    PictureStored,
    TrainingProgress,
)
from engine.states import FitStage

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
