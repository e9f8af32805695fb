"""The keys of the grid of results."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.scrollbar import ScrollBar, ScrollDown, ScrollTo, ScrollUp

from t2itui.graphics.drawing import Drawing, DrawingHolder
from t2itui.keys import bindings
from t2itui.screens.search.card import (
    CAPTION_ROWS,
    Card,
    CardColumn,
    CardContent,
    CardLooks,
    CardScores,
)
from t2itui.widgets.basics import Backdrop

if TYPE_CHECKING:
    from engine.results import IdArray
    from t2itui.screens.search.listing import Listing


GRID_KEYS: list[BindingType] = bindings("grid")


CARD_WIDTHS = (16, 18, 22, 28, 36)
"""Least cells across a card, from the smallest to the largest cards."""
USUAL_SIZE = 1
LEAST_WIDTH = 12
LEAST_PICTURE_ROWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GridShape:
    """Cards across, cards down, and the rows of one card."""

    columns: int
    rows: int
    card_height: int

    @property
    def slots(self) -> int:
        """Cards in sight."""
        return self.columns * self.rows


def fit(width: int, height: int, size: int) -> GridShape:
    """Return the shape that fills `width` x `height` cells with cards of a size of CARD_WIDTHS.

    A column more or less than the size asks for is taken where that leaves fewer rows empty.
    """
    asked = max(1.0, width / (CARD_WIDTHS[size] + 1))
    most = max(1, width // LEAST_WIDTH)
    choices = {max(1, min(most, int(asked) + by)) for by in (-1, 0, 1)}
    columns = max(choices, key=lambda each: _worth(each, width, height, asked))
    wanted = _card_height(columns, width)
    rows = max(1, height // wanted)
    return GridShape(columns=columns, rows=rows, card_height=min(height // rows, wanted + 2) or 1)


def _card_height(columns: int, width: int) -> int:
    """Rows for a picture of 4:3 with its caption; a cell is about twice as high as wide."""
    picture_rows = round((width / columns - 2) * 3 / 8)
    return max(LEAST_PICTURE_ROWS, picture_rows) + CAPTION_ROWS


def _worth(columns: int, width: int, height: int, asked: float) -> float:
    """The share of the height that would be used, less something for another size than asked."""
    wanted = _card_height(columns, width)
    used = max(1, height // wanted) * wanted / height
    return min(used, 1 / used) - 0.1 * abs(columns - asked)


Fetch = Callable[[Sequence[int]], Awaitable[Mapping[int, CardContent]]]
"""Picture ids in, what the cache has of them out."""

KEPT = 600
"""Contents kept in memory: about a dozen screens of thumbnails."""

AT_ONCE = 4
"""Cards changed between two paintings; all of them in one would hold up the keys."""


class CardsFetched(Message, bubble=False):
    """The contents of some cards came out of the cache."""

    def __init__(self, contents: Mapping[int, CardContent]) -> None:
        super().__init__()
        self.contents = contents


class ResultGrid(DrawingHolder, Backdrop, can_focus=True):
    """Walks through any number of results with as many cards as the screen has room for."""

    DEFAULT_CSS = """
    ResultGrid {
        layout: grid;
        grid-gutter: 0 1;
        & > CardColumn { height: 100%; }
        & > ScrollBar { dock: right; width: 1; height: 100%; }
        & > .card--caption { color: $foreground; }
        & > .card--below { color: $text-muted; text-style: dim; }
        & > .card--match { color: $success; }
        & > .card--cosine { color: $primary; }
        & > .card--selected { background: $boost; }
        & > .card--selected-edge { color: $foreground-muted; }
        & > .card--focused { background: $accent-muted; }
        & > .card--focused-edge { color: $accent; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = set(CardLooks.COMPONENTS)

    BINDINGS: ClassVar[list[BindingType]] = GRID_KEYS

    class PictureSelected(Message):
        """Another picture is selected."""

        def __init__(self, index: int | None) -> None:
            super().__init__()
            self.index = index
            """In the arrays of scores; None when nothing is listed."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ResultGrid.PictureSelected)

    class PictureOpened(Message):
        """The selected picture is to be shown large."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, fetch: Fetch, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._fetch = fetch
        self._listing: Listing | None = None
        self._shown: Sequence[int] | IdArray = ()
        self._marked: frozenset[int] = frozenset()
        self._labels: Mapping[int, bool] = {}
        self._contents: OrderedDict[int, CardContent] = OrderedDict()
        self._looks: CardLooks | None = None
        self._columns: list[CardColumn] = []
        self.cards: list[Card] = []
        """The cards in sight, in reading order."""
        self._is_filling = False
        self._card_size = USUAL_SIZE
        self.shape = GridShape(columns=1, rows=1, card_height=1)
        """The cards in sight."""
        self.first_row = 0
        """The row of results at the top."""
        self.position = 0
        """The selected result's place in the list, from 0."""

    def compose(self) -> ComposeResult:
        yield ScrollBar(vertical=True, thickness=1)

    # What the screen asks for

    @property
    def selected(self) -> int | None:
        """Index of the selected picture in the arrays of scores."""
        return int(self._shown[self.position]) if len(self._shown) else None

    def show_listing(self, listing: Listing | None) -> None:
        """Walk through another answer, from its best picture on."""
        self._listing = listing
        self._shown = () if listing is None else listing.shown
        self.position = self.first_row = 0
        for card in self.cards:
            card.disown()
        self._arrange()
        self.post_message(self.PictureSelected(self.selected))

    def follow(self) -> None:
        """Take over what changed in the listing; the selected picture stays if it is listed."""
        if self._listing is None:
            return
        before = self.selected
        self._shown = self._listing.shown
        kept = self._listing.position(before) if before is not None else None
        last = max(0, len(self._shown) - 1)
        self.position = kept if kept is not None else min(self.position, last)
        self._arrange()
        if self.selected != before:
            self.post_message(self.PictureSelected(self.selected))

    def show_selection(self, picture_ids: frozenset[int]) -> None:
        """Show which pictures are marked."""
        self._marked = picture_ids
        self._refresh_figures()

    def show_labels(self, labels: Mapping[int, bool]) -> None:
        """Show which pictures a person said yes or no of."""
        self._labels = dict(labels)
        self._refresh_figures()

    def forget_contents(self) -> None:
        """Fetch names and thumbnails anew: the library changed."""
        self._contents.clear()

    def select(self, position: int) -> None:
        """Select a place in the list, as near as there is one, and bring it into sight."""
        position = max(0, min(position, len(self._shown) - 1))
        if position == self.position or not len(self._shown):
            return
        self.position = position
        self._arrange()
        self.post_message(self.PictureSelected(self.selected))

    # Cards and their places

    def on_resize(self) -> None:
        self._reshape()

    def _reshape(self) -> None:
        """Make as many cards as the space has room for."""
        width, height = self.size.width - 1, self.size.height
        if width <= 0 or height <= 0:
            return
        self.shape = fit(width, height, self._card_size)
        self._set_columns()
        for card in self.cards[self.shape.slots :]:
            card.picture.free()
        del self.cards[self.shape.slots :]
        self._arrange()

    def _set_columns(self) -> None:
        """Have as many columns as cards stand side by side."""
        wanted = self.shape.columns
        for column in self._columns[wanted:]:
            column.remove()
        del self._columns[wanted:]
        new = [
            CardColumn(number, self._cards_of, self._get_looks)
            for number in range(len(self._columns), wanted)
        ]
        self._columns += new
        for column in self._columns:
            column.card_height = self.shape.card_height
            column.refresh()
        self.styles.grid_size_columns = wanted
        if new:
            self.mount(*new)

    def _cards_of(self, column: int) -> list[Card]:
        return self.cards[column :: self.shape.columns]

    def _get_looks(self) -> CardLooks:
        if self._looks is None:
            self._looks = CardLooks(self, focused=self.has_focus)
        return self._looks

    def drawings(self) -> list[Drawing]:
        """The pictures on the cards."""
        return [card.picture for card in self.cards]

    def notify_style_update(self) -> None:
        """Paint all cards in other colours."""
        super().notify_style_update()
        self._repaint_all()

    def watch_has_focus(self, focused: bool) -> None:
        """Show by the selected card whether keys move it."""
        super().watch_has_focus(focused)
        self._repaint_all()

    def _repaint_all(self) -> None:
        self._looks = None
        for column in self._columns:
            column.refresh()

    def _repaint(self, card: Card) -> None:
        row, number = divmod(card.slot, self.shape.columns)
        if number < len(self._columns):
            self._columns[number].repaint(row)

    def _arrange(self) -> None:
        """Put the right results on the cards, keeping the selected one in sight."""
        columns, rows = self.shape.columns, self.shape.rows
        row = self.position // columns
        first = min(max(self.first_row, row - rows + 1), row)
        first = max(0, min(first, self._row_count() - rows))
        self._turn(first - self.first_row)
        self.first_row = first
        for card in self.cards:
            self._show_selection(card)
        self._show_bar()
        missing = [each for each in self._wanted() if each not in self._contents]
        if missing:
            self._fetch_contents(missing)
        self._fill_some()
        self._refresh_figures()

    def _show_selection(self, card: Card) -> None:
        at = self.first_row * self.shape.columns + card.slot
        card.is_selected = at == self.position and len(self._shown) > 0

    def _fill_some(self) -> None:
        """Give a few cards their results, and the others theirs after these were painted."""
        if not self.size:
            return
        changed = 0
        for slot in range(self.shape.slots):
            if changed == AT_ONCE:
                self._fill_soon()
                return
            changed += self._fill_slot(slot)

    def _fill_soon(self) -> None:
        if not self._is_filling:
            self._is_filling = True
            self.call_after_refresh(self._fill_more)

    def _fill_more(self) -> None:
        self._is_filling = False
        self._fill_some()

    def _fill_slot(self, slot: int) -> bool:
        """Bring one card into step; returns whether there was something to do."""
        is_new = slot == len(self.cards)
        if is_new:
            self.cards.append(Card(slot, self, self._repaint))
            self._show_selection(self.cards[slot])
        card, index = self.cards[slot], self._index_at(slot)
        changed = card.assign(index)
        if self._listing is None or index is None:
            return is_new or changed
        if changed:
            card.show_scores(self._figures(self._listing, index))
        content = self._contents.get(self._listing.picture_id(index))
        if content is None or card.is_filled:
            return is_new or changed
        card.fill(content)
        return True

    def _index_at(self, slot: int) -> int | None:
        """What belongs on a card, as an index into the arrays of scores."""
        at = self.first_row * self.shape.columns + slot
        return int(self._shown[at]) if at < len(self._shown) else None

    def _turn(self, down: int) -> None:
        """Move the cards that stay in sight, so that only the others need another picture."""
        if not down or abs(down) >= self.shape.rows or len(self.cards) < self.shape.slots:
            return
        for card in self.cards:
            card.slot = (card.slot - down * self.shape.columns) % self.shape.slots
        self.cards.sort(key=lambda card: card.slot)
        for column in self._columns:
            column.refresh()

    def _row_count(self) -> int:
        return -(-len(self._shown) // self.shape.columns)

    def _refresh_figures(self) -> None:
        listing = self._listing
        if listing is None:
            return
        for card in self.cards:
            if card.index is not None and card.index == self._index_at(card.slot):
                card.show_scores(self._figures(listing, card.index))

    def _figures(self, listing: Listing, index: int) -> CardScores:
        picture_id = listing.picture_id(index)
        return CardScores(
            rank=listing.rank(index, listing.scorer),
            match=float(listing.scores.match[index]),
            cosine=float(listing.scores.cosine[index]),
            cosine_share=listing.cosine_share(index),
            third=listing.third_score(index),
            passes=listing.passes(index),
            marked=picture_id in self._marked,
            fits=self._labels.get(picture_id),
        )

    # Filling

    def _wanted(self) -> list[int]:
        """Pictures in sight, in reading order."""
        if self._listing is None:
            return []
        indices = (self._index_at(slot) for slot in range(self.shape.slots))
        return [self._listing.picture_id(index) for index in indices if index is not None]

    @work(exclusive=True, group="fill")
    async def _fetch_contents(self, picture_ids: list[int]) -> None:
        self.post_message(CardsFetched(await self._fetch(picture_ids)))

    @on(CardsFetched)
    def fill_cards(self, message: CardsFetched) -> None:
        for picture_id, content in message.contents.items():
            self._contents[picture_id] = content
            self._contents.move_to_end(picture_id)
        while len(self._contents) > KEPT:
            self._contents.popitem(last=False)
        self._fill_some()

    # Scrolling

    def _show_bar(self) -> None:
        bar, rows = self.query_one(ScrollBar), self.shape.rows
        bar.display = self._row_count() > rows
        bar.window_virtual_size = self._row_count()
        bar.window_size = rows
        bar.position = self.first_row

    def _scroll_rows(self, rows: int) -> None:
        """Scroll; the selection is pushed along by the edges."""
        last = max(0, self._row_count() - self.shape.rows)
        first = max(0, min(self.first_row + rows, last))
        row, column = divmod(self.position, self.shape.columns)
        kept = max(first, min(row, first + self.shape.rows - 1))
        self._turn(first - self.first_row)
        self.first_row = first
        if kept != row:
            self.select(kept * self.shape.columns + column)
        else:
            self._arrange()

    @on(ScrollUp)
    def show_page_before(self) -> None:
        self._scroll_rows(-self.shape.rows)

    @on(ScrollDown)
    def show_page_after(self) -> None:
        self._scroll_rows(self.shape.rows)

    @on(ScrollTo)
    def scroll_to_grab(self, message: ScrollTo) -> None:
        if message.y is not None:
            self._scroll_rows(round(message.y) - self.first_row)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll_rows(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll_rows(-1)

    @on(CardColumn.Clicked)
    def select_clicked(self, message: CardColumn.Clicked) -> None:
        message.stop()
        self.select((self.first_row + message.row) * self.shape.columns + message.number)
        if message.twice:
            self.action_open()

    # Actions

    def action_move(self, by: int) -> None:
        """Select the picture so many places on."""
        self.select(self.position + by)

    def action_row(self, by: int) -> None:
        """Select the picture above or below; at the end, the last one."""
        target = self.position + by * self.shape.columns
        if 0 <= target < len(self._shown) or by > 0:
            self.select(target)

    def action_page(self, by: int) -> None:
        """Go a screen of cards up or down."""
        self.select(self.position + by * self.shape.slots)

    def action_first(self) -> None:
        """Select the best picture."""
        self.select(0)

    def action_last(self) -> None:
        """Select the last picture."""
        self.select(len(self._shown) - 1)

    def action_resize(self, by: int) -> None:
        """Make the cards larger or smaller."""
        self._card_size = max(0, min(self._card_size + by, len(CARD_WIDTHS) - 1))
        self._reshape()

    def action_open(self) -> None:
        """Show the selected picture large."""
        if self.selected is not None:
            self.post_message(self.PictureOpened(self.selected))
