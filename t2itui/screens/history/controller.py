"""The receipts that the History screen lists, and what the engine is asked about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.states import Route
from t2itui.text.words import when_words
from t2itui.widgets.rows import Column, Row

if TYPE_CHECKING:
    from engine.results import Receipt, SearchResult
    from t2itui.session import Session


LOOKED_AT = 12
"""First results among which pictures for the detail are looked for; some may have none."""

COLUMNS = (
    Column(title="time", width=16, priority=1),
    Column(title="query", width=18, share=3),
    Column(title="route", width=8),
    Column(title="passed", width=13, right=True),
    Column(title="thr.", width=4, right=True, priority=3),
    Column(title="by", width=6, priority=4),
    Column(title="encoder", width=14, share=1, priority=5),
)


def receipt_row(receipt: Receipt) -> Row:
    """Return the row of a receipt."""
    return Row(
        key=receipt.id,
        cells=(
            when_words(receipt.created_at),
            receipt.query,
            receipt.route,
            f"{receipt.passed:,}/{receipt.considered:,}",
            f"{receipt.threshold:.2f}",
            receipt.ranked_by,
            receipt.encoder.rpartition("/")[2],
        ),
        tone="" if receipt.route is Route.RETRIEVE else "warning",
    )


class HistoryController:
    """Keeps the receipts that were read; what the engine cannot do is raised as T2IError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.receipts: dict[str, Receipt] = {}
        """By id, the newest first."""

    async def read(self, limit: int, offset: int, containing: str) -> Sequence[Receipt]:
        """Receipts from the `offset`th on, the newest first."""
        return await self._session.open_engine.history.entries(limit, offset, containing)

    def take(self, receipts: Sequence[Receipt], *, offset: int) -> None:
        """Take a page of receipts; the first one stands for a list read anew."""
        if offset == 0:
            self.receipts = {}
        self.receipts |= {receipt.id: receipt for receipt in receipts}

    def rows(self) -> list[Row]:
        """The rows of the list."""
        return [receipt_row(receipt) for receipt in self.receipts.values()]

    async def open(self, receipt_id: str) -> tuple[SearchResult, Mapping[int, bytes]]:
        """The results of a receipt, and thumbnails of its first ones."""
        result = await self._session.open_engine.history.replay(receipt_id, note_use=False)
        first = [row.picture_id for row in result.rows[:LOOKED_AT]]
        return result, await self._session.open_engine.library.thumbnails(first)

    async def delete(self, receipt_id: str) -> None:
        """Delete a receipt."""
        await self._session.open_engine.history.forget([receipt_id])
