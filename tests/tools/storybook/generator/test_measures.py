"""What the generator is measured by: prompts, readings, choices, and the card."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from engine.storybook.claims import Claim, is_true
from engine.storybook.wording import Language
from tools.storybook.encoder.measures import Texts
from tools.storybook.generator import check
from tools.storybook.generator.check import goals, table, write_card
from tools.storybook.generator.choose import first_best
from tools.storybook.generator.pipeline import Options, write_options
from tools.storybook.generator.prompts import (
    Kind,
    held_out_prompts,
    read_right,
    stated,
    value_claims,
)
from tools.storybook.optimising import write_training_record
from tools.storybook.sampling import Split, split_of

PROMPTS = held_out_prompts(40, 20, 20)


def test_prompts_state_what_is_true_of_their_scene_and_are_of_their_kind() -> None:
    for prompt in PROMPTS:
        assert is_true(prompt.claim, prompt.scene)
        assert (split_of(prompt.scene) is Split.SEEN) is (prompt.kind is not Kind.UNSEEN)
        assert bool(prompt.claim.subjects) is (prompt.kind is not Kind.PLACES)
    assert len({prompt.text for prompt in PROMPTS}) > 70
    unseen = [split_of(prompt.scene) for prompt in PROMPTS if prompt.kind is Kind.UNSEEN]
    assert unseen.count(Split.UNSEEN_PAIR) == unseen.count(Split.UNSEEN_TRIPLE) == 10


def test_half_of_the_prompts_of_each_kind_are_chinese() -> None:
    for kind in Kind:
        texts = [prompt.text for prompt in PROMPTS if prompt.kind is kind]
        assert sum(any("一" <= letter <= "鿿" for letter in text) for text in texts) * 2 == len(
            texts
        )


class World:
    """Unit vectors for texts that were met, a new axis for each."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def embed(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        rows = np.zeros((len(texts), 3000), np.float32)
        for row, text in enumerate(texts):
            rows[row, self.known.setdefault(text, len(self.known))] = 1.0
        return rows


def pictures_of(claims: list[list[Claim]], texts: Texts) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.stack([texts.vectors(each).sum(0) for each in claims])


def test_an_attribute_is_read_right_only_as_the_value_that_the_prompt_states() -> None:
    texts = Texts(World().embed, Language.ENGLISH)
    right = [[value_claims(p, n)[v] for n, v in stated(p.claim).items()] for p in PROMPTS]
    found = read_right(PROMPTS, pictures_of(right, texts), texts)
    assert {share.value for named in found.values() for share in named.values()} == {1.0}
    assert found[Kind.USUAL]["animal"].asked == 40
    assert "animal" not in found[Kind.PLACES]
    wrong = [
        [
            next(claim for value, claim in value_claims(p, n).items() if value != v)
            for n, v in stated(p.claim).items()
        ]
        for p in PROMPTS
    ]
    found = read_right(PROMPTS, pictures_of(wrong, texts), texts)
    assert {share.right for named in found.values() for share in named.values()} == {0}


def test_of_choices_that_are_as_good_the_fastest_is_taken() -> None:
    assert first_best([0.70, 0.705, 0.709]) == 0
    assert first_best([0.60, 0.705, 0.709]) == 1


@pytest.fixture
def figures() -> dict[str, Any]:
    shares = {"usual": {"animal": 0.98, "place": 0.5}, "unseen": {"animal": 0.6}, "places": {}}
    named = shares | {"match": {"mean": 0.3, "passed": 0.25}}
    return {
        "prompts": 200, "seeds": 1, "seconds": 0.5, "threads": 2,
        "generated": named, "rendered": named, "decoded": named,
    }  # fmt: skip


def test_the_card_says_which_goals_were_missed(figures: dict[str, Any], tmp_path: Path) -> None:
    assert "animal usual 0.98 of 0.97" in goals(figures).split("Missed")[0]
    assert "animal unseen 0.60 of 0.90" in goals(figures).split("Missed")[1]
    samples = {"tower": 10, "unet": 1000, "decoder": 5}
    write_training_record(
        tmp_path, {name: {"samples": n, "seconds": 60} for name, n in samples.items()}
    )
    write_options(tmp_path, replace(Options(), steps=17))
    write_card(tmp_path, figures)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "17 steps" in card and "1,000 pictures" in card and table(figures) in card
    assert "cannot be recognised" not in card and "By eye" not in card
    reading = {"date": "2026-11-30", "animal": 97, "action": 95, "unseen": 48}
    write_card(tmp_path, figures | {"named": [reading]})
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "- 2026-11-30: 97 animals and 95 actions of 100 usual prompts, 48 animals of 50" in card
    figures["generated"]["usual"]["animal"] = 0.2
    write_card(tmp_path, figures)
    assert "cannot be recognised" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_counts_by_eye_stay_on_the_card_when_the_figures_are_measured_again(
    figures: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pipeline and its measuring stand in for models; the command is the real one."""
    parts = ("tower", "unet", "decoder")
    write_training_record(tmp_path, {name: {"samples": 1, "seconds": 60} for name in parts})
    write_options(tmp_path, Options())
    monkeypatch.setattr(check, "load_pipeline", lambda folder: (None, Options()))
    monkeypatch.setattr(check, "check_generator", lambda *asked: (figures | {"memory_mb": 9}, []))
    again = ["--generator", str(tmp_path), "--threads", "1", "--write"]
    for arguments in ([*again, "--named", "97", "95", "48"], again):
        assert CliRunner().invoke(check.main, arguments).exit_code == 0
        card = (tmp_path / "README.md").read_text(encoding="utf-8")
        assert "97 animals and 95 actions of 100 usual prompts, 48 animals of 50" in card
