"""Trainings from the request to the matcher in force, in a real process, without an encoder."""

from pathlib import Path

import numpy as np
import pytest

from cache.matchers import newest_matcher
from engine.errors import ModelUnusableError, RequestError
from engine.evaluation.embeddings import EmbeddedData
from engine.events import JobCancelled, JobFailed, JobFinished, JobProgress, TrainingProgress
from engine.requests import EvaluateRequest, SearchRequest, TrainRequest
from engine.scoring.matcher import read_matcher
from engine.training.report import read_report, summary
from engine.training.split import split
from tests.engine.evaluation.libraries import ENCODER, evaluated, opened, write_data
from tests.engine.matchers import random_matcher


async def test_a_matcher_is_trained_reported_on_kept_and_used(tmp_path: Path) -> None:
    """One process for several claims: it takes seconds to import what it trains with."""
    data = write_data(tmp_path)
    seen: list[TrainingProgress] = []
    request = TrainRequest(data=str(data), hidden=8, epochs=2, force=True, beside=("two-branch",))
    async with opened(tmp_path) as engine:
        engine.jobs.subscribe(
            lambda event: seen.append(event) if isinstance(event, TrainingProgress) else None
        )
        job = engine.train(request)
        end = await job.wait()
        assert isinstance(end, JobFinished), end
        trained = engine.training.of_job(job.id)
        assert trained is not None
        report = trained.report
        kept = await engine.cache.read(newest_matcher, ENCODER)
        assert kept is not None
        assert kept.id == trained.id
        assert kept.weights == trained.weights
        assert read_report(kept.report) == report
        assert read_matcher(kept.weights, ENCODER).report == kept.report
        answer = await engine.search(SearchRequest(query="a red thing 3 of kind 1", offline=True))
        assert answer.receipt.matcher == f"matcher {kept.id}"

        target = tmp_path / "m.safetensors"
        await engine.training.export(kept.id, target)
        again = await engine.training.take_in(target)
        assert again != kept.id
        assert [each.id for each in await engine.training.matchers()] == [again, kept.id]
    assert sum(report.pictures) == 30
    assert {each.scorer for each in report.retrieval} == {
        *("cosine", "label-free", "match", "two-branch", "fusion"),
    }
    assert {each.other for each in report.against_label_free} == {"label-free"}
    assert "routing" in {each.measure for each in report.against_label_free}
    assert summary(report.as_json()).startswith("mAP ")
    assert {"metric", "epochs"} <= {event.stage for event in seen}
    assert all(event.loss > 0 for event in seen)
    assert not list((tmp_path / "home" / "training").glob("*"))


async def test_a_cancelled_training_stops_and_keeps_nothing(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        job = engine.train(TrainRequest(data=str(data)))
        engine.jobs.subscribe(
            lambda event: (
                job.cancel()
                if isinstance(event, JobProgress) and event.stage == "starting the trainer"
                else None
            )
        )
        assert isinstance(await job.wait(), JobCancelled)
        assert await engine.training.matchers() == []


async def test_what_keeps_a_training_from_being_kept_is_named_by_its_path(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        in_the_way = engine.settings.home / "training"
        in_the_way.write_text("no folder")
        end = await engine.train(TrainRequest(data=str(data), hidden=8, epochs=2)).wait()
    assert isinstance(end, JobFailed)
    assert f"cannot be written: it is no folder; {in_the_way} is no folder" in end.message
    assert "--home" in end.hint


@pytest.mark.parametrize(
    "fields",
    [{"hidden": 1}, {"held_out": 0.0}, {"validation": 0.9}, {"head": "x"}, {"loss": "triangle"}],
)
async def test_trainings_that_make_no_sense_are_refused(
    tmp_path: Path, fields: dict[str, object]
) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        request = TrainRequest(data=str(data), **fields)  # type: ignore[arg-type]
        assert isinstance(await engine.train(request).wait(), JobFailed)


async def test_matchers_of_other_makes_are_refused(tmp_path: Path) -> None:
    write_data(tmp_path)
    source = tmp_path / "x.safetensors"
    async with opened(tmp_path) as engine:
        for weights, error, told in (
            (b"no such thing", ModelUnusableError, "no matcher"),
            (random_matcher("other/clip", 48), RequestError, "knows nothing of"),
            (random_matcher(ENCODER, 12), ModelUnusableError, "12 numbers"),
        ):
            source.write_bytes(weights)
            with pytest.raises(error, match=told):
                await engine.training.take_in(source)
        with pytest.raises(RequestError, match="no matcher 7"):
            await engine.training.export(7, tmp_path / "y.safetensors")
        source.write_bytes(random_matcher(ENCODER, 48))
        assert await engine.training.take_in(source) == 1
        assert summary((await engine.training.matchers())[0].report) == "shipped or made elsewhere"


def test_no_picture_and_none_of_its_captions_is_in_two_parts(material: EmbeddedData) -> None:
    parts = split(material, 0.15, 0.2, seed=3)
    three = (parts.train, parts.validation, parts.held_out)
    pictures = [set(part.data.pictures) for part in three]
    texts = [set(part.data.texts) for part in three]
    assert [len(some) for some in pictures] == [26, 6, 8]
    for some in (pictures, texts):
        assert not some[0] & some[1]
        assert not some[0] & some[2]
        assert not some[1] & some[2]
    for part in three:
        for text, picture in zip(part.data.right.text, part.data.right.picture, strict=True):
            number = int(part.data.texts[text].split()[-1])
            assert part.data.pictures[picture] == f"{number // 3}.jpg"
            np.testing.assert_array_equal(part.texts[text], material.texts[number])
            np.testing.assert_array_equal(part.pictures[picture], material.pictures[number // 3])


def test_too_few_pictures_are_refused(material: EmbeddedData) -> None:
    with pytest.raises(RequestError, match="too few"):
        split(material, 0.05, 0.05, seed=0)


async def test_a_removed_matcher_leaves_the_one_before_in_force(tmp_path: Path) -> None:
    write_data(tmp_path)
    source = tmp_path / "x.safetensors"
    source.write_bytes(random_matcher(ENCODER, 48))
    async with opened(tmp_path) as engine:
        first, second = [await engine.training.take_in(source) for _ in range(2)]
        await engine.training.remove(second)
        answer = await engine.search(SearchRequest(query="a red thing 3 of kind 1", offline=True))
        assert answer.receipt.matcher == f"matcher {first}"
        with pytest.raises(RequestError, match=f"no matcher {second}"):
            await engine.training.remove(second)
        with pytest.raises(RequestError, match="trained nothing"):
            await engine.training.store(7)


async def test_labels_calibrate_a_matcher_that_comes_into_force_later(tmp_path: Path) -> None:
    write_data(tmp_path)
    source = tmp_path / "x.safetensors"
    source.write_bytes(random_matcher(ENCODER, 48))
    request = SearchRequest(query="a red thing 3 of kind 1", offline=True)
    async with opened(tmp_path) as engine:
        labels = engine.searcher.labels
        for row in (await engine.search(request)).rows[:3]:
            await labels.put(request.query, row.picture_id, fits=False, encoder_id=ENCODER)
        kept = await engine.training.take_in(source)
        found = (await engine.search(request)).receipt.matcher
        assert found == f"matcher {kept}, calibrated by 3 labels"
        asked = EvaluateRequest(
            data=str(tmp_path / "results.token"), scorers=("match",), offline=True, resamples=0
        )
        evaluation, _ = await evaluated(engine, asked)
        assert evaluation.match == found
