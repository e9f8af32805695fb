"""Captions: true by construction, at three levels, in two languages."""

from random import Random

import pytest

from engine.storybook.captions import LEVELS, caption, claim_of, partial_claim
from engine.storybook.claims import Claim, Subject, is_true
from engine.storybook.scenes import Animal, Scene
from engine.storybook.vocabulary import ATTRIBUTES
from engine.storybook.wording import Language, write
from tools.storybook.encoder.batches import without_colour
from tools.storybook.sampling import sample_scene

HORSE = Animal(animal="horse", colour="brown", action="eating", position="left")
CAT = Animal(animal="cat", colour="black", action="sleeping", position="right")
TWO = Scene(animals=(HORSE, CAT), place="farmyard", time="night", prop="hay", seed=1)


def subject(**stated: str) -> Claim:
    return Claim(subjects=(Subject(**stated),))


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("level", LEVELS)
def test_captions_are_true_of_their_scene_and_longer_at_each_level(
    language: Language, level: int
) -> None:
    for seed in range(200):
        scene = sample_scene(seed)
        made = caption(scene, level, language, Random(seed))
        assert is_true(made.claim, scene)
        assert made.text == made.text.strip() and "  " not in made.text


def test_partial_claims_are_true_and_never_empty() -> None:
    for seed in range(500):
        claim = partial_claim(sample_scene(seed), Random(seed))
        assert is_true(claim, sample_scene(seed))
        assert claim != Claim()


def test_level_two_is_colour_animal_and_action() -> None:
    scene = Scene(animals=(HORSE,), place="meadow", time="day", prop="none", seed=1)
    texts = {caption(scene, 2, Language.ENGLISH, Random(k)).text for k in range(60)}
    assert "a brown horse eating grass" in texts
    texts = {caption(scene, 2, Language.CHINESE, Random(k)).text for k in range(60)}
    assert "一匹棕色的马在吃草" in texts
    assert len(texts) > 8


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="no level 4"):
        claim_of(TWO, 4, Random(0))


@pytest.mark.parametrize(
    ("claim", "truth"),
    [
        (subject(animal="horse"), True),
        (subject(animal="horse", colour="black"), False),
        (subject(colour="black"), True),
        (subject(animal="cat", action="sleeping", position="right"), True),
        (subject(animal="cat", position="left"), False),
        (Claim(subjects=(Subject(animal="cat"), Subject(animal="horse"))), True),
        (Claim(subjects=(Subject(animal="cat"), Subject(animal="cat"))), False),
        (Claim(place="farmyard", time="night", prop="hay"), True),
        (Claim(place="beach"), False),
        (Claim(prop="ball"), False),
        (Claim(foreign=True), False),
    ],
)
def test_the_truth_of_a_claim_in_a_scene(claim: Claim, truth: bool) -> None:
    assert is_true(claim, TWO) is truth


def test_two_subjects_cannot_be_the_same_animal() -> None:
    one = Scene(animals=(CAT,), place="snow", time="day", prop="none", seed=1)
    assert not is_true(Claim(subjects=(Subject(animal="cat"), Subject(colour="black"))), one)


def test_taking_colours_away_leaves_the_rest() -> None:
    claim = subject(animal="horse", colour="brown", action="eating")
    assert without_colour(claim) == subject(animal="horse", action="eating")


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("name", ["animal", "colour", "action", "position"])
def test_values_of_an_attribute_never_share_a_wording(language: Language, name: str) -> None:
    """One wording for two values would make captions ambiguous."""
    seen: dict[str, str] = {}
    for value in ATTRIBUTES[name]:
        for k in range(60):
            stated = {"animal": "dog", name: value}
            text = write(subject(**stated), language, Random(k)).text
            assert seen.setdefault(text, value) == value


def test_writing_is_decided_by_the_generator() -> None:
    claim = claim_of(TWO, 3, Random(0))
    for language in Language:
        same = {write(claim, language, Random(4)).text for _ in range(3)}
        assert len(same) == 1
        assert len({write(claim, language, Random(k)).text for k in range(40)}) > 20
