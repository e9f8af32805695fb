"""The list of the Evaluate screen: jobs at work or that came to nothing, then what was kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from engine.states import JobKind, JobState
from t2itui.keys import bindings
from t2itui.screens.jobs.board import JobView
from t2itui.screens.jobs.line import MARKS, TONES, percent
from t2itui.text.words import duration_words, when_words
from t2itui.widgets.rows import Column, Row, RowList

if TYPE_CHECKING:
    from engine.evaluation.results import Evaluation, EvaluationHead


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
        if view.kind is JobKind.EVALUATE
        and view.state is not JobState.DONE
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
            view.title.removeprefix(f"{JobKind.EVALUATE} "),
            "",
            progress.stage if progress is not None else "",
            f"{percent(progress)} %" if progress is not None and progress.total else "",
            left,
        ),
        tone={"$text-error": "bad", "$text-warning": "warning"}.get(TONES.get(view.state, ""), ""),
    )


def head_row(head: EvaluationHead, marked: Collection[int]) -> Row:
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


PAIR = 2
"""Evaluations that can be compared."""
UNKEPT = "0"
"""Key of the row of a result that the cache could not keep."""


class EvaluationRows(RowList):
    """The list; Enter goes to the figures, which then scroll by the keys."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("evaluate_list")


class EvaluationList:
    """The evaluations that were read, which of them are marked, and the row to go to."""

    def __init__(self) -> None:
        self.heads: dict[str, EvaluationHead] = {}
        """By the key of the row."""
        self.marked: list[int] = []
        """Ids, the one marked first at the start; two at most."""
        self.unkept: Evaluation | None = None
        """The last result of a job that the cache could not keep."""
        self._wanted = ""
        """Key of the row that the cursor goes to as soon as there is one."""

    def take(self, heads: Sequence[EvaluationHead], *, offset: int) -> None:
        """Take a page of evaluations; the first one stands for a list read anew."""
        if offset == 0:
            self.heads = {}
            if self.unkept is not None:
                from engine.evaluation.results import EvaluationHead

                self.heads[UNKEPT] = EvaluationHead.of(self.unkept)
        self.heads |= {str(head.id): head for head in heads}

    def rows(self, views: Sequence[JobView]) -> list[Row]:
        """Jobs and kept evaluations, the newest first."""
        jobs = [job_row(view) for view in shown_jobs(views)]
        return jobs + [head_row(head, self.marked) for head in self.heads.values()]

    def go_to_job(self, job_id: int) -> None:
        """Go to the row of a job as soon as there is one."""
        self._wanted = job_key(job_id)

    def go_to_result(self, found: Evaluation) -> None:
        """Go to the row of a result; one that was not kept gets a row too."""
        if not found.id:
            self.unkept = found
        self._wanted = str(found.id) if found.id else UNKEPT

    def take_wanted(self, rows: Sequence[Row]) -> str:
        """The key of the row to go to, once, if it is among these; else nothing."""
        if not any(row.key == self._wanted for row in rows):
            return ""
        wanted, self._wanted = self._wanted, ""
        return wanted

    def toggle_mark(self, evaluation_id: int) -> None:
        """Mark an evaluation, or take its mark away; the first mark gives way to a third."""
        if evaluation_id in self.marked:
            self.marked.remove(evaluation_id)
        else:
            self.marked = [*self.marked, evaluation_id][-PAIR:]

    def drop_mark(self, evaluation_id: int) -> None:
        """Take the mark of an evaluation away, if it has one."""
        self.marked = [each for each in self.marked if each != evaluation_id]

    def pair(self, current: EvaluationHead | None) -> tuple[int, int] | None:
        """Ids of the two marked, or of the one marked and the one under the cursor; older first."""
        ids = set(self.marked)
        if len(ids) < PAIR and current is not None:
            ids.add(current.id)
        return (min(ids), max(ids)) if self.marked and len(ids) == PAIR else None
