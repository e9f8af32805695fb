"""Renderings that follow from their captions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.storybook.scenes import Animal, Scene
from tests.tools.storybook.generator.conftest import SHARD
from tools.storybook.generator import shards
from tools.storybook.generator.rendering import CELL, SCENERIES, SIDE, coverage, render_fixed
from tools.storybook.sampling import Split, sample_scene, split_of

COW = Animal(animal="cow", colour="brown", action="standing", position="middle")
SCENE = Scene(animals=(COW,), place="meadow", time="day", prop="none", seed=0)


def pixels(scene: Scene, *, with_animal: bool = True) -> np.ndarray:
    """The rendering as numbers."""
    return np.asarray(render_fixed(scene, with_animal=with_animal), dtype=np.int16)


def at(position: str) -> Scene:
    """The scene with its cow elsewhere."""
    return replace(SCENE, animals=(replace(COW, position=position),))


def test_a_seed_chooses_the_scenery_and_nothing_else() -> None:
    same = pixels(replace(SCENE, seed=SCENERIES * 7))
    assert np.array_equal(pixels(SCENE), same)
    animal = coverage(SCENE, SIDE) == 255
    for seed in range(1, SCENERIES):
        other = pixels(replace(SCENE, seed=seed))
        assert not np.array_equal(pixels(SCENE), other)
        assert np.array_equal(pixels(SCENE)[animal], other[animal])


@pytest.mark.parametrize(("position", "cells"), [("left", -1), ("right", 1)])
def test_positions_lie_a_latent_cell_apart(position: str, cells: int) -> None:
    middle, moved = coverage(SCENE, SIDE), coverage(at(position), SIDE)
    inner = slice(2 * CELL, SIDE - 2 * CELL)
    shifted = np.roll(middle, cells * CELL, axis=1)
    assert np.array_equal(shifted[:, inner], moved[:, inner])


def test_what_an_animal_leaves_behind_is_the_same_scene() -> None:
    whole, left = pixels(SCENE), pixels(SCENE, with_animal=False)
    away = coverage(SCENE, SIDE) == 0
    away[70:] = False
    assert np.array_equal(whole[away], left[away])
    near = coverage(SCENE, SIDE) == 255
    assert np.abs(whole - left)[near].mean() > 20


def test_every_animal_fits_into_the_picture_wherever_it_is() -> None:
    for seed in range(60):
        scene = sample_scene(seed, two_share=0.0)
        covered = coverage(replace(scene, prop="none"), SIDE)
        assert covered[0].max() == 0 and covered.astype(bool).mean() > 0.05, scene


def test_training_shows_no_combination_that_is_kept_for_measuring() -> None:
    subjects = [shards.subject_of(number) for number in range(400)]
    assert {split_of(each.scene) for each in subjects} == {Split.SEEN}
    assert {len(each.scene.animals) for each in subjects} == {1}
    empty = sum(not each.with_animal for each in subjects)
    assert empty == 400 // shards.EMPTY_EVERY


def test_shards_that_are_there_are_left_alone(folder: Path) -> None:
    from click.testing import CliRunner

    target = folder / "renderings"
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    found = CliRunner().invoke(shards.main, ["--folder", str(folder), "--shards", "2"])
    assert found.output == ""
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == before


def test_renderings_are_found_by_number_across_shards(folder: Path) -> None:
    found = shards.open_renderings(folder)
    assert len(found) == 2 * SHARD
    number = SHARD + 3
    subject = shards.subject_of(number)
    expected = np.asarray(render_fixed(subject.scene, with_animal=subject.with_animal))
    assert np.array_equal(found.pick(np.array([number]))[0], expected)
    assert np.array_equal(found.coverage[number], coverage(subject.scene, 24))
