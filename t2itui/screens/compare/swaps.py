"""Rows and totals of a swap test: for each false description, which scorer tells it apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from engine.errors import T2IError
from t2itui.keys import bindings
from t2itui.screens.common.base import AppScreen, leave
from t2itui.text.plain import plain
from t2itui.text.shell_commands import compare_command
from t2itui.text.words import counted, scoring_words
from t2itui.widgets.rows import Column, Row
from t2itui.widgets.rows import RowList as Table

if TYPE_CHECKING:
    from engine.comparing.comparison import ComparisonRequest, SwapResult
    from t2itui.session import Session


SWAP_COLUMNS = (
    Column(title="picture", width=12, keep_end=True, priority=3),
    Column(title="attribute", width=9, priority=1),
    Column(title="cosine", width=11, right=True),
    Column(title="match", width=11, right=True),
    Column(title="a false description", width=20, share=3),
    Column(title="instead of", width=16, share=2, priority=2),
)
APART = {True: "yes", False: "NO "}


def swap_row(number: int, swap: SwapResult, pictures: Sequence[str]) -> Row:
    """The row of a result: differences of cosine and of the log odds of match, and the verdict."""
    by_cosine, by_match = swap.prefers_true
    return Row(
        key=str(number),
        cells=(
            PurePath(pictures[swap.picture]).name,
            swap.attribute,
            f"{swap.cosine:+.3f} {APART[by_cosine]}",
            f"{swap.match:+.2f} {APART[by_match]}",
            swap.false,
            swap.text,
        ),
        tone="" if by_match else "warning",
    )


def totals(swaps: Sequence[SwapResult]) -> str:
    """How many each scorer told apart."""
    if not swaps:
        return "No word of these descriptions can be exchanged."
    count = len(swaps)
    by_cosine, by_match = (sum(each.prefers_true[index] for each in swaps) for index in (0, 1))
    return (
        f"Told apart: match {by_match} of {count} ({by_match / count:.0%}),"
        f" cosine {by_cosine} of {count} ({by_cosine / count:.0%})"
    )


LOOK_S = 0.25
"""Between two looks at what is waited for."""
HELP = (
    "A description must score higher than the same with one thing exchanged. The numbers are the"
    " differences: of cosine, and of the log odds of match."
)


class SwapScreen(AppScreen):
    """Lies over the Compare screen; Escape goes back there."""

    MODE = "compare"
    DEFAULT_CSS = """
    SwapScreen {
        & > #totals { height: 1; padding: 0 1; text-style: bold; }
        & > #help { height: auto; padding: 0 1; color: $text-muted; }
        & > RowList { height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("swaps")

    table = getters.query_one(Table)
    totals = getters.query_one("#totals", Static)

    def __init__(self, session: Session, request: ComparisonRequest) -> None:
        super().__init__(session)
        self._request = request
        self._waiting: Timer | None = None

    def compose_body(self) -> ComposeResult:
        yield Static("scoring…", id="totals")
        yield Static(HELP, id="help")
        yield Table(SWAP_COLUMNS, empty="")

    def on_mount(self) -> None:
        self.table.focus()
        self._waiting = self.set_interval(LOOK_S, self._show_waiting)
        self._test()

    def _show_waiting(self) -> None:
        lines = counted(len(self._request.lines), "description")
        words = f"variants of {lines}: {scoring_words(self.session.engine)}  esc stops"
        self.totals.update(Content(words))

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()

    @work(exclusive=True, group="swaps")
    async def _test(self) -> None:
        engine = self.session.engine
        if engine is None:
            return
        try:
            swaps = await engine.comparer.swap(self._request, range(len(self._request.lines)))
        except T2IError as error:
            self.call_later(self.show_error, error)
        else:
            self.call_later(self.show_swaps, swaps)

    def show_swaps(self, swaps: tuple[SwapResult, ...]) -> None:
        self._stop_waiting()
        self.totals.update(Content(totals(swaps)))
        rows = [swap_row(n, swap, self._request.pictures) for n, swap in enumerate(swaps)]
        self.table.show(rows)

    def show_error(self, error: T2IError) -> None:
        self._stop_waiting()
        words = f"✗ {plain(error.message)}  {plain(error.hint)}"
        self.totals.update(Content.styled(words, "$text-error"))

    def action_leave(self) -> None:
        """Go back; what is still being scored is stopped."""
        leave(self)

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that makes the same test."""
        command = compare_command(self.session.home, self._request, "--swaps")
        self.copy(command)
