"""Codes of claims: the one vector that the text tower gives for every wording of a claim.

The UNet is trained on codes computed from claims, so that no text has to be read in its steps, and
no wording and no language has to be learned by it. An animal and what it does make one shape, and
have a number of their own; colour and place are kept apart from it, so that a combination that
training never shows is still a sum of what it shows.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from engine.storybook.claims import Claim, Subject, full_subject
from engine.storybook.scenes import Scene
from engine.storybook.vocabulary import ACTIONS, ANIMALS, COLOURS, PLACES, POSITIONS, PROPS, TIMES

WIDTH = 128
"""Of a state of the text tower."""
STRENGTH = 3.0
"""What stands where something is stated."""
FIELDS = {
    "animal": ANIMALS,
    "colour": COLOURS,
    "action": ACTIONS,
    "position": POSITIONS,
    "place": PLACES,
    "time": TIMES,
    "prop": PROPS,
    "shape": tuple(f"{animal} {action}" for animal in ANIMALS for action in ACTIONS),
    "sort": ("blank", "code", "animal", "scenery"),
}
"""What a code states, each with its values. A blank stands where the text goes on."""
USUAL_ACTION, USUAL_POSITION = "standing", "middle"
USUAL_PLACE, USUAL_TIME, USUAL_PROP = "meadow", "day", "none"
"""Shown where the text does not say: one picture, rather than something between several."""
USUAL_COLOUR = {
    "dog": "brown", "cat": "orange", "horse": "brown", "elephant": "gray", "butterfly": "blue",
    "chicken": "white", "cow": "black", "sheep": "white", "squirrel": "orange", "spider": "black",
}  # fmt: skip
"""Colour of an animal where the text does not say."""
UNSTATED = {"everything": 0.08, "place": 0.12, "colour": 0.06, "animal": 0.03}
"""Shares of the renderings that are learned with less than their whole code."""
THINNED = {"place": ("place",), "colour": ("colour",), "animal": ("animal", "shape")}
"""Fields of a code that go with what is not stated."""

_START = {
    name: sum(len(values) for values in list(FIELDS.values())[:number])
    for number, name in enumerate(FIELDS)
}


def span(name: str) -> slice:
    """Where a field lies in a code."""
    return slice(_START[name], _START[name] + len(FIELDS[name]))


def resolved(claim: Claim) -> Claim:
    """The claim with what is usual where it says nothing; of two animals it keeps the first."""
    subjects = tuple(
        Subject(
            animal=subject.animal,
            colour=subject.colour or USUAL_COLOUR.get(subject.animal or ""),
            action=subject.action or USUAL_ACTION,
            position=subject.position or USUAL_POSITION,
        )
        for subject in claim.subjects[:1]
    )
    return replace(
        claim,
        subjects=subjects,
        place=claim.place or USUAL_PLACE,
        time=claim.time or USUAL_TIME,
        prop=claim.prop or USUAL_PROP,
    )


def code_of(claim: Claim | None) -> Tensor:
    """The code of a claim, float [WIDTH]; of None, that of an empty text."""
    stated = {"sort": ["code"]}
    if claim is not None:
        known = resolved(claim)
        for name, value in known.stated().items():
            stated[name] = [value]
        stated["sort"].append("animal" if known.subjects else "scenery")
        for subject in known.subjects:
            for name, value in subject.stated().items():
                stated[name] = [value]
            if subject.animal is not None:
                stated["shape"] = [f"{subject.animal} {subject.action}"]
    return _vector(stated)


def blank() -> Tensor:
    """The state of a token before the text has ended, float [WIDTH]."""
    return _vector({"sort": ["blank"]})


def _vector(stated: dict[str, list[str]]) -> Tensor:
    code = torch.zeros(WIDTH)
    for name, values in stated.items():
        for value in values:
            code[_START[name] + FIELDS[name].index(value)] = STRENGTH
    return code


def whole_code(scene: Scene, with_animal: bool) -> Tensor:
    """The code of everything that can be said of a rendering, float [WIDTH]."""
    subjects = (full_subject(scene.animals[0]),) if with_animal else ()
    return code_of(Claim(subjects=subjects, place=scene.place, time=scene.time, prop=scene.prop))


def thinned(codes: Tensor, rng: np.random.Generator) -> Tensor:
    """Whole codes [n, WIDTH], some of them with less stated, some with nothing at all."""
    found = codes.clone()
    drawn = {
        name: torch.from_numpy(rng.random(len(codes)) < share) for name, share in UNSTATED.items()
    }
    for name, fields in THINNED.items():
        for each in fields:
            found[drawn[name], span(each)] = 0.0
    found[drawn["everything"]] = code_of(None)
    return found


def code_states(codes: Tensor, rng: np.random.Generator, tokens: int = 12) -> Tensor:
    """States [n, tokens, WIDTH] as a tower gives them: some blanks, then the code again and again.

    Their proportion is random, as texts are shorter or longer.
    """
    blanks = torch.from_numpy(rng.integers(1, tokens // 2 + 1, len(codes)))
    before = torch.arange(tokens)[None] < blanks[:, None]
    return torch.where(before[..., None], blank(), codes[:, None].expand(-1, tokens, -1))


def read_code(states: Tensor) -> list[dict[str, str]]:
    """What codes [n, WIDTH] state, roughly: each field with what it says by more than half."""
    found: list[dict[str, str]] = []
    for row in states:
        parts = {}
        for name, values in FIELDS.items():
            said = (row[span(name)] > STRENGTH / 2).tolist()
            if any(said):
                parts[name] = ", ".join(
                    v for v, is_said in zip(values, said, strict=True) if is_said
                )
        found.append(parts)
    return found


def right_share(found: Tensor, expected: Tensor) -> float:
    """The share of codes of which everything is read right."""
    pairs: Sequence[tuple[object, object]] = list(
        zip(read_code(found), read_code(expected), strict=True)
    )
    return sum(a == b for a, b in pairs) / max(len(pairs), 1)
