"""One decision in full: why it was made, and what it answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from textual import getters
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.states import Route
from t2itui.graphics.picture import Picture
from t2itui.text.plain import plain
from t2itui.text.words import when_words
from t2itui.widgets.sheet import fit

if TYPE_CHECKING:
    from engine.results import Receipt, ResultRow


PICTURES = 3
"""Thumbnails shown of a decision's first results."""
ROWS = 40


class ReceiptDetail(VerticalScroll, can_focus=False):
    """Shows a receipt, its first pictures and its first rows."""

    DEFAULT_CSS = """
    ReceiptDetail {
        padding: 0 1;
        scrollbar-size-vertical: 1;
        & > #pictures { height: 7; display: none; margin-bottom: 1; }
        & > #pictures.-some { display: block; }
        & > #pictures > Picture { width: 1fr; margin-right: 1; display: none; }
        & > #pictures > Picture.-shown { display: block; }
    }
    """

    summary = getters.query_one("#summary", Static)
    results = getters.query_one("#results", Static)
    pictures = getters.query_one("#pictures", Horizontal)

    def compose(self) -> ComposeResult:
        yield Static(id="summary")
        with Horizontal(id="pictures"):
            for _ in range(PICTURES):
                yield Picture()
        yield Static(id="results")

    def clear(self) -> None:
        """Show nothing."""
        self.summary.update("")
        self.results.update("")
        self.pictures.set_class(False, "-some")

    def show_receipt(self, receipt: Receipt) -> None:
        """Show what is known without the results."""
        self.summary.update(decision_words(receipt))

    def show_results(
        self, rows: tuple[ResultRow, ...], threshold: float, thumbnails: Mapping[int, bytes]
    ) -> None:
        """Show the first results: pictures where there are thumbnails, and a line for each."""
        width = max(20, self.size.width - 2)
        lines = [result_line(row, threshold, width) for row in rows[:ROWS]]
        if len(rows) > ROWS:
            lines.append(Content.styled(f"and {len(rows) - ROWS:,} more", "$foreground-muted"))
        self.results.update(Content("\n").join(lines))
        self.pictures.set_class(bool(thumbnails), "-some")
        shown = [row for row in rows if row.picture_id in thumbnails]
        for index, picture in enumerate(self.pictures.query(Picture)):
            picture.set_class(index < len(shown), "-shown")
            if index < len(shown):
                row = shown[index]
                alt = plain(PurePath(row.path).name)
                picture.show(thumbnails[row.picture_id], alt=alt, dim=row.match < threshold)


def decision_words(receipt: Receipt) -> Content:
    """Return what was decided, why, and what was in force."""
    tone = "$text-success" if receipt.route is Route.RETRIEVE else "$text-warning"
    lines = [
        Content.assemble((receipt.route, f"bold {tone}"), f": {plain(receipt.reason)}"),
        Content(
            f"best match {receipt.best_match:.2f}, best cosine {receipt.best_cosine:.3f}, "
            f"threshold {receipt.threshold:.2f}; {receipt.passed:,} of {receipt.considered:,} "
            f"pass, ranked by {receipt.ranked_by}"
        ),
        Content.styled(
            f"match: {plain(receipt.matcher)}; encoder {plain(receipt.encoder)}; "
            f"receipt {receipt.id} of {when_words(receipt.created_at)}",
            "$foreground-muted",
        ),
    ]
    if receipt.override:
        lines.insert(1, Content.styled(f"overridden: {plain(receipt.override)}", "$text-warning"))
    return Content("\n").join(lines)


def result_line(row: ResultRow, threshold: float, width: int) -> Content:
    """Return a result in one line; what does not pass is dimmed and marked with a dot."""
    passes = row.match >= threshold
    head = f"{row.rank:>3} {'✔' if passes else '·'} {row.match:.2f}  {row.cosine:.3f}  "
    path = fit(row.path, max(8, width - len(head)), keep_end=True)
    return Content.styled(head + path, "" if passes else "$foreground-muted")
