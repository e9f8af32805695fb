"""Codes of claims."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from engine.storybook.claims import Claim, Subject
from engine.storybook.scenes import UNSEEN_PAIRS, UNSEEN_TRIPLES
from engine.storybook.vocabulary import ANIMALS
from tools.storybook.generator.codes import (
    FIELDS,
    STRENGTH,
    UNSTATED,
    USUAL_COLOUR,
    WIDTH,
    blank,
    code_of,
    code_states,
    read_code,
    resolved,
    right_share,
    span,
    thinned,
    whole_code,
)
from tools.storybook.sampling import sample_scene


def claim(**stated: str) -> Claim:
    """A claim of one animal and where it is."""
    place = stated.pop("place", None)
    return Claim(subjects=(Subject(**stated),), place=place)


def test_what_is_usual_need_not_be_said() -> None:
    brief = claim(animal="dog")
    full = replace(
        claim(animal="dog", colour="brown", action="standing", position="middle", place="meadow"),
        time="day",
        prop="none",
    )
    assert resolved(brief) == full
    assert torch.equal(code_of(brief), code_of(full))
    said = claim(animal="dog", colour="red", action="running", position="left")
    assert not torch.equal(code_of(said), code_of(full))


def test_of_two_animals_the_first_is_coded() -> None:
    two = Claim(subjects=(Subject(animal="cow"), Subject(animal="cat")))
    assert torch.equal(code_of(two), code_of(claim(animal="cow")))


def test_a_code_is_read_back() -> None:
    scene = sample_scene(7, two_share=0.0)
    animal = scene.animals[0]
    assert read_code(whole_code(scene, True)[None]) == [
        {
            "animal": animal.animal,
            "colour": animal.colour,
            "action": animal.action,
            "position": animal.position,
            "place": scene.place,
            "time": scene.time,
            "prop": scene.prop,
            "shape": f"{animal.animal} {animal.action}",
            "sort": "code, animal",
        }
    ]
    assert "animal" not in read_code(whole_code(scene, False)[None])[0]


def test_fields_do_not_overlap_and_fit_the_tower() -> None:
    spans = [span(name) for name in FIELDS]
    assert all(a.stop == b.start for a, b in pairwise(spans))
    assert spans[-1].stop <= WIDTH


@pytest.mark.parametrize(("animal", "colour"), sorted(UNSEEN_PAIRS))
def test_an_unseen_colour_is_a_sum_of_seen_ones(animal: str, colour: str) -> None:
    other, cow = ("white", "cow") if colour != "white" else ("red", "cow")
    cow = "dog" if animal == "cow" else cow
    found = code_of(claim(animal=animal, colour=colour))
    parts = code_of(claim(animal=animal, colour=other))
    swap = code_of(claim(animal=cow, colour=colour)) - code_of(claim(animal=cow, colour=other))
    assert torch.equal(found, parts + swap)


@pytest.mark.parametrize(("animal", "action", "place"), sorted(UNSEEN_TRIPLES))
def test_an_unseen_place_is_a_sum_of_seen_ones(animal: str, action: str, place: str) -> None:
    found = code_of(claim(animal=animal, action=action, place=place))
    bare = code_of(claim(animal=animal, action=action))
    assert torch.equal(found, bare + code_of(Claim(place=place)) - code_of(Claim()))


def test_every_animal_has_a_usual_colour_that_training_shows() -> None:
    assert USUAL_COLOUR.keys() == set(ANIMALS)
    assert not UNSEEN_PAIRS & set(USUAL_COLOUR.items())


def test_some_codes_say_less_and_none_says_more() -> None:
    codes = torch.stack([whole_code(sample_scene(seed, two_share=0.0), True) for seed in range(20)])
    many = codes.repeat(200, 1)
    found = thinned(many, np.random.default_rng(0))
    empty = (found == code_of(None)).all(1)
    assert float(empty.float().mean()) == pytest.approx(UNSTATED["everything"], abs=0.02)
    rest = found[~empty]
    assert ((rest == many[~empty]) | (rest == 0)).all()
    for name, share in (("place", UNSTATED["place"]), ("colour", UNSTATED["colour"])):
        gone = (rest[:, span(name)] == 0).all(1)
        assert float(gone.float().mean()) == pytest.approx(share, abs=0.03)
    assert (rest[:, span("position")].sum(1) == STRENGTH).all()


def test_states_are_blanks_and_then_the_code() -> None:
    codes = torch.stack([code_of(claim(animal="cow")), code_of(None)])
    states = code_states(codes, np.random.default_rng(0))
    assert torch.equal(states[:, 0], blank().expand(2, -1))
    assert torch.equal(states[:, -1], codes)
    counts = {
        int((code_states(codes, np.random.default_rng(k))[0] == blank()).all(1).sum())
        for k in range(40)
    }
    assert len(counts) > 3


def test_a_code_with_one_value_wrong_is_not_right() -> None:
    right, wrong = claim(animal="cow", colour="red"), claim(animal="cow", colour="blue")
    expected = torch.stack([code_of(right), code_of(right)])
    assert right_share(torch.stack([code_of(right), code_of(wrong)]), expected) == 0.5
    assert right_share(expected * 0.9 + 0.1, expected) == 1.0
