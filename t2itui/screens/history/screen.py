"""The History screen: decisions as a list, and the one under the cursor in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.picture_names import file_name
from engine.states import Route
from t2itui.graphics.picture import Picture
from t2itui.keys import bindings
from t2itui.screens.common.base import HEIGHTS, WIDTHS, BindingWatch
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.common.paged import PAGE, PagedScreen
from t2itui.screens.history.controller import COLUMNS, HistoryController
from t2itui.session import OpenSearch, ReplayReceipt
from t2itui.text import shell_commands
from t2itui.text.plain import plain
from t2itui.text.words import when_words
from t2itui.widgets.rows import RowList, fit

if TYPE_CHECKING:
    from engine.results import Receipt, ResultRow, SearchResult
    from t2itui.session import Session


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
                alt = plain(file_name(row.path))
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


class ReceiptList(RowList):
    """The list; Enter on a line replays it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("history_list")


class HistoryScreen(PagedScreen):
    """Lists receipts, the newest first."""

    MODE = "history"
    SUBJECT = "The history"
    NOUN = "decision"
    EMPTY = "No decision yet: every search leaves one here."
    NOTHING_FOUND = "No query with these words."
    VERTICAL_BREAKPOINTS = HEIGHTS
    HORIZONTAL_BREAKPOINTS = WIDTHS
    DEFAULT_CSS = """
    HistoryScreen {
        & #history { height: 1fr; layout: vertical; }
        & RowList { height: 1fr; }
        & ReceiptDetail { height: 8; border-top: solid $panel; }
        &.-short.-narrow ReceiptDetail { display: none; }
        &.-narrow ReceiptDetail > #pictures { display: none; }
        &.-wide #history { layout: horizontal; }
        &.-wide ReceiptDetail {
            width: 48;
            height: 1fr;
            border-top: none;
            border-left: solid $panel;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("history")

    listing = getters.query_one(RowList)
    detail = getters.query_one(ReceiptDetail)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._watched = BindingWatch(self, ("search_again", "delete", "copy_command"))
        self.controller = HistoryController(session)

    def compose_body(self) -> ComposeResult:
        yield from self.compose_filter("words of the query")
        with Container(id="history"):
            yield ReceiptList(COLUMNS, empty=self.EMPTY)
            yield ReceiptDetail()

    def on_mount(self) -> None:
        self.until_unmount(self.session.when_open(self.take_engine))
        self.listing.focus()

    @work(exclusive=True, group="history")
    async def read_page(self, offset: int, containing: str) -> None:
        """Read receipts beside the screen."""
        if self.session.engine is None:
            return
        with self.errors_reported():
            found = await self.controller.read(PAGE, offset, containing)
            self.call_later(self.show, found, offset=offset)

    def show(self, receipts: Sequence[Receipt], *, offset: int) -> None:
        """Show the list, or more of it."""
        self.controller.take(receipts, offset=offset)
        self.is_last = len(receipts) < PAGE
        self.say_count(len(self.controller.receipts))
        self.listing.show(self.controller.rows())

    @property
    def current(self) -> Receipt | None:
        """The receipt under the cursor."""
        row = self.listing.current
        return self.controller.receipts.get(row.key) if row is not None else None

    @on(RowList.Highlighted)
    def show_current(self) -> None:
        """Show the decision under the cursor in full."""
        self._watched.follow()
        if self.current is None:
            self.detail.clear()
            return
        self.detail.show_receipt(self.current)
        self.open(self.current.id)
        self.read_on(len(self.controller.receipts))

    @work(exclusive=True, group="receipt")
    async def open(self, receipt_id: str) -> None:
        """Read the results of a receipt beside the screen."""
        if self.session.engine is None:
            return
        with self.errors_reported():
            self.call_later(self.show_results, *await self.controller.open(receipt_id))

    def show_results(self, result: SearchResult, thumbnails: Mapping[int, bytes]) -> None:
        """Show the results, if the cursor is still there."""
        receipt = result.receipt
        if self.current is not None and self.current.id == receipt.id:
            self.detail.show_results(result.rows, receipt.threshold, thumbnails)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with a receipt only where there is one."""
        if action in {"search_again", "delete", "copy_command"}:
            return not self.is_mounted or self.current is not None
        return True

    @on(RowList.Chosen)
    def replay(self) -> None:
        """Show the answer of the receipt on the Search screen."""
        if self.current is not None:
            self.session.send(ReplayReceipt(self.current.id))

    def action_search_again(self) -> None:
        """Ask the same of the library as it is now."""
        if self.current is not None:
            self.session.send(OpenSearch(self.current.query))

    @work(group="delete")
    async def action_delete(self) -> None:
        """Delete the receipt under the cursor, if the person is sure."""
        receipt = self.current
        if receipt is None:
            return
        question = Confirm(
            f"Delete the receipt of {receipt.query!r}?",
            "The query can be asked again; this answer cannot be replayed any more.",
            go="Delete (enter)",
            command=shell_commands.forget_receipt_command(self.session.home, receipt.id),
        )
        if not await self.app.push_screen_wait(question):
            return
        with self.errors_reported():
            await self.controller.delete(receipt.id)
            self.load()

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that replays the receipt."""
        if self.current is not None:
            command = shell_commands.replay_command(self.session.home, self.current.id)
            self.copy(command)
