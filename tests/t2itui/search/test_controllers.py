"""The controllers of the Search screen, with made-up widgets and no terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from engine.engine import Engine
from engine.errors import CacheError, EngineError, RequestError, T2IError
from engine.events import (
    GeneratedPicture,
    JobCancelled,
    JobFinished,
    JobQueued,
    LibraryChanged,
    PictureScored,
    PromptScore,
)
from engine.generation.request import GenerateRequest
from engine.requests import Filters
from engine.results import LibraryCounts, Receipt, SearchResult
from engine.search.labels import LabelSummary
from engine.states import JobKind, ZeroState
from t2itui.graphics.capability import Graphics
from t2itui.screens.search.asking import MEASURED, AskingController, EarlyLoader
from t2itui.screens.search.card import CardContent
from t2itui.screens.search.collection import (
    CHANGED,
    ONLY_BUILT_IN,
    OWN_PICTURES,
    CollectionController,
)
from t2itui.screens.search.decision import REST_S, DecisionController
from t2itui.screens.search.generation import QueryGenerationController
from t2itui.screens.search.labels import LabelController
from t2itui.screens.search.listing import Listing
from t2itui.screens.search.pictures import PictureController
from t2itui.session import ComparePictures, Intent, Notice, Session
from t2itui.settings import AppSettings
from tests.t2itui.fake_host import FakeHost
from tests.t2itui.fakes import FakeEngine, made_up_scores


def listing_of(query: str, *, passing: int = 7, threshold: float = 0.5) -> Listing:
    """An answer over sixty pictures."""
    searcher = FakeEngine(60, passing=passing).searcher
    receipt = searcher._receipt(query, threshold, "match")
    result = SearchResult(
        receipt=receipt, rows=(), cached=True, seconds=0.0, scores=searcher.scores
    )
    return Listing.of(result, hide_below=False)


@dataclass
class FakeResults:
    """An answer with a selected picture, and what is shown of it."""

    listing: Listing | None = None
    position: int = 0
    content: CardContent | None = None
    receipts: list[Receipt | None] = field(default_factory=list)
    labels: dict[int, bool] = field(default_factory=dict)
    marked: frozenset[int] = frozenset()

    @property
    def selected(self) -> int | None:
        return None if self.listing is None else int(self.listing.shown[self.position])

    @property
    def picture_id(self) -> int:
        assert self.listing is not None and self.selected is not None
        return self.listing.picture_id(self.selected)

    def select(self, position: int) -> None:
        self.position = position

    def show_receipt(self, receipt: Receipt | None) -> None:
        self.receipts.append(receipt)

    def show_labels(self, labels: Mapping[int, bool]) -> None:
        self.labels = dict(labels)

    def show_selection(self, picture_ids: frozenset[int]) -> None:
        self.marked = picture_ids


@dataclass
class FakeScreen(FakeHost):
    """What the controllers do to the Search screen, in words."""

    said: list[str] = field(default_factory=list)
    answers: list[Listing] = field(default_factory=list)
    is_waiting: bool = False
    shows_answer: bool = False

    @property
    def has_answer(self) -> bool:
        return bool(self.answers)

    def show_query(self, query: str) -> None:
        self.said.append(f"query {query}")

    def show_asked(self) -> None:
        self.is_waiting = True

    def show_answer(self, listing: Listing) -> None:
        self.is_waiting = False
        self.answers.append(listing)

    def show_error(self, error: T2IError) -> None:
        self.is_waiting = False
        self.said.append(f"error {error.message}")

    def load_queries(self, queries: list[str]) -> None:
        self.said.append(f"past {len(queries)}")

    def show_greeting(self, pictures: int, queries: list[str]) -> None:
        self.said.append(f"greeting {pictures}")

    def show_first_start(self) -> None:
        self.said.append("first start")

    def suggest_refresh(self, words: str) -> bool:
        if self.shows_answer:
            self.said.append(words)
        return self.shows_answer

    def follow_library(self) -> None:
        """Nothing to redraw."""

    def follow_labelling(self) -> None:
        self.said.append("labelling")

    def ask_again(self) -> None:
        self.said.append("again")

    def search_for(self, query: str) -> None:
        self.said.append(f"search {query}")

    def copy(self, text: str, title: str) -> None:
        self.said.append(f"copied {text}")


@dataclass
class FakeStrip:
    """Two suggestions."""

    is_open: bool = False
    current: int = -1

    def open(self, pictures: int) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def first(self) -> str:
        self.current = 0
        return "suggestion 0"

    def next(self) -> str:
        self.current += 1
        return f"suggestion {self.current}"


class Desk:
    """A session over a made-up engine, with a screen of the controllers."""

    def __init__(
        self, engine: FakeEngine | None = None, settings: AppSettings | None = None
    ) -> None:
        self.engine = engine or FakeEngine(60)
        graphics = Graphics(protocol="text", reason="a test")
        self.session = Session(graphics=graphics, settings=settings, clock=lambda: 0.0)
        self.screen = FakeScreen()
        self.results = FakeResults()
        self.intents: list[Intent] = []
        self.notices: list[Notice] = []
        self.session.intents.subscribe(self.intents.append)
        self.session.notices.subscribe(self.notices.append)

    def open(self) -> Desk:
        self.session.open(cast(Engine, self.engine))
        return self


@pytest.fixture
def desk() -> Desk:
    return Desk().open()


# Asking


async def test_a_query_is_answered_with_the_settings_and_filters_of_the_moment() -> None:
    desk = Desk(settings=AppSettings(threshold=0.7, top=5)).open()
    asking = AskingController(desk.session, desk.screen)
    asking.filters = Filters(min_side=200)
    asking.search("a dog")
    assert desk.screen.is_waiting
    await desk.screen.run()
    assert not desk.screen.is_waiting
    (request,) = desk.engine.searcher.asked
    assert (request.query, request.threshold, request.top) == ("a dog", 0.7, 5)
    assert request.filters == Filters(min_side=200)
    assert desk.session.query == "a dog"


async def test_a_newer_query_takes_the_place_of_one_that_is_not_answered(desk: Desk) -> None:
    asking = AskingController(desk.session, desk.screen)
    asking.search("a dog")
    asking.search("a cat")
    await desk.screen.run()
    assert [request.query for request in desk.engine.searcher.asked] == ["a cat"]


async def test_what_is_asked_before_the_engine_is_there_is_answered_later() -> None:
    desk = Desk()
    asking = AskingController(desk.session, desk.screen)
    assert not asking.resume()
    asking.search("a dog")
    assert desk.screen.waiting == []
    desk.open()
    assert asking.resume()
    await desk.screen.run()
    assert len(desk.screen.answers) == 1


async def test_an_error_is_shown_in_place_of_the_answer(desk: Desk) -> None:
    desk.engine.searcher.error = EngineError("no encoder")
    asking = AskingController(desk.session, desk.screen)
    asking.search("a dog")
    await desk.screen.run()
    assert desk.screen.said[-1] == "error no encoder"
    assert desk.session.query == ""


async def test_asking_again_keeps_the_threshold_and_scorer_of_the_answer(desk: Desk) -> None:
    asking = AskingController(desk.session, desk.screen)
    asking.search("a dog")
    await desk.screen.run()
    listing = desk.screen.answers[0]
    listing.threshold, listing.scorer = 0.8, "cosine"
    asking.repeat(listing)
    asking.repeat()
    await desk.screen.run()
    last = desk.engine.searcher.asked[-1]
    assert (last.query, last.threshold, last.scorer) == ("a dog", 0.8, "cosine")


@pytest.mark.parametrize(
    ("passing", "said"),
    [
        (0, f"{MEASURED}, and by that no picture answers: r decides anew"),
        (3, f"{MEASURED}, and by that 3 pictures pass: r decides anew"),
        (7, ""),
    ],
)
async def test_once_chance_is_measured_another_decision_is_said_and_the_answer_stays(
    desk: Desk, passing: int, said: str
) -> None:
    desk.screen.shows_answer = True
    desk.engine.searcher.zero = ZeroState.QUICK
    asking = AskingController(desk.session, desk.screen)
    asking.follow_measuring()
    asking.search("a dog")
    await desk.screen.run()
    (answer,), before = desk.screen.answers, len(desk.screen.said)
    assert answer.passed == 7
    desk.engine.searcher.scores = made_up_scores(600, passing=passing)
    # Still no more than a sample, of another library perhaps.
    desk.engine.searcher.zeros.measured()
    await desk.screen.run()
    assert desk.screen.said[before:] == []
    desk.engine.searcher.zero = ZeroState.CURRENT
    desk.engine.searcher.zeros.measured()
    await desk.screen.run()
    assert desk.screen.said[before:] == ([said] if said else [])
    assert desk.screen.answers == [answer]


async def test_an_answer_by_the_library_as_it_is_needs_no_second_look(desk: Desk) -> None:
    desk.engine.searcher.zero = ZeroState.CURRENT
    asking = AskingController(desk.session, desk.screen)
    asking.follow_measuring()
    desk.engine.searcher.zeros.measured()
    asking.search("a dog")
    await desk.screen.run()
    desk.engine.searcher.zeros.measured()
    await desk.screen.run()
    assert len(desk.engine.searcher.asked) == 1


async def test_likeness_is_asked_of_a_picture(desk: Desk) -> None:
    asking = AskingController(desk.session, desk.screen)
    asking.like(3)
    assert desk.screen.waiting == [], "nothing was asked before"
    asking.search("a dog")
    asking.like(3)
    await desk.screen.run()
    assert desk.engine.searcher.liked == [3]


async def test_other_filters_ask_at_once_what_was_asked(desk: Desk) -> None:
    asking = AskingController(desk.session, desk.screen)
    assert not asking.ask_among(Filters(min_side=1))
    asking.search("a dog")
    assert asking.ask_among(Filters(min_side=2))
    await desk.screen.run()
    assert [each.filters.min_side for each in desk.engine.searcher.asked] == [2]
    assert "--min-side 3" in asking.command(Filters(min_side=3), None)


async def test_the_model_is_loaded_once_for_each_new_query(desk: Desk) -> None:
    early = EarlyLoader(desk.session, desk.screen)
    early.follow_typing("a", Filters(), is_new=False)
    assert desk.screen.waiting == []
    early.follow_typing("a dog", Filters(), is_new=True)
    early.follow_typing("a dog runs", Filters(), is_new=True)
    await desk.screen.run()
    early.stop()
    early.follow_typing("snow", Filters(), is_new=True)
    early.follow_typing(" ", Filters(), is_new=True)
    early.follow_typing("ice", Filters(), is_new=True)
    await desk.screen.run()
    assert desk.engine.searcher.warmed == ["a dog", "ice"]


# The decision


class FakeRoute:
    """Counts what is said."""

    def __init__(self) -> None:
        self.said = 0

    def show_decision(self, listing: Listing) -> None:
        self.said += 1


async def test_a_threshold_that_rests_gets_its_receipt(desk: Desk) -> None:
    route = FakeRoute()
    decision = DecisionController(desk.session, desk.screen, desk.results, route)
    listing = desk.results.listing = listing_of("a dog")
    listing.threshold = 0.6
    decision.follow_change(listing)
    listing.threshold = 0.7
    decision.follow_change(listing)
    assert [timer.seconds for timer in desk.screen.timers] == [REST_S] * 2
    for timer in desk.screen.timers:
        timer.end()
    await desk.screen.run()
    assert desk.engine.searcher.recorded == [(0.7, "match")]
    assert desk.session.settings.threshold == 0.7
    assert route.said == 2
    assert desk.results.receipts[:2] == [None, None]
    assert desk.results.receipts[2] is listing.result.receipt


async def test_no_receipt_is_kept_once_another_answer_is_on_its_way(desk: Desk) -> None:
    decision = DecisionController(desk.session, desk.screen, desk.results, FakeRoute())
    listing = desk.results.listing = listing_of("a dog")
    decision.follow_change(listing)
    decision.stop_resting()
    desk.screen.timers[0].end()
    await desk.screen.run()
    assert desk.engine.searcher.recorded == []


# Labels


@dataclass
class FakeLabels:
    """Keeps labels, or refuses them."""

    kept: dict[int, bool] = field(default_factory=dict)
    error: RequestError | None = None

    async def said_for(self, query: str, *, encoder_id: str) -> dict[int, bool]:
        return dict(self.kept)

    async def resolve(
        self, query: str, picture_id: int, *, encoder_id: str, offline: bool
    ) -> ResolvedText:
        if self.error is not None:
            raise self.error
        return ResolvedText((query,))

    async def state(self, encoder_id: str) -> LabelSummary:
        fitting = sum(self.kept.values())
        return LabelSummary(
            encoder_id=encoder_id,
            fitting=fitting,
            not_fitting=len(self.kept) - fitting,
            calibrations=(),
        )

    async def put(self, text: str, picture_id: int, *, fits: bool, encoder_id: str) -> LabelSummary:
        self.kept[picture_id] = fits
        return await self.state(encoder_id)

    async def drop(self, text: str, picture_id: int, *, encoder_id: str) -> LabelSummary:
        del self.kept[picture_id]
        return await self.state(encoder_id)


@dataclass
class ResolvedText:
    """What labelling needs of a resolved query."""

    texts: tuple[str, ...]


@dataclass
class FakeLabelLine:
    """The line as it stands."""

    text: str = ""
    count: int = -1

    def show(self, text: str, state: LabelSummary | None) -> None:
        self.text, self.count = text, -1 if state is None else state.count

    def clear(self) -> None:
        self.text, self.count = "", -1


class Labelling:
    """A controller whose answer can be labelled."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.line, self.kept = desk, FakeLabelLine(), FakeLabels()
        vars(desk.engine.searcher)["labels"] = self.kept
        self.controller = LabelController(desk.session, desk.screen, desk.results, self.line)
        self.listing = desk.results.listing = listing_of("a dog")

    async def start(self) -> LabelController:
        self.controller.show_answer(self.listing)
        self.controller.start()
        await self.desk.screen.run()
        return self.controller


async def test_labels_go_from_picture_to_picture_and_are_undone(desk: Desk) -> None:
    labelling = Labelling(desk)
    controller = await labelling.start()
    assert controller.is_labelling
    first = desk.results.picture_id
    controller.give(fits=True)
    second = desk.results.picture_id
    controller.give(fits=False)
    await desk.screen.run()
    assert labelling.kept.kept == desk.results.labels == {first: True, second: False}
    assert (desk.results.position, labelling.line.count) == (2, 2)
    controller.undo()
    await desk.screen.run()
    assert labelling.kept.kept == {first: True}
    assert desk.results.position == 1
    controller.undo()
    controller.undo()
    await desk.screen.run()
    assert labelling.kept.kept == {}
    assert [notice.message for notice in desk.notices] == [
        "Nothing was labelled since l was pressed."
    ]


async def test_the_answer_is_computed_anew_once_the_last_label_is_kept(desk: Desk) -> None:
    controller = await Labelling(desk).start()
    controller.give(fits=True)
    controller.end()
    assert not controller.is_labelling
    assert "again" not in desk.screen.said, "the label is not kept yet"
    await desk.screen.run()
    assert desk.screen.said.count("again") == 1


async def test_labelling_without_a_label_leaves_the_answer_alone(desk: Desk) -> None:
    controller = await Labelling(desk).start()
    controller.end()
    await desk.screen.run()
    assert "again" not in desk.screen.said


async def test_what_cannot_be_labelled_is_said(desk: Desk) -> None:
    labelling = Labelling(desk)
    labelling.kept.error = RequestError("not a plain description")
    controller = await labelling.start()
    assert not controller.is_labelling
    assert [notice.title for notice in desk.notices] == ["Labels"]


async def test_earlier_labels_are_shown_beside_their_pictures_alone(desk: Desk) -> None:
    labelling = Labelling(desk)
    labelling.kept.kept = {4: True}
    labelling.controller.show_answer(labelling.listing)
    desk.results.listing = listing_of("a cat")
    await desk.screen.run()
    assert desk.results.labels == {}, "another answer is there by now"
    labelling.controller.show_answer(desk.results.listing)
    await desk.screen.run()
    assert desk.results.labels == {4: True}


# The offer to generate


@dataclass
class FakeGenerationLine:
    """What the line says, in words."""

    said: list[str] = field(default_factory=list)
    is_asking: bool = False

    def ask(self, prompt: str, notice: str = "") -> None:
        self.is_asking = True
        self.said.append(f"offer {prompt}" + (f"; {notice}" if notice else ""))

    def show_job(self, job_id: int) -> None:
        self.said.append(f"job {job_id}")

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
        said = f"generated {job_id} at {rank} of {total}"
        self.said.append(f"{said}; {notice}" if notice else said)

    def show_ended(self, job_id: int, words: str, *, is_rejected: bool) -> None:
        self.said.append(f"ended {job_id}: {words}")

    def show_problem(self, message: str, hint: str) -> None:
        self.said.append(f"problem {message}")

    def clear(self) -> None:
        self.said.append("nothing")


@dataclass
class GenerationJob:
    """A started job."""

    id: int


@dataclass
class FakeGeneration:
    """Repeats and declines."""

    repeated: list[int] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    words: str = ""
    """What should be known of any prompt."""

    async def notice(self, request: GenerateRequest, library: str) -> str:
        return self.words

    async def again(self, job_id: int, *, new_seed: bool, preview: bool) -> GenerationJob:
        assert new_seed
        self.repeated.append(job_id)
        return GenerationJob(8)

    async def decline(self, receipt: Receipt) -> None:
        self.declined.append(receipt.query)


class Offering:
    """A controller over an answer that nothing passes."""

    def __init__(self, desk: Desk, query: str = "a purple cow") -> None:
        self.desk, self.line, self.generation = desk, FakeGenerationLine(), FakeGeneration()
        self.error: RequestError | None = None
        self.requests: list[GenerateRequest] = []
        vars(desk.engine).update(
            generation=self.generation, generate=self.generate, request_for=self.request_for
        )
        self.controller = QueryGenerationController(
            desk.session,
            desk.screen,
            desk.results,
            self.line,
            ask_again=lambda: desk.screen.said.append("again"),
        )
        self.answer(listing_of(query, threshold=1.0))

    def answer(self, listing: Listing) -> None:
        self.listing = self.desk.results.listing = listing
        self.desk.session.query = listing.result.receipt.query

    def request_for(self, receipt: Receipt) -> GenerateRequest:
        return GenerateRequest(prompt=receipt.query)

    async def generate(self, request: GenerateRequest, *, receipt: Receipt) -> GenerationJob:
        if self.error is not None:
            raise self.error
        self.requests.append(request)
        self.desk.session.take_event(
            JobQueued(job_id=7, kind=JobKind.GENERATE, title=request.prompt)
        )
        return GenerationJob(7)


def scored(picture_id: int, match: float) -> PictureScored:
    score = PromptScore(encoder_id="clip", matcher="", cosine=0.3, match=match)
    picture = GeneratedPicture(
        picture_id=picture_id,
        path="/made/1.png",
        sha256="",
        seed=1,
        width=64,
        height=64,
        seconds=1.0,
        cached=False,
    )
    return PictureScored(job_id=7, picture=picture, score=score)


@pytest.mark.parametrize(
    ("generate", "is_asked", "said"),
    [
        ("ask", True, ["offer a purple cow"]),
        ("never", True, ["nothing"]),
        ("now", False, ["offer a purple cow"]),
        ("now", True, ["job 7"]),
    ],
)
async def test_what_nothing_passes_is_offered_as_the_settings_say(
    generate: str, is_asked: bool, said: list[str]
) -> None:
    desk = Desk(settings=AppSettings(generate=generate)).open()
    offering = Offering(desk)
    if is_asked:
        offering.controller.expect_answer()
    offering.controller.follow(offering.listing)
    await desk.screen.run()
    assert offering.line.said == said


async def test_the_offer_says_what_the_generator_never_met(desk: Desk) -> None:
    offering = Offering(desk, "a red car")
    offering.generation.words = "no word for a car"
    offering.controller.follow(offering.listing)
    assert offering.line.said == ["offer a red car"], "nothing is waited for"
    await desk.screen.run()
    assert offering.line.said[1:] == ["offer a red car; no word for a car"]
    offering.controller.follow(offering.listing)
    await desk.screen.run()
    assert offering.line.said[2:] == ["offer a red car; no word for a car"], "known by now"


async def test_a_notice_that_comes_late_is_not_shown_under_another_query(desk: Desk) -> None:
    offering = Offering(desk, "a red car")
    offering.generation.words = "no word for a car"
    offering.controller.follow(offering.listing)
    offering.answer(listing_of("a dog"))
    await desk.screen.run()
    assert offering.line.said == ["offer a red car"]


async def test_an_answer_that_pictures_pass_is_not_offered(desk: Desk) -> None:
    offering = Offering(desk)
    offering.answer(listing_of("a dog"))
    offering.controller.follow(offering.listing)
    assert offering.line.said == ["nothing"]


async def test_the_generated_picture_is_selected_in_the_next_answer(desk: Desk) -> None:
    offering = Offering(desk)
    offering.controller.generate()
    await desk.screen.run()
    offering.controller.follow_event(scored(9, 0.2))
    offering.controller.follow_event(scored(5, 0.9))
    offering.controller.follow_event(scored(3, 0.4))
    offering.controller.follow_event(JobFinished(job_id=7, message="done", seconds=1.0))
    assert desk.screen.said == ["again"]
    offering.controller.follow(offering.listing)
    index = offering.listing.index_of(5)
    assert index is not None
    assert desk.results.position == offering.listing.position(index)
    rank = offering.listing.rank(index, "match")
    assert offering.line.said == ["job 7", f"generated 7 at {rank} of 60"]
    offering.controller.follow(offering.listing)
    assert not offering.line.said[-1].startswith("generated"), "it is revealed once"


async def test_how_a_job_ended_is_said_only_under_its_own_query(desk: Desk) -> None:
    offering = Offering(desk)
    offering.controller.generate()
    await desk.screen.run()
    own = offering.listing
    offering.answer(listing_of("a dog"))
    ended = JobCancelled(job_id=7, message="", seconds=0.1)
    offering.controller.follow_event(ended)
    assert offering.line.said == ["job 7"]
    offering.answer(own)
    offering.controller.follow_event(ended)
    assert offering.line.said[-1] == "ended 7: cancelled in 100 ms"


async def test_why_nothing_can_be_generated_is_said(desk: Desk) -> None:
    offering = Offering(desk)
    offering.error = RequestError("no generator")
    offering.controller.generate()
    await desk.screen.run()
    assert offering.line.said == ["problem no generator"]


async def test_only_a_request_about_the_query_is_taken(desk: Desk) -> None:
    offering = Offering(desk)
    assert not offering.controller.take_request(GenerateRequest(prompt="a boat"))
    assert offering.controller.take_request(GenerateRequest(prompt="a purple cow", steps=3))
    await desk.screen.run()
    assert [request.steps for request in offering.requests] == [3]


async def test_another_seed_repeats_the_job_of_the_query(desk: Desk) -> None:
    offering = Offering(desk)
    assert not offering.controller.take_another_seed()
    offering.controller.generate()
    await desk.screen.run()
    assert not offering.controller.take_another_seed(), "it is at work"
    desk.session.take_event(JobFinished(job_id=7, message="done", seconds=1.0))
    assert offering.controller.take_another_seed()
    await desk.screen.run()
    assert offering.generation.repeated == [7]


async def test_a_no_is_noted_with_the_decision(desk: Desk) -> None:
    offering = Offering(desk)
    offering.controller.decline()
    await desk.screen.run()
    assert offering.line.said == ["nothing"]
    assert offering.generation.declined == ["a purple cow"]


# What there is to search


class LibraryDesk(Desk):
    """A desk whose library a test fills."""

    def __init__(self, *, own: int, shipped: int = 0, start_query: str = "") -> None:
        super().__init__(FakeEngine(own + shipped, queries=("a cat", "a dog")))
        self.session.start_query = start_query
        self.own, self.shipped = own, shipped
        vars(self.engine.library)["counts"] = self.counts
        self.strip = FakeStrip()
        self.asking = AskingController(self.session, self.screen)
        self.collection = CollectionController(self.session, self.screen, self.asking, self.strip)

    async def counts(self) -> LibraryCounts:
        return LibraryCounts(
            pictures=self.own + self.shipped,
            present=self.own + self.shipped,
            vanished=0,
            partial=0,
            synthetic=0,
            failures=0,
            embedded={},
            bytes_on_disk=0,
            built_in=self.shipped,
        )

    async def begin(self) -> LibraryDesk:
        self.open()
        self.collection.begin()
        await self.screen.run()
        return self


async def test_an_empty_library_begins_with_the_first_steps() -> None:
    desk = await LibraryDesk(own=0).begin()
    assert desk.screen.said == ["past 2", "first start"]
    assert not desk.collection.has_pictures


async def test_own_pictures_begin_with_a_greeting() -> None:
    desk = await LibraryDesk(own=5, shipped=600).begin()
    assert desk.screen.said == ["past 2", "greeting 5"]
    assert (desk.collection.has_both, desk.collection.has_suggestions) == (True, False)
    assert desk.session.collection == ""


async def test_the_query_of_the_command_line_is_asked_first() -> None:
    desk = await LibraryDesk(own=5, start_query="a dog").begin()
    assert desk.screen.said[-1] == "search a dog"


async def test_the_storybook_alone_begins_with_a_suggestion() -> None:
    desk = LibraryDesk(own=0, shipped=600)
    examples: list[str] = []
    vars(desk.asking)["show_example"] = examples.append
    await desk.begin()
    assert (examples, desk.strip.is_open) == (["suggestion 0"], True)
    assert desk.session.collection == "storybook"
    desk.collection.suggest()
    assert desk.screen.said[-1] == "search suggestion 1"


async def test_a_key_goes_to_the_storybook_and_back() -> None:
    desk = await LibraryDesk(own=5, shipped=600).begin()
    desk.asking.ask_among(desk.collection.other_filters)
    desk.collection.follow_filters()
    assert desk.asking.filters.folders == ONLY_BUILT_IN
    assert desk.session.collection == "storybook"
    assert desk.collection.has_suggestions
    desk.asking.ask_among(desk.collection.other_filters)
    desk.collection.follow_filters()
    assert desk.session.collection == ""


async def test_a_library_that_comes_or_goes_begins_anew() -> None:
    desk = await LibraryDesk(own=0).begin()
    desk.own = 3
    desk.collection.look_again()
    await desk.screen.run()
    assert desk.screen.said[-1] == "greeting 3"
    desk.own = 4
    desk.collection.look_again()
    await desk.screen.run()
    assert desk.screen.said.count("past 2") == 2, "more of the same is no new beginning"


async def test_a_change_is_offered_beside_an_answer_and_begins_where_there_is_none() -> None:
    desk = await LibraryDesk(own=0).begin()
    change = LibraryChanged(job_id=1, added=3)
    desk.own = 3
    desk.collection.follow_event(change)
    desk.collection.follow_event(change)
    assert len(desk.screen.timers) == 1, "it is not looked at for every batch"
    desk.screen.is_waiting = True
    desk.screen.timers[0].end()
    assert len(desk.screen.timers) == 2, "an answer is on its way"
    desk.screen.is_waiting = False
    desk.screen.timers[1].end()
    await desk.screen.run()
    assert desk.screen.said[-1] == "greeting 3"
    desk.screen.answers.append(listing_of("a dog"))
    desk.collection.follow_event(change)
    assert desk.screen.said[-1] == "greeting 3", "the answer is not in sight"
    desk.screen.shows_answer = True
    desk.collection.follow_event(change)
    assert desk.screen.said[-1] == CHANGED


async def test_the_first_own_pictures_beside_the_storybook_are_told_of() -> None:
    desk = LibraryDesk(own=0, shipped=600)
    vars(desk.asking)["show_example"] = lambda query: None
    await desk.begin()
    desk.screen.answers.append(listing_of("a dog"))
    desk.screen.shows_answer = True
    desk.own = 2
    desk.collection.follow_event(LibraryChanged(job_id=1, added=2))
    await desk.screen.run()
    assert desk.screen.said[-1] == OWN_PICTURES
    assert desk.session.collection == ""


async def test_a_cache_that_cannot_be_read_is_said() -> None:
    desk = LibraryDesk(own=5)

    async def fail() -> LibraryCounts:
        raise CacheError("the disk is gone")

    vars(desk.engine.library)["counts"] = fail
    await desk.begin()
    assert desk.screen.said == ["error the disk is gone"]


# Pictures


async def test_pictures_are_marked_and_taken_to_the_comparison(desk: Desk) -> None:
    pictures = PictureController(desk.session, desk.screen)
    fetched = await pictures.fetch([1, 2])
    desk.results.listing = listing_of('"a dog" + "snow"')
    for picture_id in (2, 1):
        desk.results.content = fetched[picture_id]
        pictures.mark(desk.results)
    assert desk.results.marked == frozenset({1, 2})
    pictures.compare(desk.results)
    intent = desk.intents[-1]
    assert isinstance(intent, ComparePictures)
    assert [path.rpartition("/")[2] for path in intent.pictures] == [
        "picture_0002.jpg",
        "picture_0001.jpg",
    ]
    assert intent.texts == ("a dog", "snow")


async def test_pictures_of_a_cache_that_cannot_be_read_are_left_out(desk: Desk) -> None:
    async def fail(picture_ids: list[int]) -> None:
        raise CacheError("the disk is gone")

    vars(desk.engine.library)["thumbnails"] = fail
    assert await PictureController(desk.session, desk.screen).fetch([1]) == {}
    assert [notice.title for notice in desk.notices] == ["Pictures cannot be read"]


async def test_a_folder_is_copied_where_nothing_can_open_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t2itui.screens.search.pictures.opener", lambda: None)
    pictures = PictureController(desk.session, desk.screen)
    content = (await pictures.fetch([1]))[1]
    pictures.copy_path(content)
    pictures.open_folder(content)
    await desk.screen.run()
    folder = content.shown.path.rpartition("/")[0]
    assert desk.screen.said == [f"copied {content.shown.path}", f"copied {folder}"]
