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

LONGEST = 40
"""Characters of the description that are shown."""


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

    def show(self, text: str, state: Labelled | None) -> None:
        """Say what is judged and what came of it; None while that is not known."""
        short = plain(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
        self.display = True
        self.update(
            Content.assemble(
                ("? ", "bold $accent"),
                ("Judging ", "bold"),
                f"“{short}”  ",
                button("y", "fits", "screen.judge(True)"),
                " ",
                button("n", "does not", "screen.judge(False)"),
                " ",
                button("u", "undo", "screen.unjudge"),
                " ",
                button("esc", "end", "screen.leave"),
                "  ",
                state_words(state),
            )
        )

    def clear(self) -> None:
        """Nobody judges any more."""
        self.display = False
        self.update("")


def state_words(state: Labelled | None) -> str:
    """'14 labels (9 fit); match is calibrated by 14 of them'."""
    if state is None:
        return ""
    if not state.count:
        return "no labels yet"
    words = f"{counted(state.count, 'label')}, {state.fitting:,} fit"
    fitted = sum(each.labels for each in state.calibrations)
    return f"{words}; match is calibrated by {fitted:,}" if fitted else words
