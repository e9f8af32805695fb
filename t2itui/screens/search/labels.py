"""Relevance labels: y and n on results, which calibrate `match` from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from engine.errors import CacheError, T2IError
from t2itui.session import TaskHost
from t2itui.text.shell_commands import label_command, labels_command

if TYPE_CHECKING:
    from engine.search.labels import LabelSummary
    from t2itui.screens.search.card import CardContent
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session

WHILE_LABELLING = frozenset({"label", "undo_label", "copy_label"})
"""Actions that there are while a person labels."""
NOT_WHILE_LABELLING = frozenset({"copy_command", "copy_tags", "suggest", "start_labelling"})
"""Actions whose keys mean something else then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLabel:
    """One y or n, and what it takes to undo it."""

    picture_id: int
    path: str
    fits: bool
    before: bool | None
    """What had been said of the picture; None for nothing."""
    position: int
    """In the list of results."""


class LabelledResults(Protocol):
    """The pictures that are labelled."""

    listing: Listing | None

    @property
    def selected(self) -> int | None:
        """Index of the selected picture in the arrays of scores."""

    @property
    def position(self) -> int:
        """Of the selected picture in the list."""

    @property
    def content(self) -> CardContent | None:
        """The selected picture, once it was fetched."""

    def select(self, position: int) -> None:
        """Select another picture."""

    def show_labels(self, labels: Mapping[int, bool]) -> None:
        """Show what a person said of pictures, by id."""


class LabelView(Protocol):
    """The line that says what is labelled."""

    def show(self, text: str, state: LabelSummary | None) -> None:
        """Say what is labelled and what came of it."""

    def clear(self) -> None:
        """Say that nothing is."""


class LabellingHost(TaskHost, Protocol):
    """The screen on which labels are given."""

    def follow_labelling(self) -> None:
        """Offer other keys: labelling has begun or ended."""

    def ask_again(self) -> None:
        """Ask what is on the screen once more."""


class LabelController:
    """Takes y and n on one picture after the other."""

    def __init__(
        self, session: Session, host: LabellingHost, results: LabelledResults, line: LabelView
    ) -> None:
        self._session = session
        self._host = host
        self._results = results
        self._line = line
        self._labels: dict[int, bool] = {}
        """What a person said of pictures, by id, for the description on the screen."""
        self._text = ""
        """The description that is labelled; empty while nobody labels."""
        self._encoder_id = ""
        self._given: list[GivenLabel] = []
        """Since labelling began."""
        self._has_changed = False
        """A label was kept since the answer on the screen was computed."""
        self._pending = 0
        """Labels on their way into the cache."""
        self._asks_when_stored = False
        """The last of them leads to a new answer."""

    @property
    def is_labelling(self) -> bool:
        """y and n are about the selected picture."""
        return bool(self._text)

    # What was said before

    def show_answer(self, listing: Listing) -> None:
        """Show what was said of the pictures of a new answer; labelling has to begin anew."""
        self._stop()
        self._labels = {}
        self._results.show_labels(self._labels)
        receipt = listing.result.receipt
        work = partial(self._read, receipt.query, receipt.encoder)
        self._host.run_beside(work, group="labels", exclusive=True)

    async def _read(self, query: str, encoder_id: str) -> None:
        engine = self._session.engine
        if engine is None:
            return
        try:
            labels = await engine.searcher.labels.said_for(query, encoder_id=encoder_id)
        except CacheError:
            return  # The answer is there without them.
        self._host.call_later(self._take_labels, query, labels)

    def _take_labels(self, query: str, labels: Mapping[int, bool]) -> None:
        listing = self._results.listing
        if listing is not None and listing.result.receipt.query == query:
            self._labels = {**labels, **self._labels}
            self._results.show_labels(self._labels)

    # Labelling

    def start(self) -> None:
        """Have y and n say of one picture after the other whether the description fits."""
        listing, selected = self._results.listing, self._results.selected
        if listing is not None and selected is not None:
            receipt, picture_id = listing.result.receipt, listing.picture_id(selected)
            work = partial(self._prepare, receipt.query, receipt.encoder, picture_id)
            self._host.run_beside(work, group="labels", exclusive=True)

    async def _prepare(self, query: str, encoder_id: str, picture_id: int) -> None:
        engine = self._session.engine
        if engine is None:
            return
        labels = engine.searcher.labels
        try:
            case = await labels.resolve(query, picture_id, encoder_id=encoder_id, offline=True)
            said = await labels.said_for(query, encoder_id=encoder_id)
            state = await labels.state(encoder_id)
        except T2IError as error:
            self._session.report_error("Labels", error)
        else:
            self._host.call_later(self._take_labels, query, said)
            self._host.call_later(self._begin, case.texts[0], encoder_id, state)

    def _begin(self, text: str, encoder_id: str, state: LabelSummary) -> None:
        self._text, self._encoder_id = text, encoder_id
        self._given = []
        self._line.show(text, state)
        self._host.follow_labelling()

    def give(self, *, fits: bool) -> None:
        """Say whether the selected picture fits, and go to the next."""
        listing, selected, position = (
            self._results.listing,
            self._results.selected,
            self._results.position,
        )
        if listing is None or selected is None:
            return
        picture_id, content = listing.picture_id(selected), self._results.content
        is_known = content is not None and content.shown.picture_id == picture_id
        self._given.append(
            GivenLabel(
                picture_id=picture_id,
                path=content.shown.path if content is not None and is_known else "",
                fits=fits,
                before=self._labels.get(picture_id),
                position=position,
            )
        )
        self._put(picture_id, fits)
        self._results.select(position + 1)

    def undo(self) -> None:
        """Take the last label back and go to its picture."""
        if not self._given:
            self._session.notify("Nothing was labelled since l was pressed.")
            return
        last = self._given.pop()
        self._put(last.picture_id, last.before)
        self._results.select(last.position)

    def _put(self, picture_id: int, fits: bool | None) -> None:
        if fits is None:
            self._labels.pop(picture_id, None)
        else:
            self._labels[picture_id] = fits
        self._has_changed = True
        self._pending += 1
        self._results.show_labels(self._labels)
        work = partial(self._store, self._text, self._encoder_id, picture_id, fits)
        self._host.run_beside(work, group="keep-label")

    async def _store(self, text: str, encoder_id: str, picture_id: int, fits: bool | None) -> None:
        engine = self._session.engine
        if engine is None:
            return
        labels = engine.searcher.labels
        try:
            if fits is None:
                state = await labels.drop(text, picture_id, encoder_id=encoder_id)
            else:
                state = await labels.put(text, picture_id, fits=fits, encoder_id=encoder_id)
        except T2IError as error:
            self._host.call_later(self._report_failure, error)
        else:
            self._host.call_later(self._show_stored, state)

    def _show_stored(self, state: LabelSummary) -> None:
        self._finish_one()
        if self.is_labelling and state.encoder_id == self._encoder_id:
            self._line.show(self._text, state)

    def _report_failure(self, error: T2IError) -> None:
        self._finish_one()
        self._session.report_error("Labels", error)

    def _finish_one(self) -> None:
        self._pending = max(0, self._pending - 1)
        if self._asks_when_stored and not self._pending:
            self._asks_when_stored = False
            self._host.ask_again()

    def end(self) -> None:
        """Leave off; where labels changed something the answer is computed with them."""
        changed = self._has_changed
        self._stop()
        if changed and self._pending:
            self._asks_when_stored = True
        elif changed:
            self._host.ask_again()

    def _stop(self) -> None:
        if self.is_labelling:
            self._text = ""
            self._line.clear()
            self._host.follow_labelling()
        self._has_changed = False

    @property
    def command(self) -> str:
        """The shell command of the last label, or the one that lists them."""
        home, last = self._session.home, self._given[-1] if self._given else None
        if last is None or not last.path:
            return labels_command(home, self._encoder_id)
        return label_command(home, self._text, last.path, self._encoder_id, fits=last.fits)
