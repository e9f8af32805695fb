"""An answer on the screen: grid, detail and histogram, which all follow one listing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.app import ComposeResult
from textual.geometry import Size
from textual.message import Message

from t2itui.screens.common.word_maps import Looked
from t2itui.screens.search.card import CardContent
from t2itui.screens.search.detail import Detail, DetailScores
from t2itui.screens.search.grid import Fetch, ResultGrid
from t2itui.screens.search.histogram import Histogram
from t2itui.widgets.basics import Backdrop

if TYPE_CHECKING:
    from engine.results import PictureTags, Receipt
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session


FINE = 0.01


class DetailFetched(Message, bubble=False):
    """The content of the detail came out of the cache."""

    def __init__(self, index: int, content: CardContent) -> None:
        super().__init__()
        self.index = index
        self.content = content


class Results(Backdrop):
    """Shows a listing, and keeps everything in step when its threshold or order changes."""

    DEFAULT_CSS = """
    Results {
        layout: horizontal;
        & ResultGrid { width: 1fr; height: 1fr; }
        & Detail { height: 1fr; width: 40; border-left: vkey $panel; }
        & > Histogram { dock: bottom; border-top: hkey $panel; height: 5; }
        &.-wide Detail { width: 64; }
        &.-narrow Detail { width: 30; }
        &.-tight Detail { display: none; }
        &.-low > Histogram { height: 2; border-top: none; }
        &.-flat > Histogram { height: 1; border-top: none; }
    }
    """

    grid = getters.query_one(ResultGrid)
    detail = getters.query_one(Detail)
    histogram = getters.query_one(Histogram)

    class DecisionChanged(Message):
        """The threshold, the ranking scorer or what is hidden was changed by the person."""

    class Reopened(Message):
        """Another threshold or scorer was asked for than there are scores of: search again so."""

        def __init__(self, *, threshold: float, scorer: str) -> None:
            super().__init__()
            self.threshold = threshold
            self.scorer = scorer

    def __init__(self, session: Session, fetch: Fetch, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._session = session
        self._fetch = fetch
        self.listing: Listing | None = None

    def compose(self) -> ComposeResult:
        yield ResultGrid(self.fetch)
        yield Detail(self._session, self._looked)
        yield Histogram()

    def on_resize(self) -> None:
        self.suit(self.size)

    def suit(self, size: Size) -> None:
        """Show what there is room for; said before the first display, that is laid out once."""
        width, height = size
        self.set_class(width >= 150, "-wide")
        self.set_class(width < 110, "-narrow")
        self.set_class(width < 70, "-tight")
        self.set_class(height < 24, "-low")
        self.set_class(height < 12, "-flat")

    def _looked(self) -> Looked | None:
        return self.looked(self.content)

    async def fetch(self, picture_ids: Sequence[int]) -> Mapping[int, CardContent]:
        """Names and thumbnails of pictures, out of the cache."""
        return await self._fetch(picture_ids)

    def show(self, listing: Listing) -> None:
        """Show another answer."""
        self.listing = listing
        self.histogram.show(listing.counts, listing.scores.chance)
        self._follow_threshold(listing)
        self.grid.show_listing(listing)
        self.show_receipt(listing.result.receipt)

    def show_receipt(self, receipt: Receipt | None) -> None:
        """Show which stored decision the screen stands for."""
        self.detail.show_receipt(receipt)

    def show_labels(self, labels: Mapping[int, bool]) -> None:
        """Show what a person said of pictures, by id: whether they fit."""
        self.grid.show_labels(labels)
        self.detail.show_labels(labels)

    def show_tags(self, tags: PictureTags | None) -> None:
        """Show what is true of the selected picture; None while that is not known."""
        self.detail.show_tags(tags)

    def show_selection(self, picture_ids: frozenset[int]) -> None:
        """Show which pictures are marked."""
        self.grid.show_selection(picture_ids)

    @property
    def selected(self) -> int | None:
        """Index of the selected picture in the arrays of scores."""
        return self.grid.selected

    @property
    def position(self) -> int:
        """Of the selected picture in the list, from 0."""
        return self.grid.position

    @property
    def content(self) -> CardContent | None:
        """The selected picture, once it was fetched."""
        return self.detail.content if self.display else None

    def looked(self, content: CardContent | None) -> Looked | None:
        """What words of the query can be looked for in a picture of the answer."""
        from engine.search.query import texts_of

        if self.listing is None or content is None:
            return None
        receipt = self.listing.result.receipt
        text = ", ".join(texts_of(receipt.query))
        if not text or not content.shown.path:
            return None
        return Looked(picture=content.shown.path, text=text, encoder_id=receipt.encoder)

    def select(self, position: int) -> None:
        """Select another picture of the list."""
        self.grid.select(position)

    def move_threshold(self, threshold: float) -> None:
        """Put the threshold somewhere else, 0 to 1, rounded to hundredths."""
        listing = self.listing
        threshold = min(1.0, max(0.0, round(threshold, 2)))
        if listing is None or threshold == listing.threshold:
            return
        if listing.is_stored:
            self.post_message(self.Reopened(threshold=threshold, scorer=listing.scorer))
            return
        listing.threshold = threshold
        self._changed(listing)

    def step_threshold(self, by: float) -> None:
        """Move the threshold by so much."""
        if self.listing is not None:
            self.move_threshold(self.listing.threshold + by)

    def rank_by(self, scorer: str) -> None:
        """Order the pictures by another scorer and start at the best."""
        listing = self.listing
        if listing is None or listing.scorer == scorer:
            return
        if not listing.has_scores_of(scorer):
            self.post_message(self.Reopened(threshold=listing.threshold, scorer=scorer))
            return
        listing.scorer = scorer
        self._changed(listing)
        self.grid.select(0)

    def hide_below(self, hide: bool) -> None:
        """Hide what is below the threshold, or show it dimmed."""
        if self.listing is not None:
            self.listing.hide_below = hide
            self._changed(self.listing)

    def _changed(self, listing: Listing) -> None:
        self._follow_threshold(listing)
        self.grid.follow()
        self._show_scores(listing)
        self.post_message(self.DecisionChanged())

    def _follow_threshold(self, listing: Listing) -> None:
        self.histogram.threshold = listing.threshold
        self.histogram.show_passed(listing.passed, listing.total)

    def _show_scores(self, listing: Listing) -> None:
        if self.grid.selected is not None:
            self.detail.show_scores(DetailScores.of(listing, self.grid.selected))

    @on(ResultGrid.PictureSelected)
    def show_selected(self, message: ResultGrid.PictureSelected) -> None:
        if self.listing is None or self.grid.selected is None:
            self.detail.clear()
            return
        self._show_scores(self.listing)
        self._fill_detail(self.grid.selected, self.listing.picture_id(self.grid.selected))

    @work(exclusive=True, group="detail")
    async def _fill_detail(self, index: int, picture_id: int) -> None:
        fetched = await self.fetch([picture_id])
        if picture_id in fetched:
            self.post_message(DetailFetched(index, fetched[picture_id]))

    @on(DetailFetched)
    def fill_detail(self, message: DetailFetched) -> None:
        if message.index == self.grid.selected:
            self.detail.show_picture(message.content)

    @on(Histogram.ThresholdMoved)
    def follow_mouse(self, message: Histogram.ThresholdMoved) -> None:
        self.move_threshold(message.threshold)

    @on(Histogram.Stepped)
    def follow_wheel(self, message: Histogram.Stepped) -> None:
        self.step_threshold(message.steps * FINE)
