"""One job as one line: what fits of its title, bar, figures and the thing to press."""

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from engine.events import JobProgress
from engine.states import JobKind, JobState, Unit
from t2itui.screens.jobs.board import JobView
from t2itui.text.plain import plain
from t2itui.text.words import counted, duration_words, size_words
from t2itui.widgets.rows import GAP, fit

MARKS = {
    JobState.QUEUED: "·",
    JobState.RUNNING: "▶",
    JobState.CANCELLING: "◼",
    JobState.DONE: "✔",
    JobState.FAILED: "✖",
    JobState.CANCELLED: "◼",
    JobState.LOST: "?",
}
"""One character for each state; the state's word stands beside it."""

TONES = {
    JobState.DONE: "$text-success",
    JobState.FAILED: "$text-error",
    JobState.CANCELLED: "$text-warning",
}

BAR_WIDTH = 16
LEAST_BAR = 8
"""With the gap before it."""
LEAST_TITLE = 16


@dataclass(frozen=True, slots=True)
class Figure:
    """A piece of a progress line; the least important goes first when the line is narrow."""

    text: str
    importance: int


def figures(progress: JobProgress) -> tuple[Figure, ...]:
    """Return what is known of how far a job is."""
    is_bytes = progress.unit is Unit.BYTES
    done = size_words(progress.done) if is_bytes else f"{progress.done:,}"
    total = size_words(progress.total) if is_bytes else f"{progress.total:,}"
    unit = "" if is_bytes or not progress.unit else f" {progress.unit}"
    is_steps = progress.unit is Unit.STEPS
    parts = [Figure(progress.stage, 1 if is_steps else 2)]
    if progress.total:
        far = f"step {done}/{total}" if is_steps else f"{done} of {total}{unit}"
        parts.append(Figure(far, 5 if is_steps else 3))
        parts.append(Figure(f"{percent(progress)} %", 0 if is_steps else 5))
    elif progress.done:
        parts.append(Figure(f"{done}{unit}", 3))
    if progress.rate:
        parts.append(Figure(_rate(progress.rate, progress.unit), 2 if is_steps else 1))
    if progress.eta_s is not None:
        parts.append(Figure(f"{duration_words(max(1.0, progress.eta_s))} left", 4))
    return tuple(parts)


def _rate(rate: float, unit: Unit) -> str:
    """Slow steps are told by what one takes."""
    if unit is Unit.BYTES:
        return f"{size_words(rate)}/s"
    if unit is Unit.STEPS:
        return f"{rate:.3g} it/s" if rate >= 1 else f"{1 / rate:.3g} s/it"
    return f"{rate:.3g}/s"


def percent(progress: JobProgress) -> int:
    """Return the share done in per cent, rounded down; 0 while the total is unknown."""
    if not progress.total:
        return 0
    return min(100, progress.done * 100 // progress.total)


def bar(share: float, width: int) -> Content:
    """Return a bar filled to `share`, readable without colour."""
    filled = round(max(0.0, min(1.0, share)) * width)
    return Content.assemble(("━" * filled, "$primary"), ("─" * (width - filled), "$foreground 30%"))


def progress_line(progress: JobProgress, width: int) -> Content:
    """Return how far a job is in `width` cells: its figures, and a bar over what they leave."""
    parts = figures(progress)
    least = LEAST_BAR if progress.total else 0
    while parts and least + _length(parts) - GAP > width:
        parts = _without_least(parts)
    words = "  ".join(plain(part.text) for part in parts)
    if not progress.total:
        return Content(words)
    room = max(1, width - _length(parts))
    return Content.assemble(bar(progress.done / progress.total, room), "  " if parts else "", words)


def with_button(body: Content, width: int, *, press: str, action: str) -> Content:
    """Return `body` with something to press at the end of `width` cells."""
    button = _button(press, action)
    room = max(0, width - button.cell_length - 1)
    return Content.assemble(body.truncate(room, ellipsis=True, pad=True), " ", button)


def _button(press: str, action: str) -> Content:
    return Content.assemble((f" {press} ", f"$button-foreground on $surface @click={action}"))


def job_line(view: JobView, width: int, *, press: str, action: str) -> Content:
    """Return the line of a job in `width` cells; a click on `press` runs `action`.

    A click on the rest shows a painting job large, or the sheet.
    """
    button = _button(press, action)
    room = max(0, width - cell_len(press) - 4)
    body = _running(view, room) if view.is_active else _ended(view, room)
    if view.kind is JobKind.GENERATE:
        body = body.stylize(f"@click=app.watch({view.job_id})")
    elif view.kind is JobKind.SHEET:
        body = body.stylize("@click=app.go('sheet')")
    gap = max(0, room - body.cell_length)
    return Content.assemble(" ", body, " " * (gap + 1), button)


def _running(view: JobView, room: int) -> Content:
    progress = view.progress
    parts = figures(progress) if progress and view.state is JobState.RUNNING else ()
    bar_width = BAR_WIDTH + GAP if parts and progress and progress.total else 0
    word = "" if view.state is JobState.RUNNING else f"  {view.state}"
    head = f"{MARKS[view.state]} {plain(view.title)}{word}"
    least = min(cell_len(head), max(16 if view.kind is JobKind.GENERATE else 24, room // 3))
    while parts and (excess := least + bar_width + _length(parts) - room) > 0:
        if bar_width > LEAST_BAR:
            bar_width = max(LEAST_BAR, bar_width - excess)
        else:
            parts = _without_least(parts)
    used = bar_width + _length(parts)
    title = fit(head, max(0, min(cell_len(head), room - used)))
    pieces: list[Content] = [Content(title)]
    if bar_width and progress:
        share = progress.done / progress.total
        pieces.append(Content.assemble("  ", bar(share, bar_width - GAP)))
    pieces.extend(Content.assemble("  ", plain(part.text)) for part in parts)
    return Content("").join(pieces)


def _length(parts: tuple[Figure, ...]) -> int:
    return sum(cell_len(part.text) + 2 for part in parts)


def _without_least(parts: tuple[Figure, ...]) -> tuple[Figure, ...]:
    least = min(parts, key=lambda part: part.importance)
    return tuple(part for part in parts if part is not least)


def _ended(view: JobView, room: int) -> Content:
    """The state is never cut; the title gives way to what is said, down to LEAST_TITLE cells."""
    state = f"{MARKS[view.state]} {view.state}"
    said = " ".join(text for text in (plain(view.message), plain(view.hint)) if text)
    title = plain(view.title)
    room -= cell_len(state) + 4
    title_width = min(cell_len(title), max(LEAST_TITLE, room - cell_len(said)))
    said_width = max(0, min(cell_len(said), room - title_width))
    return Content.assemble(
        (state, TONES.get(view.state, "")),
        "  ",
        fit(title, title_width),
        "  ",
        fit(said, said_width),
    )


def summary_line(views: tuple[JobView, ...], width: int, *, press: str, action: str) -> Content:
    """Return one line for several jobs."""
    states = [view.state for view in views]
    words = [f"{states.count(state)} {state}" for state in MARKS if state in states]
    first = next((view for view in views if view.state is JobState.RUNNING), views[0])
    share = [view.progress for view in views if view.progress and view.progress.total]
    text = f"{counted(len(views), 'job')}: {', '.join(words)}"
    done = sum(progress.done / progress.total for progress in share) / max(1, len(share))
    button = _button(press, action)
    room = max(0, width - cell_len(press) - 4)
    head = Content.assemble(fit(text, min(cell_len(text), room)))
    if share and room - head.cell_length > 14:
        figure = f" {done:.0%}"
        head = Content.assemble(head, "  ", bar(done, 8), figure)
    left = room - head.cell_length - 2
    if left > 12:
        head = Content.assemble(head, "  ", (fit(plain(first.title), left), "$foreground-muted"))
    gap = max(0, room - head.cell_length)
    return Content.assemble(" ", head, " " * (gap + 1), button)
