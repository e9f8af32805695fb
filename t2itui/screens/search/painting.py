"""What the Search screen does about a query that nothing passes: it has it painted."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.message import Message

from engine.errors import RequestError, T2IError
from engine.events import (
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    PictureScored,
)
from engine.states import JobState, Route, Synthetic
from t2itui.screens.search.lines import OfferLine
from t2itui.screens.search.storybook import StorybookActions
from t2itui.session import EditRecipe
from t2itui.text.words import duration_words

if TYPE_CHECKING:
    from engine.generation.request import GenerateRequest
    from engine.results import Receipt
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session


class Painting(Message, bubble=False):
    """A job paints for a query."""

    def __init__(self, job_id: int, query: str) -> None:
        super().__init__()
        self.job_id = job_id
        self.query = query


class Refused(Message, bubble=False):
    """Nothing can be painted."""

    def __init__(self, error: T2IError) -> None:
        super().__init__()
        self.error = error


class PaintingActions(StorybookActions):
    """Offers to paint, has it painted, and shows the picture in the answer once it is there."""

    offer_line = getters.query_one(OfferLine)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._jobs: dict[int, str] = {}
        """The query that each job paints for."""
        self._scored: dict[int, PictureScored] = {}
        """The best picture of each of these jobs."""
        self._awaits_paint = False
        """The person has asked a query; its answer may start a painting by itself."""
        self._reveal: int | None = None
        """The job whose picture the next answer is to show."""

    @abstractmethod
    def ask_again(self) -> None:
        """Ask what is on the screen once more."""

    # Offering

    def offer_painting(self, listing: Listing) -> None:
        """Offer to paint, or begin, where the answer's route says so."""
        asked, self._awaits_paint = self._awaits_paint, False
        if self._show_revealed(listing):
            return
        job_id = self._job_of(listing.result.receipt.query)
        if job_id is not None:
            self.offer_line.show_painting(job_id)
        elif not self._lacks(listing) or self.session.settings.generate == "never":
            self.offer_line.clear()
        elif self.session.settings.generate == "now" and asked:
            self.action_paint()
        else:
            self.offer_line.offer(self.session.prompts[0])
        self.refresh_bindings()

    def _lacks(self, listing: Listing) -> bool:
        """Nothing passes, it can be painted, and the person has not said no."""
        said_no = listing.result.receipt.override == Route.RETRIEVE
        return (
            listing.routing.route == Route.GENERATE
            and not said_no
            and bool(self.session.prompts[0])
        )

    def _job_of(self, query: str) -> int | None:
        """The job that paints for a query at the moment."""
        for job_id, asked in self._jobs.items():
            view = self.session.board.find(job_id)
            if asked == query and view is not None and view.is_active:
                return job_id
        return None

    # Painting

    def action_paint(self) -> None:
        """Paint what the query says, with the generator's own defaults."""
        listing = self.results.listing
        if listing is not None:
            self._paint(listing, None)

    def take_another_seed(self) -> bool:
        """Paint what was painted for this query with another seed; False where nothing was."""
        jobs = [job_id for job_id, asked in self._jobs.items() if asked == self._query]
        if not jobs or self._job_of(self._query) is not None:
            return False
        self._paint_another(jobs[-1], self._query)
        return True

    @work(group="paint")
    async def _paint_another(self, job_id: int, query: str) -> None:
        engine = self.session.engine
        if engine is None:
            return
        try:
            job = await engine.generation.again(
                job_id, new_seed=True, preview=self.session.settings.previews
            )
        except T2IError as error:
            self.post_message(Refused(error))
        else:
            self.post_message(Painting(job.id, query))

    def take_request(self, request: GenerateRequest) -> bool:
        """Paint as a person chose for the decision on the screen, if the request is about that."""
        listing, prompt = self.results.listing, self.session.prompts[0]
        if listing is None or not prompt or request.prompt != prompt:
            return False
        self._paint(listing, request)
        return True

    @work(group="paint")
    async def _paint(self, listing: Listing, request: GenerateRequest | None) -> None:
        engine = self.session.engine
        if engine is None:
            return
        try:
            receipt = await self._kept(listing)
            request = request or engine.request_for(receipt)
            request = replace(request, preview=self.session.settings.previews)
            job = await engine.generate(request, receipt=receipt)
        except T2IError as error:
            self.post_message(Refused(error))
        else:
            self.post_message(Painting(job.id, receipt.query))

    async def _kept(self, listing: Listing) -> Receipt:
        """The receipt of the decision as it stands; examples and moved thresholds get theirs."""
        engine, receipt = self.session.engine, listing.result.receipt
        if engine is None or listing.is_stored:
            return receipt
        try:
            result = await engine.searcher.record(
                listing.result,
                threshold=listing.threshold,
                scorer=listing.scorer,
                top=self.session.settings.top,
            )
        except RequestError:
            return receipt  # Too old to be routed anew: the decision as it was made.
        return result.receipt

    @on(Painting)
    def follow_painting(self, message: Painting) -> None:
        self._jobs[message.job_id] = message.query
        view = self.session.board.find(message.job_id)
        if view is not None and not view.is_active:
            self._follow_end(message.job_id, view.state, view.message)
        elif message.query == self._query:
            self.offer_line.show_painting(message.job_id)
        self.refresh_bindings()

    @on(Refused)
    def show_refusal(self, message: Refused) -> None:
        self.offer_line.show_problem(message.error.message, message.error.hint)
        self.refresh_bindings()

    @property
    def _query(self) -> str:
        """The query of the answer on the screen."""
        listing = self.results.listing
        return "" if listing is None else listing.result.receipt.query

    def follow_painting_job(self, event: JobEvent) -> None:
        """Keep the line in step with a job, and search again once its picture can be found."""
        match event:
            case PictureScored():
                best = self._scored.get(event.job_id)
                if best is None or event.score.match > best.score.match:
                    self._scored[event.job_id] = event
            case JobFinished():
                self._follow_end(event.job_id, JobState.DONE, event.message)
            case JobFailed():
                self._follow_end(event.job_id, JobState.FAILED, event.message)
            case JobCancelled():
                words = f"cancelled in {duration_words(event.seconds)}"
                self._follow_end(event.job_id, JobState.CANCELLED, words)
            case _:
                pass

    def _follow_end(self, job_id: int, state: JobState, message: str) -> None:
        if self._jobs.get(job_id) != self._query:
            return
        if state is JobState.DONE:
            self._reveal = job_id
            self.ask_again()
        else:
            view = self.session.board.find(job_id)
            is_rejected = view is not None and bool(view.generation.rejected)
            self.offer_line.show_ended(job_id, message, is_rejected=is_rejected)

    def _show_revealed(self, listing: Listing) -> bool:
        """Select the painted picture where the answer has it."""
        job_id, self._reveal = self._reveal, None
        scored = None if job_id is None else self._scored.get(job_id)
        if job_id is None or scored is None or self._jobs[job_id] != self._query:
            return False
        index = listing.index_of(scored.picture.picture_id)
        position = None if index is None else listing.position(index)
        if index is None or position is None:
            return False
        self.results.grid.select(position)
        view = self.session.board.find(job_id)
        self.offer_line.show_painted(
            job_id,
            rank=listing.rank(index, listing.scorer),
            total=len(listing),
            match=float(listing.scores.match[index]),
            passes=listing.passes(index),
            new=view is None or not all(each.cached for each in view.generation.pictures),
        )
        return True

    # Deciding otherwise

    def action_decline(self) -> None:
        """Have nothing painted for this decision."""
        listing = self.results.listing
        if listing is not None:
            self.offer_line.clear()
            self.refresh_bindings()
            self._decline(listing)

    @work(group="paint")
    async def _decline(self, listing: Listing) -> None:
        engine = self.session.engine
        if engine is not None:
            await engine.generation.decline(await self._kept(listing))

    def action_synthetic(self) -> None:
        """Let painted pictures take part, leave them out, or show them alone."""
        at = tuple(Synthetic).index(self.filters.synthetic)
        chosen = tuple(Synthetic)[(at + 1) % len(tuple(Synthetic))]
        self.session.remember(synthetic=chosen)
        self.take_filters(replace(self.filters, synthetic=chosen))

    def action_recipe(self) -> None:
        """Read how the selected picture was painted into the form."""
        content = self.selected_picture()
        if content is not None:
            self.session.send(EditRecipe(content.shown.picture_id))
