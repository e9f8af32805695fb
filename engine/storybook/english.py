"""Puts a claim into English."""

from random import Random

from engine.storybook import words
from engine.storybook.claims import Claim, Subject

_OPENINGS = ("a picture of ", "a drawing of ", "an illustration of ", "a cartoon of ")


def write_english(claim: Claim, rng: Random) -> str:
    """One of several wordings of the claim; the choice is the generator's."""
    if rng.random() < 0.08:
        return _keywords(claim, rng)
    if not claim.subjects:
        return _scenery(claim, rng)
    finite = len(claim.subjects) == 1 and rng.random() < 0.25
    core = " and ".join(_subject(subject, rng, finite=finite) for subject in claim.subjects)
    before, after = "", []
    if claim.place is not None:
        after.append(rng.choice(words.EN_PLACE[claim.place]))
    if claim.time is not None:
        after.append(rng.choice(words.EN_TIME[claim.time]))
    if rng.random() < 0.3:
        rng.shuffle(after)
    if after and rng.random() < 0.15:
        before = after.pop(0) + ", "
    if claim.prop is not None:
        after.append(_prop(claim.prop, rng))
    opening = rng.choice(_OPENINGS) if not before and not finite and rng.random() < 0.12 else ""
    return " ".join([f"{opening}{before}{core}", *after])


def _prop(prop: str, rng: Random) -> str:
    if prop == "none":
        return "and nothing else"
    joint = rng.choice(("with", "near", "next to", "beside", "and"))
    return f"{joint} {rng.choice(words.EN_PROP_NOUN[prop])}"


def _noun(subject: Subject, rng: Random) -> str:
    noun = "animal" if subject.animal is None else rng.choice(words.EN_ANIMAL[subject.animal])
    if subject.colour is not None:
        noun = f"{rng.choice(words.EN_COLOUR[subject.colour])} {noun}"
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _subject(subject: Subject, rng: Random, *, finite: bool) -> str:
    parts = [_noun(subject, rng)]
    action = None
    if subject.action is not None:
        action = words.english_action(subject.animal, subject.action, rng)
        parts.append(f"is {action}" if finite else action)
    if subject.position is not None:
        position = rng.choice(words.EN_POSITION[subject.position])
        if action is not None and not finite and rng.random() < 0.4:
            parts.insert(1, position)
        else:
            parts.append(position)
    return " ".join(parts)


def _scenery(claim: Claim, rng: Random) -> str:
    parts = []
    if claim.place is not None:
        parts.append(rng.choice(words.EN_PLACE_NOUN[claim.place]))
    if claim.prop is not None and claim.prop != "none":
        prop = rng.choice(words.EN_PROP_NOUN[claim.prop])
        parts.append(f"with {prop}" if parts else prop)
    if claim.time is not None:
        parts.append(rng.choice(words.EN_TIME[claim.time]) if parts else _time_noun(claim.time))
    return " ".join(parts) or "a picture"


def _time_noun(time: str) -> str:
    return {"day": "daytime", "sunset": "sunset", "night": "night"}[time]


def _keywords(claim: Claim, rng: Random) -> str:
    parts = []
    for subject in claim.subjects:
        parts.append(_noun(subject, rng).split(" ", 1)[1])
        if subject.action is not None:
            parts.append(words.english_action(subject.animal, subject.action, rng))
        if subject.position is not None:
            parts.append(subject.position)
    if claim.place is not None:
        parts.append(rng.choice(words.EN_PLACE_NOUN[claim.place]).removeprefix("a "))
    if claim.time is not None:
        parts.append(_time_noun(claim.time))
    if claim.prop is not None and claim.prop != "none":
        parts.append(rng.choice(words.EN_PROP_NOUN[claim.prop]).removeprefix("a "))
    return ", ".join(parts) or "a picture"
