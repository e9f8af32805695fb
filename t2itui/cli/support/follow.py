"""Follow a job to its end: a progress bar on stderr, or its events as JSON lines on stdout."""

from __future__ import annotations

import asyncio
import base64
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from engine.errors import RequestError
from engine.events import (
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobKept,
    JobNote,
    JobPreview,
    JobProgress,
    JobQueued,
    JobScored,
    JobSpoilt,
    JobWaiting,
    LibraryChanged,
    TrainingProgress,
)
from t2itui.cli.support.context import Exit
from t2itui.text.plain import plain
from t2itui.text.words import rate_words

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from engine.engine import Engine
    from engine.generation.job import PaintedPicture
    from engine.jobs.jobs import Job
    from t2itui.cli.support.output import Output


async def follow(
    engine: Engine,
    job: Job,
    output: Output,
    *,
    quiet: bool = False,
    watcher: JsonWatcher | BarWatcher | None = None,
) -> Exit:
    """Show a job until it ends; the first Ctrl-C cancels it, a second ends the program at once.

    With `quiet` stdout is left to the caller: progress goes to stderr, the closing line nowhere.
    A `watcher` of the caller's shows the events in its own way.
    """
    loop = asyncio.get_running_loop()
    if watcher is None:
        is_json = output.as_json and not quiet
        watcher = JsonWatcher(output) if is_json else BarWatcher(output)
    unsubscribe = engine.jobs.subscribe(lambda event: watcher.show(event, job.id))

    def interrupt() -> None:
        job.cancel()
        loop.remove_signal_handler(signal.SIGINT)

    with suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        end = await job.wait()
    finally:
        unsubscribe()
        watcher.close()
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
    return _report(end, output, quiet=quiet)


def _report(end: JobFinished | JobFailed | JobCancelled, output: Output, *, quiet: bool) -> Exit:
    match end:
        case JobFinished(message=message):
            if not (output.as_json or quiet):
                output.line(plain(message))
            return Exit.ANSWERED
        case JobFailed(message=message, hint=hint, error=error):
            output.error(error or "JobFailed", message, hint)
            # What made no sense to the job was asked for in the wrong way.
            return Exit.WRONG_USAGE if error == RequestError.__name__ else Exit.COULD_NOT
        case JobCancelled(message=message):
            output.say(message)
            return Exit.CANCELLED


class JsonWatcher:
    """Writes each event as a JSON line."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def show(self, event: JobEvent, job_id: int) -> None:
        if event.job_id != job_id or isinstance(event, JobFailed):
            return
        values = asdict(event)
        kind = type(event).__name__.removeprefix("Job")
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind).lstrip("_")
        self._output.record(name, {"job": values.pop("job_id"), **values})

    def close(self) -> None:
        """Nothing to clean up."""


class BarWatcher:
    """Draws a progress bar on a terminal; elsewhere only notes are written."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if sys.stderr.isatty():
            self._bar = _progress_bar()
            self._bar.start()

    def show(self, event: JobEvent, job_id: int) -> None:
        if event.job_id != job_id:
            return
        match event:
            case JobProgress():
                self._advance(event)
            case TrainingProgress():
                self._watch(event)
            case JobNote(message=message):
                self.tell(message)
            case LibraryChanged():
                pass

    def tell(self, message: str) -> None:
        """Write a remark above the bar."""
        if self._bar is None:
            self._output.say(message)
        else:
            self._bar.console.print(plain(message), markup=False, highlight=False)

    def _advance(self, event: JobProgress) -> None:
        if self._bar is None:
            return
        if self._task is None:
            self._task = self._bar.add_task("", total=None, rate="")
        rate = rate_words(event)
        total = event.total or None
        self._bar.update(
            self._task, description=plain(event.stage), completed=event.done, total=total, rate=rate
        )

    def _watch(self, event: TrainingProgress) -> None:
        """Set loss and validation figures behind the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, rate=training_words(event))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def training_words(event: TrainingProgress) -> str:
    """'loss 0.412  validation mAP 0.903  recall@1 0.871', as far as it is known."""
    loss = f"loss {event.loss:.3f}  " if event.loss else ""
    return f"{loss}validation mAP {event.average_precision:.3f}  recall@1 {event.recall:.3f}"


def _progress_bar() -> Progress:
    """A bar that goes away when the job ends; the sentence that follows holds the figures."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )


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
