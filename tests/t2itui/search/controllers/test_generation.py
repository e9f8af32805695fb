"""What is offered, started and said where nothing passes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from engine.errors import RequestError
from engine.events import (
    GeneratedPicture,
    JobCancelled,
    JobFinished,
    JobQueued,
    PictureScored,
    PromptScore,
)
from engine.generation.request import GenerateRequest
from engine.results import Receipt
from engine.states import JobKind
from t2itui.screens.search.generation import QueryGenerationController
from t2itui.screens.search.listing import Listing
from t2itui.settings import AppSettings
from tests.t2itui.search.controllers.desk import (
    Desk,
    listing_of,
)


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
