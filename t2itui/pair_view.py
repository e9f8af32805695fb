"""What there is to say of one description and one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content

from t2itui.heat_table import SCORERS, Heat, HeatTable, change_words
from t2itui.plain import plain
from t2itui.widgets.score_bar import score_line

if TYPE_CHECKING:
    from engine.comparing.sheet import Comparison, Row

COLOURS = {"match": "$success", "cosine": "$primary"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairView:
    """One pair with its figures."""

    row: Row
    picture: str
    heats: dict[str, Heat]
    """By scorer."""
    library: int

    @classmethod
    def of(cls, found: Comparison, text: str, picture: int) -> PairView | None:
        """The pair of a text and the picture of a number; None while it is not scored."""
        row = next((each for each in found.rows if each.text == text), None)
        if row is None:
            return None
        heats = {}
        for scorer in SCORERS:
            table = HeatTable.of(found.rows, found.pictures, found, scorer)
            rows = {each.text: each for each in table.rows}
            column = SCORERS.index(scorer) if table.is_single else picture
            heat = rows[text].heats[column]
            assert heat is not None
            heats[scorer] = heat
        return cls(row=row, picture=found.pictures[picture], heats=heats, library=found.library)

    def score_lines(self, width: int) -> list[Content]:
        """A bar for each scorer, with rank and change behind it."""
        ends = {}
        for scorer, heat in self.heats.items():
            ends[scorer] = f" #{heat.rank:,}  {change_words(heat.change):>6}"
        room = max(14, width - max(map(cell_len, ends.values())))
        return [
            score_line(
                f"{scorer:<6}",
                heat.score,
                heat.score if scorer == "match" else heat.share,
                room,
                COLOURS[scorer],
            )
            + ends[scorer]
            for scorer, heat in self.heats.items()
        ]

    def text_lines(self) -> list[Content]:
        """What was cut off, what the line adds, and how long it is."""
        row = self.row
        lines = []
        if row.lost:
            words = f"✂ cut off by the encoder: {plain(row.lost)}"
            lines.append(Content.styled(words, "$text-warning"))
        tokens = f"{row.tokens} tokens" if row.tokens else "tokens unknown"
        facts = f"+ {plain(row.added)}" if row.added and row.added != row.text else ""
        if facts:
            lines.append(Content.assemble((facts, "bold"), (f"   {tokens}", "$foreground-muted")))
        else:
            lines.append(Content.styled(tokens, "$foreground-muted"))
        return lines
