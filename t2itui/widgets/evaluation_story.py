"""What stands in the place of figures: how far an evaluation is, or what evaluating is about."""

from __future__ import annotations

from textual.content import Content

from t2itui.job_board import JobView
from t2itui.plain import plain
from t2itui.widgets.job_line import MARKS, TONES, bar, figures

BAR = 40
BUTTON = "$button-foreground on $surface"

NOTHING_YET = Content("\n\n").join(
    [
        Content.styled("How well do cosine and match find what a text describes?", "bold"),
        Content(
            "An evaluation asks data whose truth is known: captions, folders of classes, or the"
            " built-in storybook, of whose pictures every attribute is known. It measures recall"
            " and mAP both ways, swapped captions, retrieve or generate at every threshold, and"
            " calibration; the figures are kept, to compare over time."
        ),
        Content.assemble(
            (" n ", f"bold {BUTTON} @click=screen.new"),
            (" evaluate the storybook, or data of your own", "@click=screen.new"),
        ),
    ]
)


def job_story(view: JobView) -> Content:
    """How far a job is, or how it ended, with what can be done."""
    tone = TONES.get(view.state, "$text-primary")
    lines = [
        Content.assemble(
            (f"{MARKS[view.state]} {view.state}", f"bold {tone}"), f"  {plain(view.title)}"
        ),
        Content(""),
        *(_progress(view) if view.is_active else _ended(view)),
        *(Content.styled(f"· {plain(note)}", "$foreground-muted") for note in view.notes),
        Content(""),
        _keys(view),
    ]
    return Content("\n").join(lines)


def _progress(view: JobView) -> list[Content]:
    progress = view.progress
    if progress is None:
        return [Content("waits for its turn" if view.state == "queued" else "begins")]
    lines = [Content("  ".join(plain(part.text) for part in figures(progress)))]
    if progress.total:
        lines.append(bar(progress.done / progress.total, BAR))
    if progress.detail:
        lines.append(Content.styled(plain(progress.detail), "$foreground-muted"))
    return lines


def _ended(view: JobView) -> list[Content]:
    return [Content(plain(text)) for text in (view.message, view.hint) if text]


def _keys(view: JobView) -> Content:
    if view.is_active:
        parts = [("x", "cancel; embeddings made so far are kept", "screen.cancel")]
    else:
        parts = [
            ("r", "again, from where it was", "screen.again"),
            ("e", "change what is asked", "screen.edit"),
            ("x", "take it out of sight", "screen.cancel"),
        ]
    pieces = [
        Content.assemble((f" {key} ", f"bold {BUTTON} @click={action}"), f" {words}   ")
        for key, words, action in parts
    ]
    return Content("").join(pieces)
