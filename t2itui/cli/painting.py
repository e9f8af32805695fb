"""Follow a painting job: a bar on stderr, or its events as JSON lines on stdout."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import TYPE_CHECKING

from engine.events import (
    JobCancelled,
    JobEvent,
    JobFinished,
    JobKept,
    JobPreview,
    JobQueued,
    JobScored,
    JobSpoilt,
    JobWaiting,
)
from t2itui.cli.context import Exit
from t2itui.cli.follow import BarWatcher, JsonWatcher, follow
from t2itui.plain import plain

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.generation.told import PaintedPicture
    from engine.jobs import Job
    from t2itui.cli.output import Output


async def follow_painting(engine: Engine, job: Job, output: Output, *, quiet: bool = False) -> Exit:
    """Show a painting job until it ends, and what came of it; Ctrl-C cancels it.

    The last JSON line tells of the picture that fits best. `quiet` writes no result for people.
    """
    watcher = PaintingJson(output) if output.as_json else PaintingBar(output)
    watcher.show(JobQueued(job_id=job.id, kind=job.kind, title=job.title), job.id)
    code = await follow(engine, job, output, watcher=watcher, quiet=True)
    if code is not Exit.ANSWERED:
        return code
    pictures = engine.painting.results(job.id)
    if output.as_json:
        _write_finished(job.id, pictures, watcher.finished, output)
    elif not quiet:
        _write_pictures(pictures, watcher.finished, output)
    return code


class PaintingJson(JsonWatcher):
    """Writes each event as a JSON line; of the end `follow_painting` tells more."""

    finished: JobFinished | None = None

    def show(self, event: JobEvent, job_id: int) -> None:
        if event.job_id != job_id:
            return
        match event:
            case JobFinished():
                self.finished = event
            case JobPreview():
                rgb = base64.b64encode(event.rgb).decode()
                size = {"width": event.width, "height": event.height}
                self._output.record("preview", {"job": job_id, **size, "rgb": rgb})
            case JobCancelled():
                ms = round(event.seconds * 1000)
                self._output.record(
                    "cancelled", {"job": job_id, "message": event.message, "ms": ms}
                )
            case _:
                super().show(event, job_id)


class PaintingBar(BarWatcher):
    """Draws the bar, and lines for what a bar cannot say."""

    finished: JobFinished | None = None

    def show(self, event: JobEvent, job_id: int) -> None:
        if event.job_id != job_id:
            return
        match event:
            case JobFinished():
                self.finished = event
            case JobSpoilt():
                self.tell(f"seed {event.seed}: {event.message}")
            case JobWaiting(stage=stage):
                self.tell(f"{stage}: Ctrl-C gives up")
            case JobKept() | JobScored():
                pass
            case _:
                super().show(event, job_id)


def best_of(pictures: tuple[PaintedPicture, ...]) -> PaintedPicture:
    """The picture that fits its prompt best; the first of equals."""
    return max(pictures, key=lambda picture: -1.0 if picture.match is None else picture.match)


def _write_finished(
    job_id: int, pictures: tuple[PaintedPicture, ...], end: JobFinished | None, output: Output
) -> None:
    best = best_of(pictures)
    output.record(
        "finished",
        {
            "job": job_id,
            "path": best.path,
            "seed": best.seed,
            "cosine": best.cosine,
            "match": best.match,
            "seconds": sum((each.seconds for each in pictures if not each.cached), 0.0),
            "cached": best.cached,
            "message": end.message if end else "",
            "pictures": [asdict(picture) for picture in pictures],
        },
    )


def _write_pictures(
    pictures: tuple[PaintedPicture, ...], end: JobFinished | None, output: Output
) -> None:
    for picture in pictures:
        match = "  -   " if picture.match is None else f"{picture.match:6.3f}"
        cosine = "  -   " if picture.cosine is None else f"{picture.cosine:+.3f}"
        output.line(f"{match}  {cosine}  {plain(picture.path)}")
    seeds = ", ".join(str(picture.seed) for picture in pictures)
    if end is not None:
        output.say(f"{end.message}; seed {seeds}")
    if all(picture.cached for picture in pictures):
        output.say("painted before: --fresh paints another, --seed N a certain one")
