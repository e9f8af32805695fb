"""Follow a job to its end: a progress bar on stderr, or its events as JSON lines on stdout."""

from __future__ import annotations

import asyncio
import base64
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from engine.events import (
    CellDone,
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
    MemoryFallback,
    PictureRejected,
    PictureScored,
    PictureStored,
    PromptScore,
    TrainingProgress,
)
from engine.states import GenerationPhase
from t2itui.cli.support.context import Exit
from t2itui.streams import OutputLostError, hung_up
from t2itui.text.plain import plain
from t2itui.text.words import rate_words

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from engine.engine import Engine
    from engine.jobs.jobs import Job
    from t2itui.cli.support.context import Output


async def follow(
    engine: Engine,
    job: Job,
    output: Output,
    *,
    quiet: bool = False,
    watcher: JsonWatcher | BarWatcher | None = None,
) -> Exit:
    """Show a job until it ends; the first Ctrl-C cancels it, a second ends the program at once.

    Where the terminal that shows it goes, the program ends, and the job is not finished.
    With `quiet` stdout is left to the caller: progress goes to stderr, the closing line nowhere.
    A `watcher` of the caller's shows the events in its own way.
    """
    loop = asyncio.get_running_loop()
    if watcher is None:
        is_json = output.as_json and not quiet
        watcher = JsonWatcher(output) if is_json else BarWatcher(output)
    lost: list[OutputLostError] = []

    def show(event: JobEvent) -> None:
        try:
            watcher.show(event, job.id)
        except OutputLostError as error:
            lost.append(error)
            unsubscribe()
            job.cancel()

    unsubscribe = engine.jobs.subscribe(show)

    def interrupt() -> None:
        job.cancel()
        loop.remove_signal_handler(signal.SIGINT)

    with suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, interrupt)
    ended, gone = asyncio.ensure_future(job.wait()), asyncio.ensure_future(hung_up())
    try:
        await asyncio.wait((ended, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not lost:
            unsubscribe()
        watcher.close()
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
    if lost:
        raise lost[0]
    if not ended.done():
        ended.cancel()
        raise SystemExit(128 + signal.SIGHUP)
    return _report(ended.result(), output, quiet=quiet)


def _report(end: JobFinished | JobFailed | JobCancelled, output: Output, *, quiet: bool) -> Exit:
    match end:
        case JobFinished(message=message):
            if not (output.as_json or quiet):
                output.closing(message)
            return Exit.ANSWERED
        case JobFailed(message=message, hint=hint, error=error, exit_code=code):
            output.error(error or "JobFailed", message, hint)
            return Exit(code)
        case JobCancelled(message=message):
            output.say(message)
            return Exit.CANCELLED


def event_line(event: JobEvent) -> tuple[str, dict[str, object]]:
    """The type and the fields of an event's JSON line; scripts hold these names."""
    match event:
        case GenerationProgress(phase=phase):
            values = asdict(event)
            del values["phase"]
            return phase, values
        case TrainingProgress():
            values = asdict(event)
            values["apart"] = values.pop("swap_auc")
            values["since"] = values.pop("epochs_without_improvement")
            return "training_progress", values
        case JobPreview():
            rgb = base64.b64encode(event.rgb).decode()
            return "preview", {"width": event.width, "height": event.height, "rgb": rgb}
        case MemoryFallback():
            return "stepped_down", {"message": event.message, "what": event.what}
        case PictureStored(picture=picture):
            values = asdict(picture)
            del values["score"], values["sha256"], values["before"], values["start_path"]
            return "kept", {"picture": event.index, "pictures": event.count, **values}
        case PictureScored(picture=picture, score=score):
            return "scored", {
                "picture_id": picture.picture_id,
                "seed": picture.seed,
                "encoder": score.encoder_id,
                "matcher": score.matcher,
                "cosine": score.cosine,
                "match": score.match,
                "best_picture_id": score.best.picture_id if score.best else None,
                "best_path": score.best.path if score.best else "",
                "best_cosine": score.best.cosine if score.best else 0.0,
                "best_match": score.best.match if score.best else 0.0,
            }
        case CellDone(picture=done):
            made = done.score if done is not None else None
            return "cell_done", {
                "job_id": event.job_id,
                "sheet": event.sheet_id,
                "cell": event.number,
                "verdict": event.check,
                "path": done.path if done is not None else None,
                "cosine": made.cosine if made else None,
                "match": made.match if made else None,
                "cached": done is not None and done.cached,
            }
        case PictureRejected(check=check):
            return "spoilt", {
                "picture": event.index,
                "pictures": event.count,
                "seed": event.seed,
                "verdict": check,
                "message": check.message,
            }
        case JobCancelled():
            return "cancelled", {**asdict(event), "ms": round(event.seconds * 1000)}
    kind = type(event).__name__.removeprefix("Job")
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind).lstrip("_")
    return name, asdict(event)


class JsonWatcher:
    """Writes each event as a JSON line; the end only where the caller has no more to say of it."""

    def __init__(self, output: Output, *, writes_end: bool = True) -> None:
        self.finished: JobFinished | None = None
        self._output = output
        self._writes_end = writes_end

    def show(self, event: JobEvent, job_id: int) -> None:
        if event.job_id != job_id or isinstance(event, JobFailed):
            return
        if isinstance(event, JobFinished):
            self.finished = event
            if not self._writes_end:
                return
        name, values = event_line(event)
        values.pop("job_id", None)
        self._output.record(name, {"job": job_id, **values})

    def close(self) -> None:
        """Nothing to clean up."""


class BarWatcher:
    """Draws a progress bar on a terminal, and lines for what a bar cannot say."""

    def __init__(self, output: Output) -> None:
        self.finished: JobFinished | None = None
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
            case GenerationProgress(phase=GenerationPhase.WAITING, stage=stage):
                self._say(f"{stage}: Ctrl-C gives up")
            case JobProgress():
                self._advance(event)
            case TrainingProgress():
                self._watch(event)
            case JobNote(message=message) | MemoryFallback(message=message):
                self._say(message)
            case PictureRejected(seed=seed, check=check):
                self._say(f"seed {seed}: {check.message}")
            case JobFinished():
                self.finished = event

    def _say(self, message: str) -> None:
        """Write a line above the bar."""
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


async def follow_generation(
    engine: Engine, job: Job, output: Output, *, quiet: bool = False
) -> Exit:
    """Show a generation until it ends, and what came of it; Ctrl-C cancels it.

    The last JSON line tells of the picture that fits best. `quiet` writes no result for people.
    """
    as_json = output.as_json
    watcher = JsonWatcher(output, writes_end=False) if as_json else BarWatcher(output)
    watcher.show(JobQueued(job_id=job.id, kind=job.kind, title=job.title), job.id)
    code = await follow(engine, job, output, watcher=watcher, quiet=True)
    if code is not Exit.ANSWERED:
        return code
    pictures = engine.generation.results(job.id)
    if output.as_json:
        _write_finished(job.id, pictures, watcher.finished, output)
    elif not quiet:
        _write_pictures(pictures, watcher.finished, output)
    return code


def best_of(pictures: tuple[GeneratedPicture, ...]) -> GeneratedPicture:
    """The picture that fits its prompt best; the first of equals."""
    return max(pictures, key=lambda picture: picture.score.match if picture.score else -1.0)


def _write_finished(
    job_id: int, pictures: tuple[GeneratedPicture, ...], end: JobFinished | None, output: Output
) -> None:
    best = best_of(pictures)
    output.record(
        "finished",
        {
            "job": job_id,
            "path": best.path,
            "seed": best.seed,
            "cosine": best.score.cosine if best.score else None,
            "match": best.score.match if best.score else None,
            "seconds": sum((each.seconds for each in pictures if not each.cached), 0.0),
            "cached": best.cached,
            "message": end.message if end else "",
            "pictures": [_picture_fields(picture) for picture in pictures],
        },
    )


def _picture_fields(picture: GeneratedPicture) -> dict[str, object]:
    values = asdict(picture)
    del values["score"], values["before"], values["start_path"]
    score = picture.score
    return {
        **values,
        "cosine": score.cosine if score else None,
        "match": score.match if score else None,
        **_before_fields(picture),
    }


def _before_fields(picture: GeneratedPicture) -> dict[str, object]:
    """The picture that one started from, and how that fits the same prompt."""
    if not picture.start_path:
        return {}
    before = picture.before
    return {
        "start": picture.start_path,
        "cosine_before": before.cosine if before else None,
        "match_before": before.match if before else None,
    }


def _score_words(score: PromptScore | None) -> tuple[str, str]:
    return ("-", "-") if score is None else (f"{score.match:.3f}", f"{score.cosine:+.3f}")


def _write_pictures(
    pictures: tuple[GeneratedPicture, ...], end: JobFinished | None, output: Output
) -> None:
    edited = [picture for picture in pictures if picture.start_path]
    if edited:
        rows = [("before", *_score_words(edited[0].before), edited[0].start_path)]
        rows += [("after", *_score_words(each.score), each.path) for each in edited]
        output.table(("", "match", "cosine", "picture"), rows)
    else:
        for picture in pictures:
            match, cosine = _score_words(picture.score)
            output.line(f"{match:>6}  {cosine:6}  {picture.path}")
    seeds = ", ".join(str(picture.seed) for picture in pictures)
    if end is not None:
        output.say(f"{end.message}; seed {seeds}")
    if all(picture.cached for picture in pictures):
        output.say("painted before: --fresh paints another, --seed N a certain one")
