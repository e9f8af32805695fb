"""The lines between query and pictures: the decision, warnings, labels, and the offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from engine.states import Route
from t2itui.text.plain import plain
from t2itui.text.shell_commands import filters_of
from t2itui.text.words import counted, duration_words, filter_words, number

if TYPE_CHECKING:
    from engine.results import SearchWarning
    from engine.search.labels import LabelSummary
    from t2itui.screens.search.listing import Listing


ROOM_FOR_TIME = 110
"""Columns from which on the route line has the time an answer took beside the filters."""
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

    def show_decision(self, listing: Listing) -> None:
        """Show the route with its reason, or a shorter one, and how the answer was found."""
        routing, facts = listing.routing, self._facts(listing)
        is_found, route = routing.route == Route.RETRIEVE, routing.route
        sign, style = ("✓", "bold $text-success") if is_found else ("✗", "bold $text-warning")
        room = self.content_size.width - len(facts) - len(route) - 6
        reasons = route_reasons(listing)
        text = plain(next((each for each in reasons if len(each) <= room), reasons[-1]))
        head = Content.assemble((f"{sign} {route}", style), ": ", (text, "$foreground"))
        self.update(
            Content.assemble(head, " " * max(2, room - len(text) + 2), facts),
            layout=False,
        )

    def _facts(self, listing: Listing) -> str:
        """What is filtered, what ranks, and the time it took where there is room for that."""
        result = listing.result
        filtered = filter_words(filters_of(result.receipt.filters))
        has_room = not filtered or self.app.size.width >= ROOM_FOR_TIME
        facts = (
            filtered,
            f"by {listing.scorer}",
            "stored" if listing.is_stored else "",
            "a first look" if listing.is_first else "",
            "hiding below" if listing.hide_below else "",
            duration_words(result.seconds) if has_room else "",
            ("cached" if result.cached else "with the model") if has_room else "",
        )
        return " · ".join(filter(None, facts))

    def show_hint(self, text: str) -> None:
        """Say something else."""
        self.update(Content(plain(text)), layout=False)


def route_reasons(listing: Listing) -> tuple[str, ...]:
    """Why the route is what it is, the longest words first: 'best .84; by chance .31'."""
    routing, chance = listing.routing, listing.scores.chance
    passing = f"{routing.passed:,} of {listing.total:,} pass {listing.threshold:.2f}"
    if chance is None:
        below = f"best {routing.best_match:.2f} < {listing.threshold:.2f}"
        return routing.reason, passing if routing.passed else below
    best = f"best {number(routing.best_match)}; by chance {number(chance.half)}"
    best += "; uncertain" if routing.is_uncertain else ""
    matching = f"a match of {listing.threshold:.2f}: {best}"
    if routing.passed:
        have = "has" if routing.passed == 1 else "have"
        some = f"{routing.passed:,} of {listing.total:,} {have} {matching}"
        return routing.reason, some, f"{passing}: {best}", best
    none = f"none of {listing.total:,} has {matching}"
    return routing.reason, none, f"none passes {listing.threshold:.2f}: {best}", best


class WarningsLine(Static):
    """Shows warnings, one a line; takes no room when there is none."""

    DEFAULT_CSS = """
    WarningsLine {
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
        self._warnings: tuple[SearchWarning, ...] = ()
        self._suggestion = ""

    def show(self, warnings: tuple[SearchWarning, ...]) -> None:
        """Show the warnings of an answer; what was suggested before is gone."""
        self._warnings, self._suggestion = warnings, ""
        self._show()

    def suggest(self, text: str) -> None:
        """Show a suggestion beside the warnings."""
        if text != self._suggestion:
            self._suggestion = text
            self._show()

    def _show(self) -> None:
        lines = [
            Content.assemble(("! ", "bold"), plain(each.message), " ", (plain(each.hint), "bold"))
            for each in self._warnings
        ]
        lines += [Content.assemble(("↻ ", "bold"), self._suggestion)] if self._suggestion else []
        self.display = bool(lines)
        self.update(Content("\n").join(lines))


LONGEST = 32
"""Characters of the description that are shown."""
ROOMY = 100
"""Columns from which on it is shown at all; the query line has it too."""


class LabelLine(Static):
    """Says which description is labelled; takes no room while none is."""

    DEFAULT_CSS = """
    LabelLine {
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
        """Say what is labelled and what came of it; None while that is not known."""
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
                ("Labelling ", "bold"),
                "" if is_narrow else plain(f"“{short}” "),
                button("y", "fits", "screen.label(True)"),
                " ",
                button("n", "does not", "screen.label(False)"),
                " ",
                button("u", "undo", "screen.undo_label"),
                " ",
                button("esc", "end", "screen.leave"),
                " ",
                state_words(self._state, short=is_narrow),
            )
        )

    def clear(self) -> None:
        """Nobody labels any more."""
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
MUTED = "$foreground-muted"


class GenerationLine(Static):
    """One line with places to click; takes no room where there is nothing to say."""

    DEFAULT_CSS = """
    GenerationLine {
        height: auto;
        max-height: 3;
        padding: 0 1;
        display: none;
        background: $boost;
        &.-offer { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-offer.-notice { height: auto; text-wrap: wrap; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_asking = False
        """The person is asked whether to generate."""

    def ask(self, prompt: str, notice: str = "") -> None:
        """Ask whether to generate what nothing in the library shows.

        A notice takes lines of its own: what the generator never met, and what to do about it.
        """
        last = _warned(notice) if notice else Content(f"  {plain(prompt)}").stylize(MUTED)
        self._say(
            Content.assemble(
                ("✎ ", "bold $accent"),
                "Nothing passes.  ",
                button("g", "paint it", "screen.generate"),
                "  ",
                button("G", "choose how", "app.edit_prompt"),
                "  ",
                button("d", "no, thanks", "screen.decline"),
                last,
            ),
            is_asking=True,
            has_notice=bool(notice),
        )

    def show_job(self, job_id: int) -> None:
        """Say that it is being generated."""
        words = "Being painted for this query.  "
        self._say(
            Content.assemble(
                ("▶ ", "bold $accent"),
                words,
                button("W", "watch", f"app.watch({job_id})"),
                "  ",
                button("x", "cancel", f"app.cancel_job({job_id})"),
            )
        )

    def show_generated(
        self,
        job_id: int,
        *,
        rank: int,
        total: int,
        match: float,
        passes: bool,
        new: bool,
        notice: str = "",
    ) -> None:
        """Say where in the answer the generated picture is, and what in it is a guess."""
        words = "Painted" if new else "Painted before"
        below = "" if passes else ", below the threshold"
        self._say(
            Content.assemble(
                ("✎ ", "bold $accent"),
                f"{words}: #{rank:,} of {total:,}, match {number(match)}{below}.  ",
                button("W", "show the job", f"app.watch({job_id})"),
                "  ",
                button("N", "another seed", "app.another_seed"),
                _warned(notice) if notice else "",
            )
        )

    def show_ended(self, job_id: int, words: str, *, is_rejected: bool) -> None:
        """Say that nothing came of it, and why; a rejected picture may do with another seed."""
        key, again, action = "g", "try again", "screen.generate"
        if is_rejected:
            key, again, action = "N", "another seed", "app.another_seed"
        self._say(
            Content.assemble(
                ("✖ ", "bold $error"),
                f"Not painted: {plain(words)}  ",
                button(key, again, action),
                "  ",
                button("W", "show the job", f"app.watch({job_id})"),
            )
        )

    def show_problem(self, message: str, hint: str) -> None:
        """Say why nothing can be generated, and what to do."""
        self._say(
            Content.assemble(
                ("✖ ", "bold $error"), f"{plain(message)}. ".replace("..", "."), plain(hint)
            )
        )

    def clear(self) -> None:
        """Say nothing."""
        self._set_asking(False)
        self.display = False
        self.update("")

    def _say(self, content: Content, *, is_asking: bool = False, has_notice: bool = False) -> None:
        self._set_asking(is_asking)
        self.set_class(has_notice, "-notice")
        self.display = True
        self.update(content)

    def _set_asking(self, is_asking: bool) -> None:
        self.set_class(is_asking, "-offer")
        if is_asking != self.is_asking:
            self.is_asking = is_asking
            self.screen.refresh_bindings()


def _warned(notice: str) -> Content:
    """What should be known, on lines of its own."""
    return Content.styled(f"\n! {plain(notice)}", "$text-warning")


def button(key: str, words: str, action: str) -> Content:
    """A place to click that names its key."""
    return Content.assemble((f" {key} {words} ", f"{BUTTON} @click={action}"))
