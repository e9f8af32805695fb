"""The decision in one line: the route, why, how long it took; or what is being waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from t2itui.text.plain import plain
from t2itui.text.words import counted
from t2itui.widgets.score_bar import number

if TYPE_CHECKING:
    from engine.results import SearchWarning
    from engine.search.labels import LabelSummary


SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class RouteLine(Static):
    """Says what became of the query."""

    DEFAULT_CSS = """
    RouteLine {
        height: 1;
        padding: 0 1;
        text-wrap: nowrap;
        color: $text-muted;
        background: $surface;
    }
    """

    def show_waiting(self, what: str, seconds: float) -> None:
        """Say what is being waited for, since when, and how to stop it."""
        spinner = SPINNER[int(seconds * 8) % len(SPINNER)]
        self.update(
            Content.assemble(
                (f"{spinner} {plain(what)}… ", "$accent"),
                f"{seconds:.0f} s   ",
                ("esc", "bold"),
                " cancels",
            ),
            layout=False,
        )

    def show_decision(self, route: str, reason: str, short: str, facts: str) -> None:
        """Show a route with its reason, or a shorter one, and facts about how it was found."""
        style = "bold $success" if route == "retrieve" else "bold $warning"
        sign = "✓" if route == "retrieve" else "✗"
        room = self.content_size.width - len(facts) - len(route) - 6
        text = plain(reason if len(reason) <= room else short)
        head = Content.assemble((f"{sign} {route}", style), ": ", (text, "$foreground"))
        self.update(
            Content.assemble(head, " " * max(2, room - len(text) + 2), facts),
            layout=False,
        )

    def show_hint(self, text: str) -> None:
        """Say something else."""
        self.update(Content(plain(text)), layout=False)


class NotesLine(Static):
    """Shows notes, one a line; takes no room when there is none."""

    DEFAULT_CSS = """
    NotesLine {
        height: auto;
        max-height: 4;
        padding: 0 1;
        display: none;
        color: $text-warning;
        background: $warning-muted;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._notes: tuple[SearchWarning, ...] = ()
        self._offer = ""

    def show(self, notes: tuple[SearchWarning, ...]) -> None:
        """Show the notes of an answer; what was offered before is gone."""
        self._notes, self._offer = notes, ""
        self._show()

    def offer(self, text: str) -> None:
        """Show an offer beside the notes."""
        if text != self._offer:
            self._offer = text
            self._show()

    def _show(self) -> None:
        lines = [
            Content.assemble(("! ", "bold"), plain(note.message), " ", (plain(note.hint), "bold"))
            for note in self._notes
        ]
        lines += [Content.assemble(("↻ ", "bold"), self._offer)] if self._offer else []
        self.display = bool(lines)
        self.update(Content("\n").join(lines))


LONGEST = 32
"""Characters of the description that are shown."""
ROOMY = 100
"""Columns from which on it is shown at all; the query line has it too."""


class JudgeLine(Static):
    """Takes no room while nobody judges."""

    DEFAULT_CSS = """
    JudgeLine {
        height: auto;
        max-height: 2;
        padding: 0 1;
        display: none;
        background: $accent-muted;
        color: $foreground;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._state: LabelSummary | None = None

    def show(self, text: str, state: LabelSummary | None) -> None:
        """Say what is judged and what came of it; None while that is not known."""
        self._text, self._state = text, state
        self.display = True
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        is_narrow = self.app.size.width < ROOMY
        short = self._text if len(self._text) <= LONGEST else f"{self._text[: LONGEST - 1]}…"
        self.update(
            Content.assemble(
                ("? ", "bold $accent"),
                ("Judging ", "bold"),
                "" if is_narrow else plain(f"“{short}” "),
                button("y", "fits", "screen.judge(True)"),
                " ",
                button("n", "does not", "screen.judge(False)"),
                " ",
                button("u", "undo", "screen.unjudge"),
                " ",
                button("esc", "end", "screen.leave"),
                " ",
                state_words(self._state, short=is_narrow),
            )
        )

    def clear(self) -> None:
        """Nobody judges any more."""
        self.display = False
        self.update("")


def state_words(state: LabelSummary | None, *, short: bool = False) -> str:
    """'14 labels, 9 fit; match calibrated by 14'."""
    if state is None:
        return ""
    if not state.count:
        return "no labels yet"
    fitted = sum(each.labels for each in state.calibrations)
    if short:
        return f"{counted(state.count, 'label')}{', calibrated' if fitted else ''}"
    words = f"{counted(state.count, 'label')}, {state.fitting:,} fit"
    return f"{words}; match calibrated by {fitted:,}" if fitted else words


BUTTON = "$button-foreground on $surface"


class OfferLine(Static):
    """One line with places to click; takes no room where there is nothing to say."""

    DEFAULT_CSS = """
    OfferLine {
        height: auto;
        max-height: 3;
        padding: 0 1;
        display: none;
        background: $boost;
        &.-offer { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_offer = False
        """The person is asked whether to paint."""

    def offer(self, prompt: str) -> None:
        """Ask whether to paint what nothing in the library shows."""
        self._say(
            Content.assemble(
                ("✎ ", "bold $accent"),
                "Nothing passes.  ",
                button("g", "paint it", "screen.paint"),
                "  ",
                button("G", "choose how", "app.edit_prompt"),
                "  ",
                button("d", "no, thanks", "screen.decline"),
                (f"  {plain(prompt)}", "$foreground-muted"),
            ),
            is_offer=True,
        )

    def show_painting(self, job_id: int) -> None:
        """Say that it is being painted."""
        words = "Being painted for this query.  "
        self._say(
            Content.assemble(
                ("▶ ", "bold $accent"),
                words,
                button("w", "watch", f"app.watch({job_id})"),
                "  ",
                button("x", "cancel", f"app.cancel_job({job_id})"),
            )
        )

    def show_painted(
        self, job_id: int, *, rank: int, total: int, match: float, passes: bool, new: bool
    ) -> None:
        """Say where in the answer the painted picture is."""
        words = "Painted" if new else "Painted before"
        below = "" if passes else ", below the threshold"
        self._say(
            Content.assemble(
                ("✎ ", "bold $accent"),
                f"{words}: #{rank:,} of {total:,}, match {number(match)}{below}.  ",
                button("w", "show the job", f"app.watch({job_id})"),
                "  ",
                button("N", "another seed", "app.another_seed"),
            )
        )

    def show_ended(self, job_id: int, words: str, *, is_rejected: bool) -> None:
        """Say that nothing came of it, and why; a rejected picture may do with another seed."""
        key, again, action = "g", "try again", "screen.paint"
        if is_rejected:
            key, again, action = "N", "another seed", "app.another_seed"
        self._say(
            Content.assemble(
                ("✖ ", "bold $error"),
                f"Not painted: {plain(words)}  ",
                button(key, again, action),
                "  ",
                button("w", "show the job", f"app.watch({job_id})"),
            )
        )

    def show_problem(self, message: str, hint: str) -> None:
        """Say why nothing can be painted, and what to do."""
        self._say(
            Content.assemble(
                ("✖ ", "bold $error"), f"{plain(message)}. ".replace("..", "."), plain(hint)
            )
        )

    def clear(self) -> None:
        """Say nothing."""
        self.is_offer = False
        self.display = False
        self.update("")

    def _say(self, content: Content, *, is_offer: bool = False) -> None:
        self.is_offer = is_offer
        self.set_class(is_offer, "-offer")
        self.display = True
        self.update(content)


def button(key: str, words: str, action: str) -> Content:
    """A place to click that names its key."""
    return Content.assemble((f" {key} {words} ", f"{BUTTON} @click={action}"))
