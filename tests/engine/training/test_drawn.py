"""Training on the storybook's world: scenes are drawn, the gallery is held out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine.engine import Engine
from engine.events import JobFinished, JobProgress
from engine.models.input_spec import InputSpec
from engine.settings import EngineSettings
from engine.storybook.claims import is_true
from engine.storybook.training.drawn import TRAIN, VALIDATION, drawn_set
from engine.storybook.training.matcher_rounds import FIT
from engine.training.request import TrainRequest
from engine.workers.drawn_run import captions_of, fit_drawn
from engine.workers.fitting import Told

SPEC = InputSpec(height=32, width=32, mode="squash")


def test_the_two_sets_share_no_scene_and_are_the_same_whoever_asks() -> None:
    learned, watched = drawn_set(TRAIN, 12), drawn_set(VALIDATION, 12)
    assert len(learned) == 12 + 2
    assert not {scene.seed for scene in learned.whole} & {scene.seed for scene in watched.whole}
    assert drawn_set(TRAIN, 12) == learned
    assert captions_of(TRAIN, 12) == [each.text for each in learned.pairs().captions]


def test_pixels_come_in_parts_that_make_the_whole_and_end_with_the_spoiled() -> None:
    learned = drawn_set(TRAIN, 6)
    whole = learned.pixels(0, 99, SPEC)
    assert whole.shape == (7, 32, 32, 3)
    np.testing.assert_array_equal(whole[4:6], learned.pixels(4, 6, SPEC))
    np.testing.assert_array_equal(whole[6:], learned.pixels(6, 66, SPEC))


def test_what_is_said_is_labelled_by_the_scene_and_false_of_spoiled_pictures() -> None:
    learned = drawn_set(TRAIN, 12)
    made = learned.pairs()
    for caption, picture, label in made.pairs:
        if picture < 12:
            assert label == is_true(made.captions[caption].claim, learned.whole[picture])
        else:
            assert not label
    assert {picture for _, picture, _ in made.pairs} == set(range(14))


def test_two_rounds_are_told_as_one_training() -> None:
    torch.set_num_threads(1)
    random = np.random.default_rng(0)

    def vectors(name: str) -> tuple[np.ndarray, np.ndarray]:
        return tuple(  # type: ignore[return-value]
            random.standard_normal((count, 8)).astype(np.float32)
            for count in (len(captions_of(name, 20)), len(drawn_set(name, 20)))
        )

    heard: list[Told] = []
    fit = replace(FIT, hidden=8, epochs=4, batch=64)
    weights, found = fit_drawn((20, 20), vectors(TRAIN), vectors(VALIDATION), fit, heard.append)
    assert weights.w1.shape == (8, 32)
    assert 0 < found.apart < 1
    ends = [told for told in heard if told.stage == "epochs"]
    assert [told.epoch for told in ends] == [1, 2, 3, 4, 5, 6]
    assert ends[-1].epochs == 6
    assert ends[-1].apart > 0
    steps = [told.step for told in heard]
    assert steps == sorted(steps)
    # Mining adds pairs, so that the second round has more steps than the first foresaw.
    assert steps[-1] == ends[-1].steps


async def test_a_stopped_training_does_not_draw_again_what_it_has_drawn(
    tmp_path: Path,
) -> None:
    request = TrainRequest(
        data="storybook", drawn=10, epochs=1, hidden=8, limit=20, language="en", force=True
    )
    stages: list[str] = []
    async with Engine.open(EngineSettings(home=tmp_path)) as engine:
        await engine.storybook.prepare()
        job = engine.train(request)
        engine.jobs.subscribe(
            lambda event: stages.append(event.stage) if isinstance(event, JobProgress) else None
        )
        engine.jobs.subscribe(
            lambda event: (
                job.cancel()
                if isinstance(event, JobProgress)
                and event.job_id == job.id
                and event.stage == "starting the trainer"
                else None
            )
        )
        await job.wait()
        assert "drawing pictures to learn from" in stages
        assert len(list((tmp_path / "training").glob("drawn-*.npz"))) == 2
        stages.clear()
        again = engine.train(request)
        assert isinstance(await again.wait(), JobFinished)
        trained = engine.training.of_job(again.id)
    assert trained is not None
    assert not [stage for stage in stages if stage.startswith("drawing")]
    assert trained.report.pictures == (12, 12, 20)
    assert {each.scorer for each in trained.report.swaps} == {"cosine", "label-free", "match"}
    assert not list((tmp_path / "training").glob("*"))
    assert trained.id is not None
