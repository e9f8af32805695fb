"""Puts a claim into Chinese."""

from random import Random

from engine.storybook import words
from engine.storybook.claims import Claim, Subject


def write_chinese(claim: Claim, rng: Random) -> str:
    """One of several wordings of the claim; the choice is the generator's."""
    if not claim.subjects:
        return _scenery(claim, rng)
    place = "" if claim.place is None else rng.choice(words.ZH_PLACE[claim.place])
    time = "" if claim.time is None else rng.choice(words.ZH_TIME[claim.time])
    prop = _prop(claim, rng)
    style = rng.random()
    if style < 0.08:
        return _keywords(claim, rng)
    subjects = [_subject(subject, rng) for subject in claim.subjects]
    core = rng.choice(("和", "，", "，还有")).join(subjects)
    if place and len(subjects) == 1 and style < 0.3 and claim.subjects[0].position is None:
        text = _at_place(claim.subjects[0], place, rng)
        return f"{time}{'，' if time else ''}{text}{prop}"
    if place:
        joined = (
            f"{time}的{place}" if time and style < 0.5 and time[-1] not in "时下" else time + place
        )
        joint = "，" if claim.subjects[0].position else rng.choice(("有", "，"))
        return f"{joined}{joint}{core}{prop}"
    return f"{time}{'，' if time else ''}{core}{prop}"


def _prop(claim: Claim, rng: Random) -> str:
    if claim.prop is None:
        return ""
    if claim.prop == "none":
        return "，没有别的东西"
    return (
        f"，{rng.choice(('旁边有', '还有', '附近有'))}{rng.choice(words.ZH_PROP_NOUN[claim.prop])}"
    )


def _noun(subject: Subject, rng: Random, *, counted: bool = True) -> str:
    animal = subject.animal
    noun = "动物" if animal is None else rng.choice(words.ZH_ANIMAL[animal])
    if subject.colour is not None:
        colour = rng.choice(words.ZH_COLOUR[subject.colour])
        noun = f"{colour}{'的' if rng.random() < 0.75 else ''}{noun}"
    if not counted:
        return noun
    measure = rng.choice(words.ZH_MEASURE.get(animal or "", ("只",)))
    return f"一{measure}{noun}"


def _subject(subject: Subject, rng: Random) -> str:
    position = ""
    if subject.position is not None:
        position = rng.choice(words.ZH_POSITION[subject.position])
    if subject.action is None:
        return f"{position}{'的' if position else ''}{_noun(subject, rng)}"
    action = words.chinese_action(subject.animal, subject.action, rng)
    if rng.random() < 0.2:
        noun = _noun(subject, rng, counted=False)
        measure = rng.choice(words.ZH_MEASURE.get(subject.animal or "", ("只",)))
        return f"{position}一{measure}正在{action}的{noun}"
    noun = _noun(subject, rng, counted=rng.random() < 0.9)
    joint = rng.choice(("在", "在", "正在"))
    return f"{position}{'的' if position and rng.random() < 0.5 else ''}{noun}{joint}{action}"


def _at_place(subject: Subject, place: str, rng: Random) -> str:
    noun = _noun(subject, rng)
    if subject.action is None:
        return f"{noun}在{place}"
    return f"{noun}在{place}{words.chinese_action(subject.animal, subject.action, rng)}"


def _scenery(claim: Claim, rng: Random) -> str:
    time = "" if claim.time is None else rng.choice(words.ZH_TIME[claim.time])
    place = "" if claim.place is None else rng.choice(words.ZH_PLACE_NOUN[claim.place])
    prop = ""
    if claim.prop is not None and claim.prop != "none":
        prop = rng.choice(words.ZH_PROP_NOUN[claim.prop])
    joint = "的" if time and place and time[-1] not in "时下" else ""
    return f"{time}{joint}{place}{'，' if prop and (time or place) else ''}{prop}" or "一幅画"


def _keywords(claim: Claim, rng: Random) -> str:
    parts = []
    for subject in claim.subjects:
        parts.append(_noun(subject, rng, counted=False))
        if subject.action is not None:
            parts.append(words.chinese_action(subject.animal, subject.action, rng))
        if subject.position is not None:
            parts.append(rng.choice(words.ZH_POSITION[subject.position]))
    if claim.place is not None:
        parts.append(rng.choice(words.ZH_PLACE_NOUN[claim.place]))
    if claim.time is not None:
        parts.append(rng.choice(words.ZH_TIME[claim.time]))
    if claim.prop is not None and claim.prop != "none":
        parts.append(rng.choice(words.ZH_PROP_NOUN[claim.prop]))
    return rng.choice(("，", "、", " ")).join(parts)
