"""A query that nothing passes is offered for generation; the picture joins its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from engine.errors import RequestError, T2IError
from engine.events import JobCancelled, JobEvent, JobFailed, JobFinished, PictureScored
from engine.states import GenerateMode, JobState, Route
from t2itui.screens.search.decision import record
from t2itui.session import TaskHost
from t2itui.text.words import duration_words

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.generation.request import GenerateRequest
    from engine.results import Receipt
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session


class JoinedResults(Protocol):
    """The answer that a picture may join."""

    listing: Listing | None

    def select(self, position: int) -> None:
        """Select a picture of it."""


class GenerationLineView(Protocol):
    """The line in which generation is offered and followed."""

    is_asking: bool
    """The person is asked whether to generate."""

    def ask(self, prompt: str, notice: str = "") -> None:
        """Ask whether to generate, with what should be known before."""

    def show_job(self, job_id: int) -> None:
        """Say that a job is at it."""

    def show_generated(
        self,
        job_id: int,
        *,
        rank: int,
        total: int,
        match: float,
        passes: bool,
        new: bool,
        notice: str = "",
    ) -> None:
        """Say where in the answer the picture is, and what was guessed."""

    def show_ended(self, job_id: int, words: str, *, is_rejected: bool) -> None:
        """Say that nothing came of it."""

    def show_problem(self, message: str, hint: str) -> None:
        """Say why nothing can be generated."""

    def clear(self) -> None:
        """Say nothing."""


class QueryGenerationController:
    """Offers to generate, has it done, and shows the picture in the answer once it is there."""

    def __init__(
        self,
        session: Session,
        host: TaskHost,
        results: JoinedResults,
        line: GenerationLineView,
        ask_again: Callable[[], object],
    ) -> None:
        self._session = session
        self._host = host
        self._results = results
        self._line = line
        self._ask_again = ask_again
        self._jobs: dict[int, str] = {}
        """The query that each job generates for."""
        self._scored: dict[int, PictureScored] = {}
        """The best picture of each of these jobs."""
        self._notices: dict[str, str] = {}
        """What should be known before a prompt is generated; see `Generation.notice`."""
        self._is_asked = False
        """A person has asked the query that is being answered; generation may start by itself."""
        self._revealed: int | None = None
        """The job whose picture the next answer is to show."""

    # Offering

    def expect_answer(self) -> None:
        """A person asked a query: its answer may start a job where the settings say so."""
        self._is_asked = True

    def follow(self, listing: Listing) -> None:
        """Offer to generate, or begin, where the answer's route says so."""
        is_asked, self._is_asked = self._is_asked, False
        if self._reveal(listing):
            return
        job_id, mode = self._active_job(self._query), self._session.settings.generate
        if job_id is not None:
            self._line.show_job(job_id)
        elif not self._is_wanting(listing) or mode == GenerateMode.NEVER:
            self._line.clear()
        elif mode == GenerateMode.NOW and is_asked:
            self.generate()
        else:
            self._ask(self._session.prompts[0])

    def _ask(self, prompt: str) -> None:
        """Ask whether to generate; what the generator never met is told as soon as it is known."""
        self._line.ask(prompt, self._notices.get(prompt, ""))
        if prompt not in self._notices:
            self._host.run_beside(partial(self._find_notice, prompt), group="notice")

    async def _find_notice(self, prompt: str) -> None:
        from engine.generation.request import GenerateRequest

        engine = self._session.engine
        if engine is None:
            return
        request = GenerateRequest(prompt=prompt)
        notice = await engine.generation.notice(request, self._session.collection)
        self._notices[prompt] = notice
        if notice and self._line.is_asking and prompt == self._session.prompts[0]:
            self._host.call_later(self._line.ask, prompt, notice)

    def _is_wanting(self, listing: Listing) -> bool:
        """Nothing passes, it can be generated, and the person has not said no."""
        is_declined = listing.result.receipt.override == Route.RETRIEVE
        is_routed = listing.routing.route == Route.GENERATE
        return is_routed and not is_declined and bool(self._session.prompts[0])

    @property
    def _query(self) -> str:
        """The query of the answer on the screen."""
        listing = self._results.listing
        return "" if listing is None else listing.result.receipt.query

    def _active_job(self, query: str) -> int | None:
        """The job that generates for a query at the moment."""
        for job_id, asked in self._jobs.items():
            view = self._session.board.find(job_id)
            if asked == query and view is not None and view.is_active:
                return job_id
        return None

    # Generating

    def generate(self, request: GenerateRequest | None = None) -> None:
        """Generate for the decision on the screen: as asked, or what the query says by default."""
        listing = self._results.listing
        if listing is not None:
            self._host.run_beside(partial(self._start, listing, request), group="generate")

    def take_request(self, request: GenerateRequest) -> bool:
        """Generate what the form asks for if it is about the decision on the screen."""
        prompt = self._session.prompts[0]
        if self._results.listing is None or not prompt or request.prompt != prompt:
            return False
        self.generate(request)
        return True

    def take_another_seed(self) -> bool:
        """Repeat what was generated for this query with another seed; False where nothing was."""
        query = self._query
        jobs = [job_id for job_id, asked in self._jobs.items() if asked == query]
        if not jobs or self._active_job(query) is not None:
            return False
        self._host.run_beside(partial(self._repeat, jobs[-1], query), group="generate")
        return True

    async def _start(self, listing: Listing, request: GenerateRequest | None) -> None:
        engine = self._session.engine
        if engine is None:
            return
        try:
            receipt = await self._recorded(engine, listing)
            request = request or engine.request_for(receipt)
            request = replace(request, preview=self._session.settings.previews)
            job = await engine.generate(request, receipt=receipt)
        except T2IError as error:
            self._host.call_later(self._line.show_problem, error.message, error.hint)
        else:
            self._host.call_later(self._follow_job, job.id, receipt.query)

    async def _repeat(self, job_id: int, query: str) -> None:
        engine = self._session.engine
        if engine is None:
            return
        previews = self._session.settings.previews
        try:
            job = await engine.generation.again(job_id, new_seed=True, preview=previews)
        except T2IError as error:
            self._host.call_later(self._line.show_problem, error.message, error.hint)
        else:
            self._host.call_later(self._follow_job, job.id, query)

    async def _recorded(self, engine: Engine, listing: Listing) -> Receipt:
        """The receipt of the decision as it stands; examples and moved thresholds get theirs."""
        if listing.is_stored:
            return listing.result.receipt
        try:
            result = await record(engine, listing, top=self._session.settings.top)
        except RequestError:
            return listing.result.receipt  # Too old to be routed anew: as it was decided.
        return result.receipt

    def decline(self) -> None:
        """Have nothing generated for this decision."""
        listing = self._results.listing
        if listing is not None:
            self._line.clear()
            self._host.run_beside(partial(self._decline, listing), group="generate")

    async def _decline(self, listing: Listing) -> None:
        engine = self._session.engine
        if engine is not None:
            await engine.generation.decline(await self._recorded(engine, listing))

    # Following

    def _follow_job(self, job_id: int, query: str) -> None:
        self._jobs[job_id] = query
        view = self._session.board.find(job_id)
        if view is not None and not view.is_active:
            self._follow_end(job_id, view.state, view.message)
        elif query == self._query:
            self._line.show_job(job_id)

    def follow_event(self, event: JobEvent) -> None:
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
            self._revealed = job_id
            self._ask_again()
        else:
            view = self._session.board.find(job_id)
            is_rejected = view is not None and bool(view.generation.rejected)
            self._line.show_ended(job_id, message, is_rejected=is_rejected)

    def _reveal(self, listing: Listing) -> bool:
        """Select the generated picture where the answer has it."""
        job_id, self._revealed = self._revealed, None
        scored = None if job_id is None else self._scored.get(job_id)
        if job_id is None or scored is None or self._jobs[job_id] != self._query:
            return False
        index = listing.index_of(scored.picture.picture_id)
        position = None if index is None else listing.position(index)
        if index is None or position is None:
            return False
        self._results.select(position)
        view = self._session.board.find(job_id)
        self._line.show_generated(
            job_id,
            rank=listing.rank(index, listing.scorer),
            total=len(listing),
            match=float(listing.scores.match[index]),
            passes=listing.passes(index),
            new=view is None or not all(each.cached for each in view.generation.pictures),
            notice=self._notices.get(self._session.prompts[0], ""),
        )
        return True
