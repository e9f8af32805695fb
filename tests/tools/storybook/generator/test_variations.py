"""What pictures keep of those that they are started from."""

from pathlib import Path

import pytest
from PIL import Image

from engine.collections import BUILT_IN
from engine.storybook.captions import full_claim
from engine.storybook.claims import is_true
from engine.storybook.vocabulary import Attribute
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.generator.check import write_card
from tools.storybook.generator.pipeline import generate, load_pipeline, vary
from tools.storybook.generator.rendering import render_fixed
from tools.storybook.generator.variations import EXCHANGED, decibels, exchanged, keeps
from tools.storybook.sampling import sample_scene

SCENES = [sample_scene(seed, two_share=0.0) for seed in range(12)]


@pytest.mark.parametrize("name", EXCHANGED)
def test_one_attribute_is_exchanged_and_nothing_else(name: Attribute) -> None:
    for scene in SCENES:
        claim, value = exchanged(scene, name)
        assert not is_true(claim, scene)
        own, other = full_claim(scene), claim
        before = own.stated() | own.subjects[0].stated()
        after = other.stated() | other.subjects[0].stated()
        assert {key for key in before if before[key] != after[key]} == {name}
        assert after[name] == value


def test_a_rendering_keeps_its_own_attributes_and_not_those_of_another() -> None:
    encoder = EncoderFolder(BUILT_IN.encoder)
    kept = lost = 0
    for scene in SCENES:
        _, colour = exchanged(scene, Attribute.COLOUR)
        kept += keeps(scene, Attribute.COLOUR, colour, render_fixed(scene), encoder)
        other = next(each for each in SCENES if each.animals[0].animal != scene.animals[0].animal)
        found = other.animals[0].animal
        lost += not keeps(scene, Attribute.ANIMAL, found, render_fixed(other), encoder)
    assert kept >= 11 and lost >= 11


def test_decibels_fall_by_twenty_for_ten_times_the_difference() -> None:
    black, dim, bright = (Image.new("RGB", (4, 4), (k, k, k)) for k in (0, 5, 50))
    assert decibels(black, dim) - decibels(black, bright) == pytest.approx(20.0)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_start_is_taken_up_and_its_strength_counts(exported: Path) -> None:
    pipe, options = load_pipeline(exported)
    start = render_fixed(SCENES[0])
    weak, strong = (
        vary(pipe, ["a cow"], [start], [3], options, strength)[0] for strength in (0.5, 1.0)
    )
    assert weak.size == start.size
    assert weak.tobytes() != strong.tobytes()
    assert generate(pipe, ["a cow"], [3], options)[0].tobytes() != weak.tobytes()


def test_the_card_says_what_is_kept(exported: Path, tmp_path: Path) -> None:
    shares = {"usual": {"animal": 0.98}}
    named = shares | {"match": {"mean": 0.3, "passed": 0.25}}
    figures = {
        "prompts": 1, "seeds": 1, "seconds": 0.5, "threads": 2,
        "generated": named, "rendered": named, "decoded": named,
        "started": {"0.3": {"decibels": 24.9, "colour": 0.1}, "0.5": {"colour": 0}},
    }  # fmt: skip
    for path in ("training.json", "t2itui.json"):
        (tmp_path / path).write_bytes((exported / path).read_bytes())
    write_card(tmp_path, figures)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert (
        "| strength | 0.3 | 0.5 |" in card
        and "| colour | 0.1 | 0 |" in card
        and "| decibels | 24.9 |  |" in card
    )
