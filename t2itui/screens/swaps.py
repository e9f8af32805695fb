"""The swap test: descriptions with one thing exchanged, and which scorer notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from cache.errors import CacheError
from engine.errors import EngineError
from t2itui.plain import plain
from t2itui.screens.base import AppScreen
from t2itui.swap_rows import SWAP_COLUMNS, swap_row, totals
from t2itui.twin import compare_command
from t2itui.widgets.sheet import Sheet as Table
from t2itui.wording import counted, scoring_words

if TYPE_CHECKING:
    from engine.comparing.sheet import Sheet, SwapResult

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
        & > Sheet { height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="swaps.back", tooltip="Back to the comparison"),
        Binding("y", "copy_command", "Copy", id="swaps.copy", tooltip="Copy the shell command"),
    ]

    table = getters.query_one(Table)
    totals = getters.query_one("#totals", Static)

    class Tested(Message, bubble=False):
        """The variants were scored."""

        def __init__(self, swaps: tuple[SwapResult, ...]) -> None:
            super().__init__()
            self.swaps = swaps

    class Failed(Message, bubble=False):
        """They could not be scored."""

        def __init__(self, error: EngineError | CacheError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, sheet: Sheet) -> None:
        super().__init__()
        self._sheet = sheet
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
        lines = counted(len(self._sheet.lines), "description")
        words = f"variants of {lines}: {scoring_words(self.t2i.engine)}  esc stops"
        self.totals.update(Content(words))

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()

    @work(exclusive=True, group="swaps")
    async def _test(self) -> None:
        engine = self.t2i.engine
        if engine is None:
            return
        places = range(len(self._sheet.lines))
        try:
            swaps = await engine.comparer.swap(self._sheet, places)
        except (EngineError, CacheError) as error:
            self.post_message(self.Failed(error))
        else:
            self.post_message(self.Tested(swaps))

    @on(Tested)
    def show_swaps(self, message: Tested) -> None:
        self._stop_waiting()
        self.totals.update(Content(totals(message.swaps)))
        rows = [swap_row(n, swap, self._sheet.pictures) for n, swap in enumerate(message.swaps)]
        self.table.show(rows)

    @on(Failed)
    def show_error(self, message: Failed) -> None:
        self._stop_waiting()
        error = message.error
        words = f"✗ {plain(error.message)}  {plain(error.hint)}"
        self.totals.update(Content.styled(words, "$text-error"))

    def action_leave(self) -> None:
        """Go back; what is still being scored is stopped."""
        self.dismiss()

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that makes the same test."""
        command = compare_command(self.t2i.home, self._sheet, "--swaps")
        self.app.copy_to_clipboard(command)
        self.notify(plain(command), title="Copied", markup=False)
