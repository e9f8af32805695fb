"""A training as the screens show it, folded out of its events."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from engine.events import TrainingProgress
from engine.states import JobState
from t2itui.cli.support.follow import rate_words
from t2itui.screens.jobs.board import JobView
from t2itui.screens.jobs.views import TrainingView
from t2itui.text.plain import plain
from t2itui.text.plots import Series, series_lines

TWO_PLOTS = 64
"""Cells from which on both plots stand side by side."""
GAP = 2
LOSS, PRECISION, RECALL = "•", "m", "r"
TONES = {LOSS: "$warning", PRECISION: "$success", RECALL: "$primary"}


class TrainingPane(Static):
    """Follows one job."""

    DEFAULT_CSS = """
    TrainingPane { padding: 0 1; height: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view: JobView | None = None

    def follow(self, view: JobView) -> None:
        """Show how far a job is by now."""
        if view is not self._view:
            self._view = view
            self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        width, height = self.content_size
        if self._view is None or not width:
            return
        lines = [Content(plain(line)) for line in stage_lines(self._view)]
        view = self._view.training
        if view.last is not None:
            lines += plots(view, view.last, width, height - len(lines))
        self.update(Content("\n").join(lines[:height]), layout=False)


def stage_lines(view: JobView) -> list[str]:
    """What a training does, in words."""
    training, progress = view.training, view.progress
    stopping = "stopping…  " if view.state is JobState.CANCELLING else ""
    if view.state is JobState.QUEUED:
        return ["waits until the training before it has ended"]
    stage = progress.stage if progress is not None else "starting"
    last = training.last
    if last is None or (progress is not None and progress.stage.startswith("measuring")):
        counted = (
            f": {progress.done:,} of {progress.total:,}" if progress and progress.total else ""
        )
        rate = rate_words(progress) if progress is not None else ""
        return [f"{stopping}{stage}{counted}  {rate}".rstrip()]
    loss = f"   loss {last.loss:.3f}" if last.loss else ""
    where = f"step {last.step:,} of {last.steps:,}"
    if last.stage != "metric":
        where = f"epoch {min(last.epoch + 1, last.epochs)} of {last.epochs}, {where}"
    swaps = f", swaps {last.apart:.3f}" if last.apart else ""
    lines = [
        f"{stopping}{last.what}: {_words(last)}, {where}{loss}",
        f"validation mAP {last.average_precision:.3f} (best {last.best:.3f}),"
        f" recall@1 {last.recall:.3f}{swaps}{_stopping_words(last)}",
    ]
    if training.resumed_at:
        lines.append(f"goes on from epoch {training.resumed_at}, where it was stopped before")
    return lines


def _words(last: TrainingProgress) -> str:
    return "learning which directions count" if last.stage == "metric" else "perceptron"


def _stopping_words(last: TrainingProgress) -> str:
    """How near the training is to an early end."""
    if last.stage == "metric" or not last.patience:
        return ""
    return f"; no gain for {last.since} of {last.patience} epochs"


def plots(view: TrainingView, last: TrainingProgress, width: int, height: int) -> list[Content]:
    """Both curves side by side, or validation alone where that is too narrow."""
    rows = min(height, 16)
    loss = [Series(mark=LOSS, points=view.losses)]
    watched = [
        Series(mark=RECALL, points=view.recalls),
        Series(mark=PRECISION, points=view.precisions),
    ]
    two = width >= TWO_PLOTS
    each = (width - GAP) // 2 if two else width
    right = series_lines(
        watched,
        title=f"validation: mAP {PRECISION}, recall@1 {RECALL}",
        end=last.steps,
        width=each,
        height=rows,
    )
    if not two:
        return [_toned(line) for line in right]
    left = series_lines(loss, title=f"loss {LOSS}", end=last.steps, width=each, height=rows)
    left += [""] * (len(right) - len(left))
    right += [""] * (len(left) - len(right))
    return [
        Content.assemble(_toned(one.ljust(each)), " " * GAP, _toned(other))
        for one, other in zip(left, right, strict=True)
    ]


def _toned(line: str) -> Content:
    """A line of a plot in colours; words of titles stay as they are."""
    if line[:1].strip() and not line[:1].isdigit():
        return Content.styled(line, "$text-muted")
    text = Content(line)
    for at, character in enumerate(line):
        if character in TONES:
            text = text.stylize(TONES[character], at, at + 1)
    return text
