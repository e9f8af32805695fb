"""Painting jobs: from the request to a picture that the next search finds."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

import pytest
from PIL import Image

from cache.errors import CacheFullError, CacheReadOnlyError
from cache.receipts import get_receipt
from cache.store import Cache
from engine.errors import ModelMissingError, RequestError
from engine.events import (
    GenerationProgress,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobNote,
    JobQueued,
    JobStarted,
    LibraryChanged,
    PictureRejected,
    PictureScored,
    PictureStored,
)
from engine.generation.png_metadata import read_recipe
from engine.generation.request import GenerateRequest
from engine.models.generator_info import GeneratorInfo
from engine.models.vocabulary import Vocabulary
from engine.requests import Filters, SearchRequest
from engine.states import GenerationPhase, JobState, OutputCheck, Route
from tests.engine.generation.studio import StudioKit, stored

RED = GenerateRequest(prompt="a red ball", seed=7)


def stage(event: JobEvent) -> object:
    """What an event tells apart: its kind, of progress its phase."""
    return event.phase if isinstance(event, GenerationProgress) else type(event)


async def test_a_job_tells_every_stage_and_ends_with_a_scored_picture(studio: StudioKit) -> None:
    job = await studio.generation.start(RED)
    outcome = await job.wait()
    assert isinstance(outcome, JobFinished), outcome
    (stored_as,) = studio.of(PictureStored)
    assert isinstance(stored_as, PictureStored)
    seconds = stored_as.picture.seconds
    assert outcome.message.startswith(f"painted 1 picture in {seconds:.1f} s, match")
    order = list(dict.fromkeys(map(stage, studio.events)))
    assert order[:4] == [JobQueued, JobStarted, GenerationPhase.LOADING, GenerationPhase.STEP]
    later = [
        GenerationPhase.DECODING,
        LibraryChanged,
        PictureStored,
        PictureScored,
        JobFinished,
    ]
    assert [each for each in order if each in later] == later
    progress = [event for event in studio.events if isinstance(event, GenerationProgress)]
    steps = [each for each in progress if each.phase is GenerationPhase.STEP]
    assert [(step.done, step.total, step.unit) for step in steps] == [
        (n, 4, "steps") for n in range(1, 5)
    ]
    (scored,) = [event for event in studio.events if isinstance(event, PictureScored)]
    assert scored.score.best is not None
    assert scored.score.match > 0.5 > scored.score.best.match
    assert scored.score.best.path.startswith("/photos/")
    (picture,) = studio.generation.results(job.id)
    assert (picture.seed, picture.cached, picture.score) == (7, False, scored.score)
    assert job.title == "paint a red ball"


async def test_what_a_small_generator_never_met_is_told_before_and_by_the_job(
    studio: StudioKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    generators, small = studio.generators, "made-up/small"
    generators.vocabulary = Vocabulary(
        name="The small one", short="two things", about="two", words=frozenset({"a", "ball"})
    )
    notice = studio.generation.notice
    assert await notice(RED) == "", "the generator of the settings knows everything"
    assert await notice(replace(RED, model=small, prompt="a ball")) == ""
    asked = replace(RED, model=small)
    said = "The small one knows two things; “red” is no word of its: it will guess. "
    assert await notice(asked) == f"{said}made-up/painter knows more: choose it as the model."
    monkeypatch.setattr(generators, "locate", lambda source: None)
    assert await notice(asked) == f"{said}For anything: t2itui models get made-up/painter"
    await (await studio.generation.start(asked)).wait()
    (note,) = [event for event in studio.events if isinstance(event, JobNote)]
    assert note.message.startswith("The small one knows two; “red” is no word")


@pytest.mark.parametrize("query", ["a red ball", "一个红球"])
async def test_what_was_painted_for_a_query_answers_it_the_next_time(
    studio: StudioKit, query: str
) -> None:
    before = await studio.searcher.search(SearchRequest(query=query))
    assert before.receipt.route == Route.GENERATE
    request = studio.request_for(before.receipt)
    job = await studio.generation.start(request, receipt=before.receipt)
    await job.wait()
    (picture,) = studio.generation.results(job.id)
    after = await studio.searcher.search(SearchRequest(query=query))
    assert after.receipt.route == Route.RETRIEVE
    best = after.rows[0]
    assert (best.path, best.sha256, best.synthetic) == (picture.path, picture.sha256, True)
    assert picture.score is not None
    assert (best.cosine, best.match) == (picture.score.cosine, picture.score.match)
    hidden = SearchRequest(query=query, filters=Filters(synthetic="hide"))
    assert (await studio.searcher.search(hidden)).receipt.route == Route.GENERATE
    only = SearchRequest(query=query, filters=Filters(synthetic="only"))
    assert [row.picture_id for row in (await studio.searcher.search(only)).rows] == [
        picture.picture_id
    ]
    record = await studio.cache.read(get_receipt, before.receipt.id)
    assert record is not None
    assert (record.sequel.job_id, record.sequel.result) == (job.id, picture.sha256)
    assert record.sequel.override is None


async def test_painting_against_the_route_is_an_override_and_leaves_the_receipt_as_it_was(
    studio: StudioKit,
) -> None:
    result = await studio.searcher.search(SearchRequest(query="something green"))
    assert result.receipt.route == Route.RETRIEVE
    job = await studio.generation.start(replace(RED, prompt="x"), receipt=result.receipt)
    await job.wait()
    from engine.search.receipts import History

    replayed = await History(studio.cache).replay(result.receipt.id)
    assert (replayed.receipt.override, replayed.receipt.job) == (Route.GENERATE, job.id)
    assert replayed.rows == result.rows
    await studio.generation.decline(result.receipt)
    again = await History(studio.cache).replay(result.receipt.id)
    assert again.receipt.override == Route.RETRIEVE


async def test_the_same_request_with_the_same_model_comes_from_the_cache_and_says_so(
    studio: StudioKit,
) -> None:
    first = await studio.generation.start(RED)
    await first.wait()
    second = await studio.generation.start(RED)
    outcome = await second.wait()
    assert isinstance(outcome, JobFinished)
    assert outcome.message.startswith("1 picture from the cache")
    assert studio.generators.seeds == [7]
    (one,), (two,) = studio.generation.results(first.id), studio.generation.results(second.id)
    assert two == replace(one, cached=True)
    for other in (
        replace(RED, seed=8),
        replace(RED, steps=5),
        replace(RED, negative="blur"),
        replace(RED, model="other/painter"),
    ):
        await (await studio.generation.start(other)).wait()
    assert studio.generators.seeds == [7, 8, 7, 7, 7]
    assert studio.encoders.embedded == 5


async def test_without_a_seed_any_picture_of_the_request_will_do_unless_a_fresh_one_is_wanted(
    studio: StudioKit,
) -> None:
    open_seed = replace(RED, seed=None)
    await (await studio.generation.start(open_seed)).wait()
    job = await studio.generation.start(open_seed)
    await job.wait()
    assert [picture.cached for picture in studio.generation.results(job.id)] == [True]
    three = await studio.generation.start(replace(open_seed, count=3))
    await three.wait()
    assert [picture.cached for picture in studio.generation.results(three.id)] == [
        True,
        False,
        False,
    ]
    fresh = await studio.generation.start(open_seed, fresh=True)
    await fresh.wait()
    assert [picture.cached for picture in studio.generation.results(fresh.id)] == [False]
    assert len(set(studio.generators.seeds)) == 4


async def test_several_pictures_are_one_job_with_seeds_that_count_on(studio: StudioKit) -> None:
    job = await studio.generation.start(replace(RED, count=3))
    outcome = await job.wait()
    assert isinstance(outcome, JobFinished)
    assert [picture.seed for picture in studio.generation.results(job.id)] == [7, 8, 9]
    progress = [event for event in studio.events if isinstance(event, GenerationProgress)]
    steps = {each.stage for each in progress if each.phase is GenerationPhase.STEP}
    assert steps == {f"painting {n} of 3" for n in (1, 2, 3)}


async def test_what_is_true_of_every_picture_is_said_once(studio: StudioKit) -> None:
    studio.generators.warnings = ("bf16 is slow here",)
    job = await studio.generation.start(GenerateRequest(prompt="a red ball", seed=1, count=3))
    await job.wait()
    notes = [event.message for event in studio.events if isinstance(event, JobNote)]
    assert notes == ["bf16 is slow here"]


async def test_the_file_holds_the_recipe_and_is_named_by_its_content(studio: StudioKit) -> None:
    job = await studio.generation.start(replace(RED, prompt="一个红球", negative="blur"))
    await job.wait()
    (picture,) = studio.generation.results(job.id)
    assert Path(picture.path).read_bytes() == stored(studio.settings.home, picture.sha256)
    recipe = read_recipe(Path(picture.path))
    assert (recipe.prompt, recipe.negative, recipe.seed, recipe.steps) == ("一个红球", "blur", 7, 4)
    known = await studio.generation.recipe(picture.picture_id)
    assert known.source == "made-up/painter"
    assert await studio.generation.recipe(Path(picture.path)) == known


async def test_rejected_pictures_are_named_and_never_stored(studio: StudioKit) -> None:
    studio.generators.checks = [OutputCheck.BLACK]
    outcome = await (await studio.generation.start(RED)).wait()
    assert isinstance(outcome, JobFailed)
    assert "black" in outcome.message
    assert await studio.generation.pictures() == []
    studio.generators.checks = [OutputCheck.NOT_FINITE]
    job = await studio.generation.start(replace(RED, count=2))
    outcome = await job.wait()
    assert isinstance(outcome, JobFinished)
    assert "1 of 2 came to nothing" in outcome.message
    assert [picture.seed for picture in studio.generation.results(job.id)] == [8]
    rejected = [event for event in studio.events if isinstance(event, PictureRejected)]
    assert [(event.seed, event.check) for event in rejected] == [
        (7, OutputCheck.BLACK),
        (7, OutputCheck.NOT_FINITE),
    ]
    job = await studio.generation.again(job.id, new_seed=True)
    assert isinstance(await job.wait(), JobFinished)


async def test_impossible_requests_are_refused_before_anything_is_queued(
    studio: StudioKit,
) -> None:
    for request, words in (
        (replace(RED, width=33), "multiple of 8"),
        (replace(RED, steps=0), "steps"),
        (replace(RED, prompt=" "), "no prompt"),
        (replace(RED, prompt="caf\udce9"), "no valid text"),
    ):
        with pytest.raises(RequestError, match=words):
            await studio.generation.start(request)
    assert studio.jobs.list() == ()
    receipt = (await studio.searcher.search(SearchRequest(query="a red ball"))).receipt
    with pytest.raises(RequestError, match="no text"):
        studio.request_for(replace(receipt, query='- "snow"'))
    mixed = replace(receipt, query='"a red ball" + 0.5*"snow" - "grass"')
    request = studio.request_for(mixed)
    assert (request.prompt, request.negative) == ("a red ball, snow", "grass")


async def test_a_missing_model_is_told_at_once_with_what_else_could_paint(
    studio: StudioKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing(source: str) -> GeneratorInfo:
        raise ModelMissingError(f"{source} is not here", hint="t2itui models get it")

    monkeypatch.setattr(studio.generators, "describe", missing)
    with pytest.raises(ModelMissingError, match="made-up/painter is not here") as caught:
        await studio.generation.start(RED)
    assert "models get" in caught.value.hint and "--model storybook" in caught.value.hint
    assert studio.jobs.list() == ()


async def test_two_jobs_never_paint_at_once(studio: StudioKit) -> None:
    jobs = [await studio.generation.start(replace(RED, seed=seed)) for seed in range(3)]
    for job in jobs:
        assert isinstance(await job.wait(), JobFinished)
    assert studio.generators.most_running == 1
    assert studio.generators.seeds == [0, 1, 2]


async def test_cancelling_a_running_job_lets_the_next_one_start(studio: StudioKit) -> None:
    studio.generators.gate.is_open.clear()
    first = await studio.generation.start(RED)
    second = await studio.generation.start(replace(RED, seed=8))
    await studio.generators.gate.entered.wait()
    first.cancel()
    outcome = await first.wait()
    assert isinstance(outcome, JobCancelled)
    assert 0 <= outcome.seconds < 5
    studio.generators.gate.is_open.set()
    assert isinstance(await second.wait(), JobFinished)
    assert studio.generators.seeds == [8]
    assert [record.seed for record in await studio.generation.pictures()] == [8]


async def test_a_job_is_described_at_once_and_in_a_later_session_alike(studio: StudioKit) -> None:
    studio.generators.gate.is_open.clear()
    job = await studio.generation.start(RED)
    begun = await studio.generation.details(job.id)
    assert (begun.title, begun.state) == ("paint a red ball", JobState.QUEUED)
    assert begun.pictures == () and begun.parameters is not None
    assert (begun.parameters.steps, begun.parameters.width) == (4, 32)
    studio.generators.gate.is_open.set()
    await job.wait()
    now = await studio.generation.details(job.id)
    later = StudioKit(studio.cache, studio.settings)
    then = await later.generation.details(job.id)
    assert (then.spec, then.state, then.parameters) == (now.spec, JobState.DONE, now.parameters)
    assert "painted 1 picture" in then.message
    (one,), (other,) = now.pictures, then.pictures
    assert one.score is not None and other.score is not None
    assert replace(one, score=None) == replace(other, score=None)
    assert replace(one.score, best=None) == other.score
    with pytest.raises(RequestError, match="no painting job 999"):
        await later.generation.details(999)


async def test_a_queue_survives_the_end_of_the_program_as_not_finished(
    studio: StudioKit,
) -> None:
    studio.generators.gate.is_open.clear()
    jobs = [await studio.generation.start(replace(RED, seed=seed)) for seed in (1, 2)]
    await studio.generators.gate.entered.wait()
    await studio.jobs.aclose()
    later = StudioKit(studio.cache, studio.settings)
    await later.jobs.recover()
    unfinished = await later.generation.unfinished()
    assert [record.id for record in unfinished] == [jobs[1].id, jobs[0].id]
    details = await later.generation.details(jobs[1].id)
    assert (details.spec.request, details.state) == (replace(RED, seed=2), JobState.LOST)
    assert (details.pictures, details.source) == ((), "made-up/painter")
    again = await later.generation.again(jobs[1].id)
    assert isinstance(await again.wait(), JobFinished)
    assert later.generators.seeds == [2]
    await later.generation.dismiss([jobs[0].id])
    assert await later.generation.unfinished() == []
    with pytest.raises(RequestError, match="no painting job 999"):
        await later.generation.again(999)
    await later.jobs.aclose()


async def test_a_read_only_cache_refuses_before_painting_but_gives_what_it_has(
    studio: StudioKit,
) -> None:
    await (await studio.generation.start(RED)).wait()
    reader = await Cache.open(studio.settings.home, read_only=True)
    kit = StudioKit(reader, studio.settings)
    outcome = await (await kit.generation.start(replace(RED, seed=9))).wait()
    assert isinstance(outcome, JobFailed)
    assert "reading only" in outcome.message
    assert kit.generators.seeds == []
    job = await kit.generation.start(RED)
    assert isinstance(await job.wait(), JobFinished)
    assert [picture.cached for picture in kit.generation.results(job.id)] == [True]
    await reader.aclose()


async def test_a_disk_without_room_is_told_before_painting(
    studio: StudioKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.generation.job.ROOM", 1 << 62)
    outcome = await (await studio.generation.start(RED)).wait()
    assert isinstance(outcome, JobFailed)
    assert "are free on the disk" in outcome.message
    assert studio.generators.seeds == []


@pytest.mark.parametrize("error", [CacheFullError, CacheReadOnlyError])
async def test_a_picture_that_cannot_be_kept_is_saved_elsewhere_and_named(
    studio: StudioKit,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: type[CacheFullError],
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def refuse(home: Path, data: bytes) -> Path:
        raise error("No room left", hint="Free some.")

    monkeypatch.setattr("cache.generated.write_content", refuse)
    outcome = await (await studio.generation.start(RED)).wait()
    assert isinstance(outcome, JobFailed)
    (saved,) = tmp_path.glob("t2itui-*.png")
    assert str(saved) in outcome.hint and "Free some." in outcome.hint
    assert read_recipe(saved).seed == 7
    assert await studio.generation.pictures() == []


async def test_a_job_waits_for_nobody_else(studio: StudioKit) -> None:
    """A search goes on while a picture is painted."""
    studio.generators.gate.is_open.clear()
    job = await studio.generation.start(RED)
    await studio.generators.gate.entered.wait()
    result = await asyncio.wait_for(studio.searcher.search(SearchRequest(query="green")), 30)
    assert result.receipt.route == Route.RETRIEVE
    studio.generators.gate.is_open.set()
    await job.wait()


async def test_seeds_are_tried_until_a_picture_passes(studio: StudioKit) -> None:
    job = await studio.generation.start(replace(RED, until_pass=5))
    outcome = await job.wait()
    assert isinstance(outcome, JobFinished)
    assert "kept as it passes 0.50, after 1 seed" in outcome.message
    assert studio.generators.seeds == [7]


async def test_of_seeds_that_do_not_pass_the_best_is_kept_with_the_reason(
    studio: StudioKit,
) -> None:
    await studio.fill()
    request = GenerateRequest(prompt="no such thing", until_pass=3, preview=False)
    job = await studio.generation.start(request)
    outcome = await job.wait()
    assert isinstance(outcome, JobFinished)
    assert "kept as the best of 3 seeds, none of which passes 0.50" in outcome.message
    assert len(set(studio.generators.seeds)) == 3
    pictures = [(event.index, event.count) for event in studio.events if is_progress(event)]
    assert list(dict.fromkeys(pictures)) == [(1, 3), (2, 3), (3, 3)]
    scored = [event.score.match for event in studio.events if isinstance(event, PictureScored)]
    (kept,) = studio.generation.results(job.id)
    assert kept.score is not None and kept.score.match == max(scored)
    (record,) = await studio.generation.pictures()
    assert record.picture_id == kept.picture_id, "the others are gone"
    recipe = await studio.generation.recipe(kept.picture_id)
    assert recipe.tries == 3 and recipe.chosen.startswith("kept as the best of 3 seeds")

    again = await studio.generation.start(request)
    await again.wait()
    (found,) = studio.generation.results(again.id)
    assert found.cached and len(studio.generators.seeds) == 3, "it was the best of as many before"


def is_progress(event: JobEvent) -> TypeGuard[PictureStored]:
    return isinstance(event, PictureStored)


async def test_a_variation_says_how_the_picture_before_fits(studio: StudioKit) -> None:
    first = await studio.generation.start(RED)
    await first.wait()
    (start,) = studio.generation.results(first.id)
    job = await studio.generation.start(
        GenerateRequest(prompt="a blue ball", seed=3, start_picture=Path(start.path))
    )
    outcome = await job.wait()
    assert isinstance(outcome, JobFinished)
    (after,) = studio.generation.results(job.id)
    assert after.score is not None and after.before is not None
    assert after.before.match < 0.5 < after.score.match
    assert after.before.cosine < after.score.cosine
    assert after.start_path == start.path
    assert f"{after.before.match:.2f} before" in outcome.message


async def test_a_start_picture_outside_the_library_is_scored_as_if_it_were_in_it(
    studio: StudioKit, tmp_path: Path
) -> None:
    first = await studio.generation.start(RED)
    await first.wait()
    (inside,) = studio.generation.results(first.id)
    outside = tmp_path / "elsewhere.png"
    with Image.open(inside.path) as image:
        image.save(outside, compress_level=0)
    assert outside.read_bytes() != Path(inside.path).read_bytes(), "another content, as it is kept"
    befores = []
    for start in (Path(inside.path), outside):
        job = await studio.generation.start(
            GenerateRequest(prompt="a blue ball", seed=3, start_picture=start)
        )
        assert isinstance(await job.wait(), JobFinished)
        (after,) = studio.generation.results(job.id)
        assert after.before is not None
        befores.append(after.before)
    assert befores[1].cosine == pytest.approx(befores[0].cosine, abs=1e-4)
    assert befores[1].match == pytest.approx(befores[0].match, abs=0.02)
    assert befores[1].match < 0.5


async def test_both_scores_of_before_and_after_are_there_in_the_next_session(
    studio: StudioKit,
) -> None:
    first = await studio.generation.start(RED)
    await first.wait()
    (start,) = studio.generation.results(first.id)
    job = await studio.generation.start(
        GenerateRequest(prompt="a blue ball", seed=3, start_picture=Path(start.path))
    )
    await job.wait()
    (now,) = studio.generation.results(job.id)
    later = StudioKit(studio.cache, studio.settings)
    (then,) = (await later.generation.details(job.id)).pictures
    assert now.before is not None and now.score is not None
    assert then.before is not None and then.score is not None
    for one, other in ((now.before, then.before), (now.score, then.score)):
        assert (one.cosine, one.match) == pytest.approx((other.cosine, other.match))
    assert then.start_path == start.path
