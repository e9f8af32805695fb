"""What a query is placed by while the library's zero is not known, and how it comes to be known."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cache.jobs import list_jobs
from cache.matchers import add_matcher
from cache.store import Cache
from engine.events import JobEvent, JobProgress
from engine.jobs.jobs import Jobs
from engine.library.library import Library
from engine.models.encoders import Encoders
from engine.results import FloatArray, IdArray
from engine.scoring.match import MatchContext, background_logits
from engine.search import zeros
from engine.search.searcher import Searcher
from engine.settings import EngineSettings
from engine.states import JobKind, JobState, ZeroState
from tests.engine.matchers import random_matcher
from tests.engine.search.libraries import ENCODER, fill, noise, searcher_of
from tests.engine.search.test_zeros import (
    BANK,
    DOG,
    YETI,
    after_answer,
    count,
    library,
    texts,
)

AT_ONCE = 10


class Scored:
    """How many pictures were scored with the background texts."""

    def __init__(self) -> None:
        self.pictures = 0

    def __call__(
        self, context: MatchContext, scorer: str, language: str, rows: IdArray
    ) -> FloatArray:
        self.pictures += len(rows)
        return background_logits(context, scorer, language, rows)


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    """Eighty pictures in two folders, a dog among them, and sixty background texts."""
    opened = await Cache.open(tmp_path / "home")
    names = [f"/photos/{'a' if n < 60 else 'b'}/{n:02}.jpg" for n in range(80)]
    await fill(opened, names, library(), ["a dog", "a yeti", *BANK], texts())
    yield opened
    await opened.aclose()


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Scored:
    """Ten pictures are all that can be scored while somebody waits."""
    counting = Scored()
    monkeypatch.setattr(zeros, "at_once", lambda *_: AT_ONCE)
    monkeypatch.setattr(zeros, "background_logits", counting)
    return counting


@pytest.fixture
async def jobs(cache: Cache) -> AsyncIterator[Jobs]:
    opened = Jobs(cache)
    yield opened
    await opened.aclose()


@pytest.fixture
async def lasting(cache: Cache, jobs: Jobs) -> AsyncIterator[Searcher]:
    """A searcher of a process that goes on after the answer."""
    settings = EngineSettings(home=cache.home)
    opened = Searcher(cache, Encoders(settings), settings, start=jobs.start)
    yield opened
    await opened.aclose()


async def measured(searcher: Searcher) -> None:
    """Wait until what was missing is measured."""
    done = asyncio.Event()
    stop = searcher.zeros.subscribe(done.set)
    async with asyncio.timeout(20):
        if searcher.zeros.is_measuring:
            await done.wait()
    stop()


async def add(cache: Cache, pictures: int) -> None:
    """Add pictures to the library."""
    names = [f"/photos/c/{n}.jpg" for n in range(pictures)]
    await fill(cache, names, noise(pictures, seed=9), [], noise(0))


async def leave_behind(searcher: Searcher) -> None:
    """Measure as an index run does at its end."""
    await searcher.measure(ENCODER.id, 1, lambda _: None)


async def test_the_first_query_is_placed_by_a_sample_and_the_next_by_the_library(
    cache: Cache, lasting: Searcher, scored: Scored
) -> None:
    first = await lasting.search(DOG)
    assert first.receipt.zero == ZeroState.QUICK
    assert first.receipt.zero_pictures == 80
    (warning,) = first.warnings
    assert warning.message == "What is reached by chance is measured on 8 of 80 pictures."
    assert warning.hint == "It is being measured; ask again then."
    await measured(lasting)
    assert scored.pictures == 80
    again = await lasting.search(DOG)
    assert again.receipt.zero == ZeroState.CURRENT
    assert again.warnings == ()
    # What was decided by the sample is no answer to the same question now, and stays what it was.
    assert again.receipt.id != first.receipt.id
    assert (await lasting.search(DOG)).scores is None
    assert await count(cache) == 1


async def test_what_is_stopped_before_it_starts_is_measured_no_more(
    cache: Cache, lasting: Searcher, scored: Scored
) -> None:
    with lasting.zeros.first():
        await lasting.search(DOG)
        assert lasting.zeros.is_measuring
        lasting.zeros.stop_before(1_000_000)
        assert not lasting.zeros.is_measuring
    await lasting.search(replace(DOG, threshold=0.4))
    await measured(lasting)
    assert (await lasting.search(DOG)).receipt.zero == ZeroState.CURRENT, "it is begun again"


async def test_the_same_sample_makes_the_same_decision(cache: Cache, scored: Scored) -> None:
    answers = [(await searcher_of(cache, cache.home).search(DOG)).receipt for _ in range(2)]
    assert answers[0].id == answers[1].id
    assert answers[0].created_at == answers[1].created_at


async def test_a_process_that_ends_with_its_answer_measures_nothing_besides(
    cache: Cache, scored: Scored
) -> None:
    result = await searcher_of(cache, cache.home).search(DOG)
    assert result.receipt.zero == ZeroState.QUICK
    assert "t2itui index" in result.warnings[0].hint
    await asyncio.sleep(0)
    assert scored.pictures == 0
    assert await count(cache) == 0
    assert len(asyncio.all_tasks()) == 1


async def test_an_index_run_leaves_it_behind(cache: Cache, scored: Scored) -> None:
    reports: list[JobEvent] = []
    await searcher_of(cache, cache.home).measure(ENCODER.id, 7, reports.append)
    assert {each.stage for each in reports if isinstance(each, JobProgress)} == {zeros.STAGE}
    assert (await searcher_of(cache, cache.home).search(DOG)).receipt.zero == ZeroState.CURRENT
    assert scored.pictures == 80
    await searcher_of(cache, cache.home).measure(ENCODER.id, 7, reports.append)
    assert scored.pictures == 80


async def test_what_cannot_be_measured_stops_no_index_run(cache: Cache) -> None:
    await searcher_of(cache, cache.home).measure("nobody/knows", 7, lambda _: None)


async def test_few_added_pictures_join_at_once_and_give_what_starting_over_gives(
    tmp_path: Path, cache: Cache, scored: Scored
) -> None:
    searcher = searcher_of(cache, cache.home)
    await leave_behind(searcher)
    await add(cache, AT_ONCE)
    scored.pictures = 0
    joined = await searcher.scored(DOG)
    assert joined.receipt.zero == ZeroState.CURRENT
    assert joined.receipt.zero_pictures == 90
    assert scored.pictures == AT_ONCE
    assert joined.scores is not None
    await after_answer(cache, lambda db: db.execute("delete from zeros"))
    other = searcher_of(cache, cache.home)
    await leave_behind(other)
    assert scored.pictures == AT_ONCE + 90
    over = (await other.scored(DOG)).scores
    assert over is not None
    assert joined.scores.match_logit == pytest.approx(over.match_logit, abs=1e-4)
    assert joined.scores.chance == pytest.approx(over.chance, abs=1e-5)


async def test_many_added_pictures_are_scored_beside_and_the_older_zero_serves_meanwhile(
    cache: Cache, lasting: Searcher, scored: Scored
) -> None:
    await leave_behind(lasting)
    before = (await lasting.scored(DOG)).receipt
    await add(cache, 30)
    scored.pictures = 0
    first = await lasting.search(DOG)
    assert first.receipt.zero == ZeroState.OLDER
    assert first.receipt.zero_pictures == 80
    assert first.receipt.chance == before.chance
    message = first.warnings[0].message
    assert message.endswith("measured at 80 pictures, and there are 110 now.")
    await measured(lasting)
    assert scored.pictures == 30
    assert (await lasting.search(DOG)).receipt.zero == ZeroState.CURRENT


async def test_pictures_that_are_gone_start_it_over(
    cache: Cache, lasting: Searcher, scored: Scored
) -> None:
    await leave_behind(lasting)
    assert await Library(cache).forget(Path("/photos/b")) == 20
    scored.pictures = 0
    assert (await lasting.search(DOG)).receipt.zero == ZeroState.OLDER
    await measured(lasting)
    assert scored.pictures == 60


async def test_the_zero_of_a_much_smaller_library_serves_no_longer(
    cache: Cache, scored: Scored
) -> None:
    searcher = searcher_of(cache, cache.home)
    await leave_behind(searcher)
    await add(cache, 81)
    assert (await searcher.search(DOG)).receipt.zero == ZeroState.QUICK


async def test_the_label_free_match_decides_for_a_matcher_that_is_not_measured(
    cache: Cache, lasting: Searcher, scored: Scored
) -> None:
    await leave_behind(lasting)
    before = {each.query: (await lasting.search(each)).receipt for each in (DOG, YETI)}
    await cache.write(add_matcher, ENCODER.id, random_matcher(ENCODER.id, 16), "{}")
    with lasting.zeros.first():
        for each in (DOG, YETI):
            receipt = (await lasting.search(each)).receipt
            assert receipt.zero == ZeroState.LABEL_FREE
            assert receipt.route == before[each.query].route
            assert receipt.best_match == pytest.approx(before[each.query].best_match, abs=1e-5)
        ranked = (await lasting.compare(DOG)).scores
        placed = (await lasting.scored(DOG)).scores
    assert ranked is not None and placed is not None
    order = np.argsort(ranked.match_logit, kind="stable")
    assert np.argsort(placed.match_logit, kind="stable").tolist() == order.tolist()
    await measured(lasting)
    assert (await lasting.search(DOG)).receipt.zero == ZeroState.CURRENT


async def test_what_is_measured_beside_waits_while_somebody_waits_for_an_answer(
    cache: Cache, lasting: Searcher, scored: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.scoring.match.BLOCK", 16)
    with lasting.zeros.first():
        await lasting.scored(DOG)
        for _ in range(50):
            await asyncio.sleep(0)
        assert scored.pictures == 0
    await measured(lasting)
    assert scored.pictures == 80


async def test_closing_stops_what_is_measured_beside(
    cache: Cache, lasting: Searcher, scored: Scored
) -> None:
    with lasting.zeros.first():
        await lasting.scored(DOG)
        await lasting.aclose()
    assert scored.pictures == 0
    assert len(asyncio.all_tasks()) == 1


async def test_what_takes_long_is_a_job_that_nobody_is_asked_to_run_again(
    cache: Cache, lasting: Searcher, jobs: Jobs, scored: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zeros, "JOB_S", 0.0)
    events: list[object] = []
    jobs.subscribe(events.append)
    await lasting.scored(DOG)
    (job,) = jobs.list()
    assert job.kind == JobKind.MEASURE
    end = await job.wait()
    assert end.message == "What is reached by chance is measured for 80 pictures."
    (progress,) = [each for each in events if isinstance(each, JobProgress)]
    assert (progress.stage, progress.total) == (zeros.STAGE, 80)
    assert await cache.read(list_jobs, 10) == []


async def test_one_that_a_person_stopped_is_not_begun_again_before_the_library_changes(
    cache: Cache, lasting: Searcher, jobs: Jobs, scored: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zeros, "JOB_S", 0.0)
    with lasting.zeros.first():
        await lasting.scored(DOG)
        jobs.list()[0].cancel()
        await jobs.list()[0].wait()
    await lasting.scored(YETI)
    assert [job.state for job in jobs.list()] == [JobState.CANCELLED]
    await add(cache, 30)
    await lasting.scored(DOG)
    assert len(jobs.list()) == 2
    await jobs.list()[1].wait()


async def test_a_library_that_changes_stops_what_is_measured_of_it(
    cache: Cache, lasting: Searcher, jobs: Jobs, scored: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zeros, "JOB_S", 0.0)
    with lasting.zeros.first():
        await lasting.scored(DOG)
        await add(cache, 30)
        await lasting.scored(DOG)
    ends = [await job.wait() for job in jobs.list()]
    assert [job.state for job in jobs.list()] == [JobState.CANCELLED, JobState.DONE]
    assert len(ends) == 2
    assert scored.pictures == 110
