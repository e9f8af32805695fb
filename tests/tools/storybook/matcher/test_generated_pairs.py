"""What generated pictures teach the matcher, and what its card says of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from engine.collections import BUILT_IN
from engine.storybook.claims import is_true
from tools.storybook.check import held_out_generated, write_matcher_card
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.generator.pipeline import load_pipeline
from tools.storybook.generator.prompts import GENERATED, generated_prompts
from tools.storybook.generator.samples import generate_many
from tools.storybook.matcher.material import load_generated
from tools.storybook.matcher.pairs import PairList, add_generated


def test_a_prompt_is_true_of_the_pictures_that_are_read_right_and_of_no_other() -> None:
    prompts, made = generated_prompts(4), PairList()
    add_generated(made, prompts, [True, False, True, False], first=10)
    own = {
        picture: label
        for number, picture, label in made.pairs
        if made.captions[number].text == prompts[picture - 10].text
    }
    assert own == {10: True, 11: False, 12: True, 13: False}
    others = [
        (made.captions[number].claim, picture, label)
        for number, picture, label in made.pairs
        if made.captions[number].text != prompts[picture - 10].text
    ]
    assert {picture for _, picture, _ in others} <= {10, 12} and others
    for claim, picture, label in others:
        assert not label and not is_true(claim, prompts[picture - 10].scene)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_check_reads_pictures_that_a_training_keeps_for_its_report(tmp_path: Path) -> None:
    """Prompts and seeds are theirs, so that no matcher is measured by what it was taught."""
    pipe, options = load_pipeline(BUILT_IN.generator)
    np.save(tmp_path / GENERATED, generate_many(pipe, options, 6))
    encoder = EncoderFolder(BUILT_IN.encoder)
    kept = load_generated(tmp_path, encoder, held_out=True)
    taught = load_generated(tmp_path, encoder, held_out=False)
    assert kept is not None and taught is not None
    found = held_out_generated(encoder, BUILT_IN.generator, 2)
    assert [prompt.text for prompt in found.prompts] == [prompt.text for prompt in kept.prompts]
    assert not {prompt.text for prompt in found.prompts} & {p.text for p in taught.prompts}
    assert (found.vectors * kept.vectors).sum(axis=1).min() > 0.999


def test_a_card_counts_the_generated_pictures_and_keeps_the_photos(tmp_path: Path) -> None:
    """Photos are measured now and then only: a card without new figures of them has the old."""
    with safe_open(BUILT_IN.matcher, framework="numpy") as file:
        before = json.loads(file.metadata()["report"])
    report = {name: value for name, value in before.items() if name not in ("photos", "painted")}
    report["degraded_below_half"] = 0.875
    report["generated"] = {
        "generated": 40.0, "right": 0.95, "right_passed": 0.5, "wrong_passed": 0.25,
    }  # fmt: skip
    photos = {
        "photos": 7.0, "names_passed": 0.125, "any_name_passed": 0.25,
        "captions_passed": 0.0, "any_caption_passed": 0.0,
    }  # fmt: skip
    path = tmp_path / "matcher.safetensors"
    metadata = {"report": json.dumps({"photos": photos})}
    save_file(load_file(BUILT_IN.matcher), path, metadata=metadata)
    write_matcher_card(path, report)
    card = " ".join(path.with_suffix(".md").read_text(encoding="utf-8").split())
    assert "0.875" in card and "for 40 prompts: from 0.950" in card
    assert "0.500 pass 0.5 for their prompt, of the 2 others 0.250." in card
    assert "(7 photos of the same ten animals)" in card
    write_matcher_card(path, {**report, "photos": {**photos, "photos": 9.0}})
    assert "(9 photos" in path.with_suffix(".md").read_text(encoding="utf-8")
