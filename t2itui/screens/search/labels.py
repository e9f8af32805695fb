"""Judging on the Search screen: y and n on results, as labels that calibrate `match`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.message import Message

from engine.errors import CacheError, T2IError
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.search.lines import JudgeLine
from t2itui.screens.search.warmth import EarlyLoading
from t2itui.text import shell_commands as twins
from t2itui.text.words import counted

if TYPE_CHECKING:
    from engine.search.labels import LabelSummary
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session


JUDGING = frozenset({"judge", "unjudge", "copy_label", "forget_labels"})
"""Actions that there are while a person judges."""
NOT_JUDGING = frozenset({"copy_command", "suggest", "start_judging"})
"""Actions whose keys mean something else then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One y or n, and what it takes to undo it."""

    picture_id: int
    path: str
    fits: bool
    before: bool | None
    """What had been said of the picture; None for nothing."""
    position: int
    """In the list of results."""


class JudgingBegun(Message, bubble=False):
    """The answer on the screen can be judged."""

    def __init__(self, text: str, encoder_id: str, state: LabelSummary) -> None:
        super().__init__()
        self.text = text
        self.encoder_id = encoder_id
        self.state = state


class LabelsRead(Message, bubble=False):
    """What a person has said of pictures of an answer."""

    def __init__(self, query: str, said: Mapping[int, bool]) -> None:
        super().__init__()
        self.query = query
        self.said = said


class LabelsKept(Message, bubble=False):
    """A judgement was kept or taken back, and the calibrations follow it."""

    def __init__(self, state: LabelSummary) -> None:
        super().__init__()
        self.state = state


class LabelsFailed(Message, bubble=False):
    """Nothing can be judged, or a judgement was not kept."""

    def __init__(self, error: T2IError) -> None:
        super().__init__()
        self.error = error


class LabelActions(EarlyLoading):
    """Takes y and n on one picture after the other."""

    judge_line = getters.query_one(JudgeLine)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._said: dict[int, bool] = {}
        """What a person said of pictures, by id, for the description on the screen."""
        self._judged_text = ""
        """The description that is judged; empty while nobody judges."""
        self._judged_encoder = ""
        self._judgements: list[Judgement] = []
        self._has_changed = False
        """A label was kept since the answer on the screen was computed."""
        self._pending = 0
        """Labels on their way into the cache."""
        self._asks_when_kept = False
        """The last of them leads to a new answer."""

    @abstractmethod
    def ask_again(self) -> None:
        """Ask what is on the screen once more."""

    @property
    def is_judging(self) -> bool:
        """y and n are about the selected picture."""
        return bool(self._judged_text)

    # What was said before

    def show_labels(self, listing: Listing) -> None:
        """Show what was said of the pictures of a new answer; judging it has to begin anew."""
        self._stop_judging()
        self._said = {}
        self.results.show_said(self._said)
        receipt = listing.result.receipt
        self._read_labels(receipt.query, receipt.encoder)

    @work(exclusive=True, group="labels")
    async def _read_labels(self, query: str, encoder_id: str) -> None:
        engine = self.session.engine
        if engine is None:
            return
        try:
            said = await engine.searcher.labels.said_for(query, encoder_id=encoder_id)
        except CacheError:
            return  # The answer is there without them.
        self.post_message(LabelsRead(query, said))

    @on(LabelsRead)
    def take_labels(self, message: LabelsRead) -> None:
        listing = self.results.listing
        if listing is not None and listing.result.receipt.query == message.query:
            self._said = {**message.said, **self._said}
            self.results.show_said(self._said)

    # Judging

    def action_start_judging(self) -> None:
        """Have y and n say of one picture after the other whether the description fits."""
        listing, selected = self.results.listing, self.results.grid.selected
        if listing is not None and selected is not None:
            receipt = listing.result.receipt
            self._begin_judging(receipt.query, receipt.encoder, listing.picture_id(selected))

    @work(exclusive=True, group="labels")
    async def _begin_judging(self, query: str, encoder_id: str, picture_id: int) -> None:
        engine = self.session.engine
        if engine is None:
            return
        labels = engine.searcher.labels
        try:
            case = await labels.resolve(query, picture_id, encoder_id=encoder_id, offline=True)
            said = await labels.said_for(query, encoder_id=encoder_id)
            state = await labels.state(encoder_id)
        except T2IError as error:
            self.post_message(LabelsFailed(error))
        else:
            self.post_message(LabelsRead(query, said))
            self.post_message(JudgingBegun(case.texts[0], encoder_id, state))

    @on(JudgingBegun)
    def begin_judging(self, message: JudgingBegun) -> None:
        self._judged_text, self._judged_encoder = message.text, message.encoder_id
        self._judgements = []
        self.judge_line.show(message.text, message.state)
        self.results.grid.focus()
        self.refresh_bindings()

    def action_judge(self, fits: bool) -> None:
        """Say whether the selected picture fits, and go to the next."""
        listing, grid = self.results.listing, self.results.grid
        if listing is None or grid.selected is None:
            return
        picture_id = listing.picture_id(grid.selected)
        content = self.selected_picture()
        is_known = content is not None and content.shown.picture_id == picture_id
        self._judgements.append(
            Judgement(
                picture_id=picture_id,
                path=content.shown.path if content is not None and is_known else "",
                fits=fits,
                before=self._said.get(picture_id),
                position=grid.position,
            )
        )
        self._say(picture_id, fits)
        grid.action_move(1)

    def action_unjudge(self) -> None:
        """Take the last judgement back and go to its picture."""
        if not self._judgements:
            self.notify("Nothing was judged since l was pressed.")
            return
        last = self._judgements.pop()
        self._say(last.picture_id, last.before)
        self.results.grid.select(last.position)

    def _say(self, picture_id: int, fits: bool | None) -> None:
        if fits is None:
            self._said.pop(picture_id, None)
        else:
            self._said[picture_id] = fits
        self._has_changed = True
        self._pending += 1
        self.results.show_said(self._said)
        self._keep_label(self._judged_text, self._judged_encoder, picture_id, fits)

    @work(group="keep-label")
    async def _keep_label(
        self, text: str, encoder_id: str, picture_id: int, fits: bool | None
    ) -> None:
        engine = self.session.engine
        if engine is None:
            return
        labels = engine.searcher.labels
        try:
            if fits is None:
                state = await labels.drop(text, picture_id, encoder_id=encoder_id)
            else:
                state = await labels.put(text, picture_id, fits=fits, encoder_id=encoder_id)
        except T2IError as error:
            self.post_message(LabelsFailed(error))
        else:
            self.post_message(LabelsKept(state))

    @on(LabelsKept)
    def show_kept(self, message: LabelsKept) -> None:
        self._settle_label()
        if self.is_judging and message.state.encoder_id == self._judged_encoder:
            self.judge_line.show(self._judged_text, message.state)

    @on(LabelsFailed)
    def tell_failure(self, message: LabelsFailed) -> None:
        self._settle_label()
        self.session.report_error("Labels", message.error)

    def _settle_label(self) -> None:
        self._pending = max(0, self._pending - 1)
        if self._asks_when_kept and not self._pending:
            self._asks_when_kept = False
            self.ask_again()

    def end_judging(self) -> None:
        """Leave off; where labels changed something the answer is computed with them."""
        changed = self._has_changed
        self._stop_judging()
        if changed and self._pending:
            self._asks_when_kept = True
        elif changed:
            self.ask_again()

    def _stop_judging(self) -> None:
        if self.is_judging:
            self._judged_text = ""
            self.judge_line.clear()
            self.refresh_bindings()
        self._has_changed = False

    # Beside

    def action_copy_label(self) -> None:
        """Copy the command of the last judgement, or the one that lists them."""
        home, encoder_id = self.session.home, self._judged_encoder
        command = twins.labels_command(home, encoder_id)
        if self._judgements and self._judgements[-1].path:
            last = self._judgements[-1]
            command = twins.label_command(
                home, self._judged_text, last.path, encoder_id, fits=last.fits
            )
        self.copy(command, "Command copied")

    @work(group="forget-labels")
    async def action_forget_labels(self) -> None:
        """Take back every label about this encoder's match, if the person is sure."""
        engine, encoder_id = self.session.engine, self._judged_encoder
        if engine is None:
            return
        labels = engine.searcher.labels
        try:
            count = (await labels.state(encoder_id)).count
            question = Confirm(
                f"Forget what you said of {counted(count, 'picture')}?",
                f"All labels of {encoder_id} go, for every description, and match is as it was.",
                go="Forget (enter)",
                command=twins.forget_labels_command(self.session.home, encoder_id),
            )
            if not await self.app.push_screen_wait(question):
                return
            await labels.forget(encoder_id)
        except T2IError as error:
            self.post_message(LabelsFailed(error))
        else:
            self.call_later(self._forget_shown)

    def _forget_shown(self) -> None:
        self._said = {}
        self.results.show_said(self._said)
        self._has_changed = True
        self.end_judging()
