"""The rows of the Evaluate screen: jobs at work, or that came to nothing, then what was kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from t2itui.job_board import JobView
from t2itui.widgets.job_line import MARKS, TONES, percent
from t2itui.widgets.sheet import Row
from t2itui.widgets.sheet_layout import Column
from t2itui.wording import duration_words, when_words

if TYPE_CHECKING:
    from engine.evaluation.results import Head

EVALUATING = "evaluate"
"""The kind of jobs that evaluate."""
MARKED = "◆"

COLUMNS = (
    Column(title="", width=1),
    Column(title="when", width=16, priority=2),
    Column(title="data", width=12, share=3),
    Column(title="encoder", width=14, share=2, priority=4),
    Column(title="match is", width=11, share=1, priority=3),
    Column(title="cosine r@1 mAP", width=14, right=True),
    Column(title="match r@1 mAP", width=13, right=True),
)


def shown_jobs(views: Sequence[JobView]) -> list[JobView]:
    """The evaluating jobs that have a row, the newest first; one that is done has its result."""
    return [
        view
        for view in reversed(views)
        if view.kind == EVALUATING
        and view.state != "done"
        and (view.is_active or not view.dismissed)
    ]


def job_key(job_id: int) -> str:
    """The key of a job's row."""
    return f"job {job_id}"


def job_row(view: JobView) -> Row:
    """The row of a job."""
    progress = view.progress if view.is_active else None
    left = ""
    if progress is not None and progress.eta_s is not None:
        left = f"{duration_words(max(1.0, progress.eta_s))} left"
    return Row(
        key=job_key(view.job_id),
        cells=(
            MARKS[view.state],
            view.state,
            view.title.removeprefix(f"{EVALUATING} "),
            "",
            progress.stage if progress is not None else "",
            f"{percent(progress)} %" if progress is not None and progress.total else "",
            left,
        ),
        tone={"$text-error": "bad", "$text-warning": "warning"}.get(TONES.get(view.state, ""), ""),
    )


def head_row(head: Head, marked: Collection[int]) -> Row:
    """The row of a kept evaluation."""
    figures = {name: f"{r1:.3f} {precision:.3f}" for name, r1, precision in head.figures}
    return Row(
        key=str(head.id),
        cells=(
            MARKED if head.id in marked else "",
            when_words(head.created_at),
            head.data,
            head.encoder.rpartition("/")[2],
            head.match,
            figures.get("cosine", "-"),
            figures.get("match", "-"),
        ),
    )
