"""What painting can do about the answer on the screen: an offer, the job, or why it cannot."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from t2itui.plain import plain
from t2itui.widgets.score_bar import number

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
                button("G", "choose how", "app.paint_form"),
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

    def show_ended(self, job_id: int, words: str, *, is_spoilt: bool) -> None:
        """Say that nothing came of it, and why; a spoilt picture may do with another seed."""
        key, again, action = "g", "try again", "screen.paint"
        if is_spoilt:
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
