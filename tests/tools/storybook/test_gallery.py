"""The gallery: what it holds, what it leaves out, and how it is written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.collections import BUILT_IN
from engine.storybook.claims import is_true
from engine.storybook.gallery import read_line, read_masks, read_records
from engine.storybook.suggestions import SUGGESTIONS, Suggestion
from engine.storybook.vocabulary import ACTIONS, ANIMALS
from engine.storybook.wording import Language
from tools.storybook.gallery import (
    COUNT,
    FOR_EACH_SUGGESTION,
    MASK_SIDE,
    gallery_scenes,
    make_record,
    thing_masks,
    write_gallery,
    write_line,
)
from tools.storybook.sampling import Split, sample_scene, split_of

SCENES = gallery_scenes()


def test_it_holds_six_hundred_different_scenes_and_nothing_that_is_kept_out() -> None:
    assert len(SCENES) == COUNT == 600
    assert len(set(SCENES)) == COUNT
    assert all(split_of(scene) is Split.SEEN for scene in SCENES)


def test_every_animal_is_shown_in_every_action_several_times() -> None:
    for animal in ANIMALS:
        for action in ACTIONS:
            shown = [
                a for s in SCENES for a in s.animals if (a.animal, a.action) == (animal, action)
            ]
            assert len(shown) >= 8


@pytest.mark.parametrize("suggestion", SUGGESTIONS, ids=lambda s: s.english)
def test_suggestions_are_answered_exactly_where_they_say_so(suggestion: Suggestion) -> None:
    answers = sum(is_true(suggestion.claim, scene) for scene in SCENES)
    assert answers >= FOR_EACH_SUGGESTION if suggestion.answered else answers == 0


def test_a_written_gallery_reads_back_with_its_pictures(tmp_path: Path) -> None:
    size = write_gallery(tmp_path, count=3)
    records = list(read_records(tmp_path))
    assert [record.scene for record in records] == gallery_scenes(3)
    assert size == sum(path.stat().st_size for path in tmp_path.iterdir())
    for record in records:
        with Image.open(tmp_path / record.file) as image:
            assert (image.size, image.format) == ((512, 512), "WEBP")


def test_the_masks_that_ship_are_where_the_things_of_the_pictures_are_drawn() -> None:
    records, shipped = list(read_records(BUILT_IN.folder)), read_masks(BUILT_IN.masks)
    assert {each.picture for each in shipped} == set(range(COUNT))
    for number in range(0, COUNT, 60):
        drawn = thing_masks(records[number].scene)
        mine = {each.name: each.mask for each in shipped if each.picture == number}
        assert list(mine) == list(drawn)
        middles = (np.arange(MASK_SIDE) + 0.5) / MASK_SIDE
        across, down = np.tile(middles, MASK_SIDE), np.repeat(middles, MASK_SIDE)
        for name, mask in drawn.items():
            assert (mine[name].holds(across, down) == mask.ravel()).all()


def test_a_record_survives_its_line() -> None:
    record = make_record("a.webp", sample_scene(3))
    assert read_line(write_line(record)) == record
    assert "\n" not in write_line(record)
    assert all(len(record.captions[language]) == 3 for language in Language)
