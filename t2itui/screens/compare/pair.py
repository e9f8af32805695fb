"""What there is to say of one description and one picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.comparing.comparison import COMPARED
from engine.errors import T2IError
from engine.picture_names import file_name
from engine.states import ScorerKind
from t2itui.graphics.picture import Picture, read_original
from t2itui.keys import bindings
from t2itui.screens.common.base import WIDTHS, leave
from t2itui.screens.common.word_maps import Looked, WordBars
from t2itui.screens.compare.swaps import APART, totals
from t2itui.text.heat_table import Heat, HeatTable, change_words
from t2itui.text.plain import plain
from t2itui.text.shell_commands import compare_command
from t2itui.widgets.key_line import KeyLine
from t2itui.widgets.score_bar import score_line

if TYPE_CHECKING:
    from engine.comparing.comparison import (
        Comparison,
        ComparisonRequest,
        DescriptionScores,
        SwapResult,
    )
    from t2itui.session import Session


COLOURS = {ScorerKind.MATCH: "$success", ScorerKind.COSINE: "$primary"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairView:
    """One pair with its figures."""

    row: DescriptionScores
    picture: str
    heats: dict[ScorerKind, Heat]
    """By scorer."""
    library: int

    @classmethod
    def of(cls, found: Comparison, text: str, picture: int) -> PairView | None:
        """The pair of a text and the picture of a number; None while it is not scored."""
        row = next((each for each in found.rows if each.text == text), None)
        if row is None:
            return None
        heats = {}
        for scorer in COMPARED:
            table = HeatTable.of(found.rows, found.pictures, (found,), scorer)
            rows = {each.text: each for each in table.rows}
            column = COMPARED.index(scorer) if table.is_single else picture
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
                heat.score if scorer is ScorerKind.MATCH else heat.share,
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
        added = f"+ {plain(row.added)}" if row.added and row.added != row.text else ""
        if added:
            lines.append(Content.assemble((added, "bold"), (f"   {tokens}", "$foreground-muted")))
        else:
            lines.append(Content.styled(tokens, "$foreground-muted"))
        return lines


class PairDetail(Vertical):
    """Shows one pair; the stylesheet of the screen says whether its picture is in sight."""

    DEFAULT_CSS = """
    PairDetail {
        padding: 0 1;
        & > Picture { height: 1fr; min-height: 4; }
        & > #figures { height: auto; max-height: 14; }
    }
    """

    picture = getters.query_one(Picture)
    figures = getters.query_one("#figures", Static)

    def __init__(self, session: Session, looked: Callable[[], Looked | None]) -> None:
        super().__init__()
        self._picture = Picture()
        self.bars = WordBars(session, self._picture, looked)
        self._shown: bytes | None = None
        self._name = ""
        self._view: PairView | None = None
        self._text = ""

    def compose(self) -> ComposeResult:
        yield self._picture
        yield self.bars
        yield Static(id="figures")

    def on_resize(self) -> None:
        self._show()

    def show_picture(self, name: str, data: bytes | None) -> None:
        """Show another picture."""
        if (name, data) != (self._name, self._shown):
            self._name, self._shown = name, data
            self.picture.show(data, alt=plain(file_name(name)))

    def show_pair(self, text: str, view: PairView | None) -> None:
        """Show a description, and its figures once they are known."""
        self._text, self._view = text, view
        self.bars.maps.follow()
        self._show()

    def _show(self) -> None:
        width = max(20, self.content_size.width)
        lines = [Content.styled(plain(self._text), "bold")] if self._text else []
        if self._view is not None:
            lines += [*self._view.text_lines(), *self._view.score_lines(width)]
        self.figures.update(Content("\n").join(lines))


Position = tuple[int, int]
"""A row and a picture."""


class PairScreen(ModalScreen[Position]):
    """Shows a pair; the arrows walk to others, Escape goes back to the one shown."""

    HORIZONTAL_BREAKPOINTS = WIDTHS
    DEFAULT_CSS = """
    PairScreen {
        background: $background;
        & > #pair { layout: vertical; height: 1fr; }
        & #large { width: 1fr; height: 1fr; }
        & Picture { width: 1fr; height: 1fr; min-height: 4; }
        & #words { width: 1fr; height: auto; max-height: 70%; padding: 0 1; }
        & #words > Static { height: auto; }
        & #swaps { margin-top: 1; }
        &.-wide > #pair { layout: horizontal; }
        &.-wide #words { height: 1fr; max-height: 100%; padding: 1 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("pair")

    picture = getters.query_one(Picture)
    words = getters.query_one("#figures", Static)
    swaps = getters.query_one("#swaps", Static)

    def __init__(
        self,
        session: Session,
        found: Comparison,
        request: ComparisonRequest,
        position: Position,
        thumbnails: Mapping[str, bytes],
        *,
        finds_words: bool = False,
    ) -> None:
        """The request names one encoder at the most, whose scores are `found`.

        With `finds_words` it begins with the first word of the description.
        """
        super().__init__()
        self._finds_words = finds_words
        self._picture = Picture()
        self.bars = WordBars(session, self._picture, self._looked)
        self.session = session
        self._found = found
        self._request = request
        self._position = position
        self._thumbnails = thumbnails
        self._shown = ""
        """The picture on the screen."""
        self._tested: dict[str, tuple[SwapResult, ...]] = {}

    def compose(self) -> ComposeResult:
        with Container(id="pair"):
            with Vertical(id="large"):
                yield self._picture
                yield self.bars
            with VerticalScroll(id="words", can_focus=False):
                yield Static(id="figures")
                yield Static(id="swaps")
        yield KeyLine()

    def on_mount(self) -> None:
        self._show()
        if self._finds_words:
            self.bars.maps.step()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to walk among pictures only where there are several."""
        is_aside = action == "walk" and parameters[:1] == (0,)
        return not is_aside or len(self._request.pictures) > 1

    def action_walk(self, rows: int, pictures: int) -> None:
        """Go to another pair."""
        row, picture = self._position
        self._position = (
            max(0, min(row + rows, len(self._found.rows) - 1)),
            max(0, min(picture + pictures, len(self._found.pictures) - 1)),
        )
        self._show()

    def _show(self) -> None:
        row, picture = self._position
        text, name = self._found.rows[row].text, self._found.pictures[picture]
        view = PairView.of(self._found, text, picture)
        assert view is not None
        self.bars.maps.follow()
        if name != self._shown:
            self._shown = name
            self.picture.show(self._thumbnails.get(name), alt=plain(file_name(name)))
            self._read(name)
        width = max(20, self.query_one("#words").content_size.width)
        lines = [Content.styled(plain(text), "bold"), *view.text_lines()]
        lines += view.score_lines(min(width, 72))
        end = f"{plain(file_name(name))}, ranks among {view.library:,} pictures"
        lines.append(Content.styled(end, "$foreground-muted"))
        self.words.update(Content("\n").join(lines))
        if text in self._tested:
            self._show_swaps(text)
        else:
            self.swaps.update(Content.styled("swap test: scoring…", "$foreground-muted"))
            self._test(row)

    @work(exclusive=True, group="picture")
    async def _read(self, name: str) -> None:
        engine = self.session.engine
        if engine is None:
            return
        try:
            shown = await engine.library.shown(await engine.comparer.find([name]))
        except T2IError:
            return  # The thumbnail stays.
        data = await asyncio.to_thread(read_original, shown[0]) if shown else None
        if data is not None:
            self.call_later(self.show_original, name, data)

    def show_original(self, name: str, data: bytes) -> None:
        if name == self._shown:
            self.picture.show(data, alt=plain(file_name(name)))

    @work(exclusive=True, group="swaps")
    async def _test(self, row: int) -> None:
        engine, text = self.session.engine, self._found.rows[row].text
        if engine is None:
            return
        try:
            swaps = await engine.comparer.swap(self._request, [row])
        except T2IError as error:
            self.call_later(self.take_swaps, text, None, f"{error.message}  {error.hint}")
        else:
            self.call_later(self.take_swaps, text, swaps)

    def take_swaps(
        self, text: str, swaps: tuple[SwapResult, ...] | None, problem: str = ""
    ) -> None:
        if swaps is not None:
            self._tested[text] = swaps
        if text != self._found.rows[self._position[0]].text:
            return
        if swaps is None:
            self.swaps.update(Content.styled(f"✗ {plain(problem)}", "$text-error"))
        else:
            self._show_swaps(text)

    def _show_swaps(self, text: str) -> None:
        swaps = [each for each in self._tested[text] if each.picture == self._position[1]]
        lines = [Content.styled(totals(swaps), "bold")]
        if swaps:
            lines.append(Content.styled("match   cosine   with this instead", "$foreground-muted"))
        for each in swaps:
            by_cosine, by_match = each.prefers_true
            tone = "" if by_match else "$text-warning"
            words = f"{APART[by_match]:<6}  {APART[by_cosine]:<6}   {plain(each.false)}"
            lines.append(Content.styled(words, tone))
        self.swaps.update(Content("\n").join(lines))

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that compares this pair and tests its text."""
        row, picture = self._position
        one = type(self._request)(
            pictures=(self._request.pictures[picture],),
            lines=(self._request.lines[row],),
            encoders=self._request.encoders,
        )
        command = compare_command(self.session.home, one, "--swaps")
        self.app.copy_to_clipboard(command)
        self.notify(plain(command), title="Copied", markup=False)

    def action_where(self) -> None:
        """Show where the next word of the description is."""
        self.bars.maps.step()

    def action_numbers(self) -> None:
        """Show where words are as numbers, or over the picture."""
        self.bars.turn_numbers()

    def _looked(self) -> Looked | None:
        row, picture = self._position
        return Looked(
            picture=self._found.pictures[picture],
            text=self._found.rows[row].text,
            encoder_id=self._found.encoder,
        )

    def action_leave(self) -> None:
        """Wait no longer for words, or go back to the heatmap."""
        if not self.bars.maps.stop():
            leave(self, self._position)
