"""The jobs of this and earlier sessions in one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from t2itui.job_again import Request, read_request
from t2itui.job_board import ACTIVE, JobView
from t2itui.widgets.job_line import MARKS, figures
from t2itui.widgets.sheet import Row
from t2itui.widgets.sheet_layout import Column
from t2itui.wording import when_words

if TYPE_CHECKING:
    from cache.records import JobRecord

COLUMNS = (
    Column(title="job", width=5, right=True, priority=2),
    Column(title="state", width=12),
    Column(title="what", width=18, share=1),
    Column(title="how far, or how it ended", width=24, share=2),
    Column(title="began", width=16, priority=1),
)

TONES = {"done": "good", "failed": "bad", "cancelled": "warning", "lost": "warning"}
ELSEWHERE = "elsewhere"
"""The state of a job that another instance of the program runs."""
WAITS = "Waits until the jobs before it have ended."
LOST = "Not finished: the program ended before. Run it again?"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """A job as the board and the cache know it together."""

    job_id: int
    title: str
    state: str
    said: str
    """How far it is, or how it ended."""
    hint: str
    notes: tuple[str, ...]
    """Known for jobs of this session only."""
    began_at: float
    """Unix time; 0 where the cache does not know the job."""
    request: Request | None
    """What to start again; None where that cannot be done."""

    @property
    def is_active(self) -> bool:
        """The job waits or works in this session."""
        return self.state in ACTIVE

    @property
    def can_run_again(self) -> bool:
        """The job is over, here and elsewhere, and what it did is known."""
        return self.request is not None and self.state not in {*ACTIVE, ELSEWHERE}


def listed_jobs(views: Sequence[JobView], records: Sequence[JobRecord]) -> list[ListedJob]:
    """Return all jobs, active ones first, then the newest first."""
    by_id = {record.id: record for record in records}
    jobs = [_from_view(view, by_id.pop(view.job_id, None)) for view in views]
    jobs += [_from_record(record) for record in by_id.values()]
    return sorted(jobs, key=lambda job: (not job.is_active, -job.job_id))


def _from_view(view: JobView, record: JobRecord | None) -> ListedJob:
    said = WAITS if view.state == "queued" else view.message
    if view.is_active and view.progress is not None:
        said = ", ".join(part.text for part in figures(view.progress))
    return ListedJob(
        job_id=view.job_id,
        title=view.title,
        state=view.state,
        said=said or (record.message if record is not None else ""),
        hint=view.hint,
        notes=view.notes,
        began_at=record.created_at if record is not None else 0.0,
        request=read_request(view.kind, record.request) if record is not None else None,
    )


def _from_record(record: JobRecord) -> ListedJob:
    state, said = record.state, record.message
    if state == "lost":
        said = LOST
    elif state in ACTIVE:
        state, said = ELSEWHERE, "Runs in another instance of the program."
    return ListedJob(
        job_id=record.id,
        title=record.title,
        state=state,
        said=said,
        hint="",
        notes=(),
        began_at=record.created_at,
        request=read_request(record.kind, record.request),
    )


def job_row(job: ListedJob) -> Row:
    """Return the row of a job."""
    mark = MARKS.get(job.state, "·")
    return Row(
        key=str(job.job_id),
        cells=(
            str(job.job_id),
            f"{mark} {job.state}",
            job.title,
            job.said,
            when_words(job.began_at),
        ),
        tone=TONES.get(job.state, ""),
    )
