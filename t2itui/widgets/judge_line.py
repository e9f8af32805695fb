"""What the y and n of a person are about, how many there are, and what they did to `match`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from t2itui.plain import plain
from t2itui.widgets.offer_line import button
from t2itui.wording import counted

if TYPE_CHECKING:
    from engine.search.labels import Labelled

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
        self._state: Labelled | None = None

    def show(self, text: str, state: Labelled | None) -> None:
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


def state_words(state: Labelled | None, *, short: bool = False) -> str:
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
