"""Training on the storybook: its gallery is learned from and held out, with exact truth."""

import json
from pathlib import Path

import numpy as np

from cache.embeddings import EncoderRecord
from engine.collections import BUILT_IN
from engine.engine import Engine
from engine.evaluation.embeddings import EmbeddedData
from engine.evaluation.sources import scenes_data
from engine.events import JobEvent, JobFinished, JobProgress
from engine.jobs.codec import request_from_json, request_to_json
from engine.requests import TrainRequest
from engine.results import FloatArray
from engine.settings import EngineSettings
from engine.storybook.captions import captions_of
from engine.storybook.claims import is_true
from engine.storybook.gallery import read_records, swapped_claims
from engine.storybook.scenes import Scene
from engine.storybook.wording import Language, fixed_wording
from engine.training.split import as_arrays, split

SCENES = {record.file: record.scene for record in read_records(BUILT_IN.folder)}


def numbered(count: int, first: int = 0) -> FloatArray:
    """Vectors that say which they are."""
    return np.arange(first, first + count, dtype=np.float32)[:, None].repeat(4, axis=1)


def gallery() -> EmbeddedData:
    """The gallery in English, a text or picture to be known by its vector."""
    data = scenes_data("en")
    spoken = data.spoken()
    return EmbeddedData(
        encoder=EncoderRecord(id="e", dim=4, logit_scale=100.0, source=""),
        data=data,
        texts=numbered(len(data.texts)),
        languages=("en",) * len(data.texts),
        pictures=numbered(len(data.pictures)),
        spoken=dict(zip(spoken, numbered(len(spoken)), strict=True)),
    )


def test_what_is_learned_is_true_or_false_of_the_very_scene() -> None:
    whole = gallery()
    claims = {
        each.text: each.claim
        for file, scene in SCENES.items()
        for each in captions_of(file, scene, Language.ENGLISH)
    }
    _, wrong = swapped_claims(list(SCENES.values()))
    wrong_claims = {fixed_wording(claim, Language.ENGLISH): claim for claim in wrong}
    spoken = list(whole.spoken)

    def scene(picture: FloatArray) -> Scene:
        return SCENES[Path(whole.data.pictures[int(picture[0])]).name]

    parts = split(whole, validation=0.15, held_out=0.2, seed=0)
    texts, pictures, text, picture, false, false_of, states = as_arrays(parts.train)
    assert states.shape == (len(pictures), 0, pictures.shape[1])
    assert len(pictures) == 390
    for row, column in zip(text, picture, strict=True):
        claim = claims[whole.data.texts[int(texts[row][0])]]
        assert is_true(claim, scene(pictures[column]))
    assert len(false) == 2 * 390, "each picture has a short and a full caption made false"
    for vector, column in zip(false, false_of, strict=True):
        claim = wrong_claims[spoken[int(vector[0])]]
        assert not is_true(claim, scene(pictures[column]))
    of_others = {name for part in (parts.validation, parts.held_out) for name in part.data.pictures}
    assert not of_others & set(parts.train.data.pictures)


async def test_the_gallery_is_learned_from_beside_what_ships_and_its_texts_are_read_once(
    tmp_path: Path,
) -> None:
    request = TrainRequest(
        data="storybook", epochs=1, hidden=8, limit=60, language="en", force=True
    )
    stages: list[str] = []

    def listen(event: JobEvent) -> None:
        if isinstance(event, JobProgress):
            stages.append(event.stage)

    async with Engine.open(EngineSettings(home=tmp_path)) as engine:
        await engine.collection.prepare()
        engine.jobs.subscribe(listen)
        first = engine.train(request)
        assert isinstance(await first.wait(), JobFinished)
        assert "embedding texts" in stages
        stages.clear()
        second = engine.train(request)
        assert isinstance(await second.wait(), JobFinished)
        assert "embedding texts" not in stages
        one, other = (engine.training.of_job(each.id) for each in (first, second))
    assert one is not None
    assert other is not None
    assert one.id is not None
    assert one.report.pictures == (39, 9, 12)
    assert one.report.retrieval == other.report.retrieval
    scorers = {"cosine", "label-free", "match", "shipped"}
    assert {each.scorer for each in one.report.swaps} == scorers
    assert {each.scorer for each in one.report.retrieval} == scorers | {"fusion"}
    assert not (tmp_path / "training").exists() or not list((tmp_path / "training").iterdir())


def test_jobs_of_older_versions_that_name_drawn_scenes_are_still_read() -> None:
    request = TrainRequest(data="storybook", seed=3)
    kept = json.loads(request_to_json(request)) | {"drawn": 9000}
    assert request_from_json(TrainRequest, json.dumps(kept)) == request
