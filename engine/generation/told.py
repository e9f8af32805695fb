"""What a painting job says of each picture."""

from __future__ import annotations

from dataclasses import dataclass

from cache.records import GeneratedRecord
from engine.events import JobKept, JobScored, JobSpoilt, Report
from engine.generation.painted import BLACK, BLOCKED, NAN, Painted
from engine.search.judge import Verdict

SPOILT = {
    BLACK: "it came out black",
    NAN: "the model computed no numbers",
    BLOCKED: "the model's safety checker blocked it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedPicture:
    """One picture of a job, when all was done about it."""

    picture_id: int
    path: str
    sha256: str
    seed: int
    width: int
    height: int
    cosine: float | None
    """With its prompt; None where no encoder could be asked."""
    match: float | None
    seconds: float
    """What painting took, whenever that was."""
    cached: bool


def kept(
    record: GeneratedRecord, job_id: int, report: Report, place: int, count: int, *, cached: bool
) -> None:
    """Tell that a picture is in the library."""
    report(
        JobKept(
            job_id=job_id,
            picture=place,
            pictures=count,
            picture_id=record.picture_id or 0,
            path=record.path,
            seed=record.seed,
            width=record.width,
            height=record.height,
            seconds=record.seconds,
            cached=cached,
        )
    )


def spoilt(painted: Painted, job_id: int, report: Report, place: int, count: int) -> None:
    """Tell that a picture came to nothing."""
    report(
        JobSpoilt(
            job_id=job_id,
            picture=place,
            pictures=count,
            seed=painted.seed,
            verdict=painted.verdict,
            message=SPOILT.get(painted.verdict, painted.verdict),
        )
    )


def scored(record: GeneratedRecord, verdict: Verdict | None, job_id: int, report: Report) -> None:
    """Tell how a picture fits its prompt: by now, or as it was noted before."""
    if verdict is None and record.match is None:
        return
    best = verdict.best if verdict else None
    report(
        JobScored(
            job_id=job_id,
            picture_id=record.picture_id or 0,
            seed=record.seed,
            encoder=verdict.encoder_id if verdict else record.encoder_id,
            matcher=verdict.matcher if verdict else record.matcher,
            cosine=(verdict.cosine if verdict else record.cosine) or 0.0,
            match=(verdict.match if verdict else record.match) or 0.0,
            best_picture_id=best.picture_id if best else None,
            best_path=best.path if best else "",
            best_cosine=best.cosine if best else 0.0,
            best_match=best.match if best else 0.0,
        )
    )


def finished(record: GeneratedRecord, verdict: Verdict | None, *, cached: bool) -> PaintedPicture:
    """A picture when all was done about it."""
    return PaintedPicture(
        picture_id=record.picture_id or 0,
        path=record.path,
        sha256=record.sha256 or "",
        seed=record.seed,
        width=record.width,
        height=record.height,
        cosine=verdict.cosine if verdict else record.cosine,
        match=verdict.match if verdict else record.match,
        seconds=record.seconds,
        cached=cached,
    )
