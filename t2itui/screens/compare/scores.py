"""The scores of a comparison, as far as they are known, and the thumbnails of its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

from engine.comparing.sheet import COMPARED
from t2itui.text.heat_table import HeatTable, other_scorer
from t2itui.text.words import counted

if TYPE_CHECKING:
    from engine.comparing.sheet import Comparison, ComparisonSheet, Description
    from t2itui.session import Session


class SheetScores:
    """Has sheets scored, and keeps what came last."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.found: Comparison | None = None
        """The scores that came last; of a sheet that has changed, those that still hold."""
        self.scorer = COMPARED[0]
        """What several pictures are compared by."""
        self.thumbnails: dict[str, bytes] = {}
        """By the name of the picture."""

    def of(self, sheet: ComparisonSheet) -> Comparison | None:
        """The scores that hold for a sheet; None where they are about other pictures."""
        found = self.found
        return found if found is not None and found.pictures == sheet.pictures else None

    def cover(self, sheet: ComparisonSheet) -> bool:
        """Whether every line of a sheet has its scores."""
        found = self.of(sheet)
        if found is None or not sheet.lines:
            return False
        return tuple(row.text for row in found.rows) == tuple(line.text for line in sheet.lines)

    def table(self, sheet: ComparisonSheet, lines: Iterable[Description]) -> HeatTable:
        """Lines of a sheet with the scores that are known."""
        return HeatTable.of(tuple(lines), sheet.pictures, self.found, self.scorer)

    def turn_scorer(self) -> None:
        """Compare several pictures by the other scorer."""
        self.scorer = other_scorer(self.scorer)

    def words(self, sheet: ComparisonSheet, picture: int) -> str:
        """What is compared, and among what, in a line."""
        if not sheet.pictures:
            return "no picture yet: p adds one" if sheet.lines else ""
        names = PurePath(sheet.pictures[picture]).name
        if len(sheet.pictures) > 1:
            names = f"{len(sheet.pictures)} pictures by {self.scorer} · {names}"
        if not sheet.lines:
            return f"{names} · no description yet: a adds one"
        words = f"{names} · {counted(len(sheet.lines), 'description')}"
        found = self.of(sheet)
        if found is not None:
            encoder = found.encoder.rpartition("/")[2].partition("@")[0]
            words += f" · among {found.library:,} · {encoder} · match: {found.match}"
        return words

    async def compare(self, sheet: ComparisonSheet) -> Comparison | None:
        """Score a sheet; None without an engine. Raises T2IError."""
        engine = self._session.engine
        return None if engine is None else await engine.comparer.compare(sheet)

    async def read_thumbnails(self, pictures: Iterable[str]) -> dict[str, bytes]:
        """Read the thumbnails that are not here yet, by name. Raises T2IError."""
        engine = self._session.engine
        missing = [name for name in pictures if name not in self.thumbnails]
        if engine is None or not missing:
            return {}
        ids = await engine.comparer.find(missing)
        found = await engine.library.thumbnails(ids)
        return {
            name: found[picture_id]
            for name, picture_id in zip(missing, ids, strict=True)
            if picture_id in found
        }
