"""Training on the storybook's world: scenes are drawn, others and the gallery are held out."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from engine.engine import Engine
from engine.events import JobCancelled, JobEvent, JobFinished, JobProgress
from engine.models.input_spec import InputSpec
from engine.settings import EngineSettings
from engine.storybook.claims import is_true
from engine.storybook.scene import Split
from engine.storybook.shipped import ENCODER
from engine.storybook.training.drawn import REPORT, TRAIN, VALIDATION, blocks
from engine.storybook.training.encoder_folder import EncoderFolder
from engine.storybook.training.held_out import SIZES
from engine.storybook.training.matcher_material import to_report_on
from engine.storybook.training.matcher_rounds import FIT
from engine.training.request import TrainRequest
from engine.training.run import DRAWER
from engine.workers.drawn_run import Embedded, figures, fit_drawn
from engine.workers.fitting import Told
from engine.workers.labelled import Floats, MatcherWeights

SPEC = InputSpec(height=32, width=32, mode="squash")
DIM = 8


def vector(of: str) -> Floats:
    """One that a text or a scene always has."""
    seed = int.from_bytes(hashlib.sha256(of.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)


def embedded(name: str, count: int) -> Embedded:
    """A set whose vectors are made of texts and seeds."""
    every = blocks(name, count)
    scenes = [scene for block in every for scene in (*block.whole, *block.spoiled)]
    return Embedded(
        name=name,
        count=count,
        texts=np.stack([vector(text) for block in every for text in block.texts]),
        pictures=np.stack([vector(str(scene.seed)) for scene in scenes]),
    )


def test_the_sets_share_no_scene_and_are_the_same_whoever_asks() -> None:
    sets = [blocks(name, 12) for name in (TRAIN, VALIDATION, REPORT)]
    seeds = [
        scene.seed for found in sets for block in found for scene in (*block.whole, *block.spoiled)
    ]
    assert len(seeds) == len(set(seeds)) == (12 + 2) + (12 + 3) + (12 + 3)
    blocks.cache_clear()
    for found in sets:
        again = blocks(found[0].name, 12)
        assert again == found
        assert [block.texts for block in again] == [block.texts for block in found]


def test_more_scenes_are_more_blocks_and_the_first_ones_stay_what_they_are() -> None:
    few, many = blocks(TRAIN, 600), blocks(TRAIN, 700)
    assert [len(block.whole) for block in many] == [600, 100]
    assert many[0].digest(SPEC) == few[0].digest(SPEC)
    assert many[1].digest(SPEC) != many[0].digest(SPEC)


def test_pixels_come_in_parts_that_make_the_whole_and_end_with_the_spoiled() -> None:
    (learned,) = blocks(TRAIN, 6)
    whole = learned.pixels(0, 99, SPEC)
    assert whole.shape == (7, 32, 32, 3)
    np.testing.assert_array_equal(whole[4:6], learned.pixels(4, 6, SPEC))
    np.testing.assert_array_equal(whole[6:], learned.pixels(6, 66, SPEC))


def test_what_is_said_is_labelled_by_the_scene_and_false_of_spoiled_pictures() -> None:
    """In two blocks, whose pictures and texts are put together in another order."""
    material = embedded(TRAIN, 620).material()
    assert [scene.seed for scene in material.scenes] == list(range(620))
    assert len(material.pictures) == 620 + 100 + 4
    texts = [caption.text for caption in material.made.captions]
    assert len(texts) == len(set(texts))
    np.testing.assert_array_equal(material.texts, [vector(text) for text in texts])
    np.testing.assert_array_equal(material.whole, [vector(str(seed)) for seed in range(620)])
    for caption, picture, label in material.made.pairs:
        if picture < 620:
            claim = material.made.captions[caption].claim
            assert label == is_true(claim, material.scenes[picture])
        else:
            assert not label
    assert {picture for _, picture, _ in material.made.pairs} == set(range(724))


def test_the_report_is_made_on_the_very_pairs_of_the_shipped_matchers_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, Split.SEEN, 15)
    torch.set_num_threads(1)
    encoder = EncoderFolder(ENCODER)
    theirs = to_report_on(tmp_path, encoder)
    (block,) = blocks(REPORT, 15)
    spec = InputSpec(height=96, width=96, mode="squash")
    seen = encoder._towers.embed_pixels(block.pixels(0, len(block), spec), lambda: None)
    mine = Embedded(
        name=REPORT, count=15, texts=encoder.embed_texts(block.texts), pictures=seen
    ).material()
    assert mine.made.pairs == theirs.made.pairs
    assert mine.made.captions == theirs.made.captions
    assert list(mine.scenes) == list(theirs.scenes)
    np.testing.assert_allclose(mine.pictures, theirs.pictures, atol=1e-5)
    np.testing.assert_allclose(mine.texts, theirs.texts, atol=1e-5)


def test_two_rounds_are_told_as_one_training() -> None:
    torch.set_num_threads(1)
    heard: list[Told] = []
    fit = replace(FIT, hidden=8, epochs=4, batch=64)
    train, watched = embedded(TRAIN, 20), embedded(VALIDATION, 20)
    weights, found = fit_drawn(train, watched, fit, heard.append)
    assert weights.w1.shape == (8, 4 * DIM)
    assert 0 < found.apart < 1
    ends = [told for told in heard if told.stage == "epochs"]
    assert [told.epoch for told in ends] == [1, 2, 3, 4, 5, 6]
    assert ends[-1].epochs == 6
    assert ends[-1].apart > 0
    steps = [told.step for told in heard]
    assert steps == sorted(steps)
    # Mining adds pairs, so that the second round has more steps than the first foresaw.
    assert steps[-1] == ends[-1].steps


def test_figures_stand_beside_those_of_what_ships_on_the_same_pairs() -> None:
    random = np.random.default_rng(0)

    def weights() -> MatcherWeights:
        first, second = random.standard_normal((6, 4 * DIM)), random.standard_normal((1, 6))
        return MatcherWeights(
            w1=first.astype(np.float32),
            b1=np.zeros(6, np.float32),
            w2=second.astype(np.float32),
            b2=np.zeros(1, np.float32),
        )

    report = embedded(REPORT, 10)
    one, other = weights(), weights()
    gallery = random.standard_normal((20, DIM)).astype(np.float32)
    both = figures(one, other, report, gallery)
    assert {each.name for each in both} == {
        *("calibration_error", "spoiled_below_half", "routing"),
        *(f"{name}_{language}" for name in ("swapped_auc", "level2_precision")
          for language in ("en", "zh")),
    }  # fmt: skip
    turned = figures(other, one, report, gallery)
    assert [each.shipped for each in turned] == [each.match for each in both]
    assert [each.match for each in turned] == [each.shipped for each in both]
    alone = figures(one, None, report, gallery[:0])
    assert [each.match for each in alone] == [e.match for e in both if e.name != "routing"]
    assert {each.shipped for each in alone} == {None}


async def test_a_training_goes_on_from_what_was_drawn_and_the_next_one_draws_nothing(
    tmp_path: Path,
) -> None:
    request = TrainRequest(
        data="storybook", drawn=70, epochs=1, hidden=8, limit=20, language="en", force=True
    )
    counted: list[int] = []
    folder = tmp_path / "drawn"

    def count(event: JobEvent) -> None:
        if isinstance(event, JobProgress) and event.stage == "drawing scenes" and event.total:
            counted.append(event.done)

    async with Engine.open(EngineSettings(home=tmp_path)) as engine:
        await engine.collection.prepare()
        engine.jobs.subscribe(count)
        job = engine.train(request)
        stop = engine.jobs.subscribe(lambda _: job.cancel() if [*folder.glob("*.npz")] else None)
        assert isinstance(await job.wait(), JobCancelled)
        stop()
        left = psutil.Process().children(recursive=True)
        assert not [each for each in left if DRAWER in each.cmdline()], "a stop ends what draws"
        drawn = len(list(folder.glob("*")))
        assert 1 <= drawn < 3
        counted.clear()
        again = engine.train(request)
        assert isinstance(await again.wait(), JobFinished)
        assert counted[0] >= 82, "the first set is there already"
        assert counted[-1] == (70 + 12) + (70 + 14) + (70 + 14)
        made = {path: path.stat().st_mtime_ns for path in folder.glob("*")}
        assert len(made) == 3
        counted.clear()
        third = engine.train(request)
        assert isinstance(await third.wait(), JobFinished)
        assert set(counted) == {counted[-1]}
        assert {path: path.stat().st_mtime_ns for path in folder.glob("*")} == made
        first, second = (engine.training.of_job(each.id) for each in (again, third))
    assert first is not None
    assert second is not None
    assert first.report.pictures == (82, 84, 20)
    assert first.report.scenes == second.report.scenes
    assert all(each.shipped is not None for each in first.report.scenes)
    assert {each.scorer for each in first.report.swaps} == {"cosine", "label-free", "match"}
    assert first.id is not None
