"""Puts claims into words, in English and in Chinese."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from engine.evaluation.swaps import takes_an
from engine.storybook import vocabulary
from engine.storybook.claims import Claim, Subject


class Language(StrEnum):
    """A language that captions come in."""

    ENGLISH = "en"
    CHINESE = "zh"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caption:
    """A text and what it states."""

    text: str
    language: Language
    claim: Claim


def write(claim: Claim, language: Language, rng: Random) -> Caption:
    """Put a claim into words, by one of several wordings."""
    text = (_write_english if language is Language.ENGLISH else _write_chinese)(claim, rng)
    return Caption(text=text, language=language, claim=claim)


def fixed_wording(claim: Claim, language: Language) -> str:
    """The one wording of a claim that figures are measured with."""
    return write(claim, language, Random(repr(claim))).text


def write_plainly(claim: Claim, language: Language, seed: int) -> Caption:
    """A claim about one animal; of one seed, the same thing in the same words.

    Positions and props are left unsaid.
    """
    write = _plain_english if language is Language.ENGLISH else _plain_chinese
    return Caption(text=write(claim, seed), language=language, claim=claim)


def _plain_english(claim: Claim, seed: int) -> str:
    subject = claim.subjects[0]
    noun = _fixed_choice(vocabulary.EN_ANIMAL, subject.animal, seed)
    if subject.colour is not None:
        noun = f"{_fixed_choice(vocabulary.EN_COLOUR, subject.colour, seed)} {noun}"
    parts = [with_a(noun)]
    if subject.action is not None:
        parts.append(vocabulary.english_action(subject.animal, subject.action, Random(seed)))
    parts.append(_fixed_choice(vocabulary.EN_PLACE, claim.place, seed))
    parts.append(_fixed_choice(vocabulary.EN_TIME, claim.time, seed))
    return " ".join(filter(None, parts))


def _plain_chinese(claim: Claim, seed: int) -> str:
    subject = claim.subjects[0]
    noun = _fixed_choice(vocabulary.ZH_ANIMAL, subject.animal, seed)
    measure = vocabulary.ZH_MEASURE.get(subject.animal or "", ("只",))[0]
    colour = _fixed_choice(vocabulary.ZH_COLOUR, subject.colour, seed)
    text = f"一{measure}{colour}{'的' if colour else ''}{noun}"
    if subject.action is not None:
        text += f"在{vocabulary.chinese_action(subject.animal, subject.action, Random(seed))}"
    place = _fixed_choice(vocabulary.ZH_PLACE, claim.place, seed)
    time = _fixed_choice(vocabulary.ZH_TIME, claim.time, seed)
    return f"{time}{place}有{text}" if place else f"{time}{'，' if time else ''}{text}"


def _fixed_choice(wordings: vocabulary.Wordings, value: str | None, seed: int) -> str:
    """One of the wordings of a value; nothing for None."""
    return "" if value is None else Random(f"{seed}:{value}").choice(wordings[value])


def with_a(noun: str) -> str:
    """A noun behind the article that it takes."""
    return f"{'an' if takes_an(noun) else 'a'} {noun}"


_OPENINGS = ("a picture of ", "a drawing of ", "an illustration of ", "a cartoon of ")


def thing_words(language: Language) -> dict[str, str]:
    """What an animal or a prop is called by itself, by its name in the vocabulary."""
    animals, props = vocabulary.ZH_ANIMAL, vocabulary.ZH_PROP_NOUN
    if language is Language.ENGLISH:
        animals = {name: (with_a(name),) for name in vocabulary.ANIMALS}
        props = vocabulary.EN_PROP_NOUN
    things = {**animals, **props}
    return {name: some[0] for name, some in things.items() if name != vocabulary.NO_PROP}


def _write_english(claim: Claim, rng: Random) -> str:
    """One of several wordings of the claim; the choice is the generator's."""
    if rng.random() < 0.08:
        return _english_keywords(claim, rng)
    if not claim.subjects:
        return _english_scenery(claim, rng)
    finite = len(claim.subjects) == 1 and rng.random() < 0.25
    core = " and ".join(_english_subject(subject, rng, finite=finite) for subject in claim.subjects)
    before, after = "", []
    if claim.place is not None:
        after.append(rng.choice(vocabulary.EN_PLACE[claim.place]))
    if claim.time is not None:
        after.append(rng.choice(vocabulary.EN_TIME[claim.time]))
    if rng.random() < 0.3:
        rng.shuffle(after)
    if after and rng.random() < 0.15:
        before = after.pop(0) + ", "
    if claim.prop is not None:
        after.append(_english_prop(claim.prop, rng))
    opening = rng.choice(_OPENINGS) if not before and not finite and rng.random() < 0.12 else ""
    return " ".join([f"{opening}{before}{core}", *after])


def _english_prop(prop: str, rng: Random) -> str:
    if prop == vocabulary.NO_PROP:
        return "and nothing else"
    joint = rng.choice(("with", "near", "next to", "beside", "and"))
    return f"{joint} {rng.choice(vocabulary.EN_PROP_NOUN[prop])}"


def _english_noun(subject: Subject, rng: Random) -> str:
    noun = "animal" if subject.animal is None else rng.choice(vocabulary.EN_ANIMAL[subject.animal])
    if subject.colour is not None:
        noun = f"{rng.choice(vocabulary.EN_COLOUR[subject.colour])} {noun}"
    return with_a(noun)


def _english_subject(subject: Subject, rng: Random, *, finite: bool) -> str:
    parts = [_english_noun(subject, rng)]
    action = None
    if subject.action is not None:
        action = vocabulary.english_action(subject.animal, subject.action, rng)
        parts.append(f"is {action}" if finite else action)
    if subject.position is not None:
        position = rng.choice(vocabulary.EN_POSITION[subject.position])
        if action is not None and not finite and rng.random() < 0.4:
            parts.insert(1, position)
        else:
            parts.append(position)
    return " ".join(parts)


def _english_scenery(claim: Claim, rng: Random) -> str:
    parts = []
    if claim.place is not None:
        parts.append(rng.choice(vocabulary.EN_PLACE_NOUN[claim.place]))
    if claim.prop is not None and claim.prop != vocabulary.NO_PROP:
        prop = rng.choice(vocabulary.EN_PROP_NOUN[claim.prop])
        parts.append(f"with {prop}" if parts else prop)
    if claim.time is not None:
        parts.append(
            rng.choice(vocabulary.EN_TIME[claim.time]) if parts else _time_noun(claim.time)
        )
    return " ".join(parts) or "a picture"


def _time_noun(time: str) -> str:
    return {"day": "daytime", "sunset": "sunset", "night": "night"}[time]


def _english_keywords(claim: Claim, rng: Random) -> str:
    parts = []
    for subject in claim.subjects:
        parts.append(_english_noun(subject, rng).split(" ", 1)[1])
        if subject.action is not None:
            parts.append(vocabulary.english_action(subject.animal, subject.action, rng))
        if subject.position is not None:
            parts.append(subject.position)
    if claim.place is not None:
        parts.append(rng.choice(vocabulary.EN_PLACE_NOUN[claim.place]).removeprefix("a "))
    if claim.time is not None:
        parts.append(_time_noun(claim.time))
    if claim.prop is not None and claim.prop != vocabulary.NO_PROP:
        parts.append(rng.choice(vocabulary.EN_PROP_NOUN[claim.prop]).removeprefix("a "))
    return ", ".join(parts) or "a picture"


def _write_chinese(claim: Claim, rng: Random) -> str:
    """One of several wordings of the claim; the choice is the generator's."""
    if not claim.subjects:
        return _chinese_scenery(claim, rng)
    place = "" if claim.place is None else rng.choice(vocabulary.ZH_PLACE[claim.place])
    time = "" if claim.time is None else rng.choice(vocabulary.ZH_TIME[claim.time])
    prop = _chinese_prop(claim, rng)
    style = rng.random()
    if style < 0.08:
        return _chinese_keywords(claim, rng)
    subjects = [_chinese_subject(subject, rng) for subject in claim.subjects]
    core = rng.choice(("和", "，", "，还有")).join(subjects)
    if place and len(subjects) == 1 and style < 0.3 and claim.subjects[0].position is None:
        text = _chinese_scene(claim.subjects[0], place, rng)
        return f"{time}{'，' if time else ''}{text}{prop}"
    if place:
        joined = f"{time}{_joint(time) if style < 0.5 else ''}{place}"
        joint = "，" if claim.subjects[0].position else rng.choice(("有", "，"))
        return f"{joined}{joint}{core}{prop}"
    return f"{time}{'，' if time else ''}{core}{prop}"


def _joint(time: str) -> str:
    """What joins a time and a place: nothing behind 日落时 and 月光下."""
    return "" if not time or time.endswith(("时", "下")) else "的"


def _chinese_prop(claim: Claim, rng: Random) -> str:
    if claim.prop is None:
        return ""
    if claim.prop == vocabulary.NO_PROP:
        return "，没有别的东西"
    joint = rng.choice(("旁边有", "还有", "附近有"))
    return f"，{joint}{rng.choice(vocabulary.ZH_PROP_NOUN[claim.prop])}"


def _chinese_noun(subject: Subject, rng: Random, *, counted: bool = True) -> str:
    animal = subject.animal
    noun = "动物" if animal is None else rng.choice(vocabulary.ZH_ANIMAL[animal])
    if subject.colour is not None:
        colour = rng.choice(vocabulary.ZH_COLOUR[subject.colour])
        noun = f"{colour}{'的' if rng.random() < 0.75 else ''}{noun}"
    if not counted:
        return noun
    measure = rng.choice(vocabulary.ZH_MEASURE.get(animal or "", ("只",)))
    return f"一{measure}{noun}"


def _chinese_subject(subject: Subject, rng: Random) -> str:
    position = ""
    if subject.position is not None:
        position = rng.choice(vocabulary.ZH_POSITION[subject.position])
    if subject.action is None:
        return f"{position}{'的' if position else ''}{_chinese_noun(subject, rng)}"
    action = vocabulary.chinese_action(subject.animal, subject.action, rng)
    if rng.random() < 0.2:
        noun = _chinese_noun(subject, rng, counted=False)
        measure = rng.choice(vocabulary.ZH_MEASURE.get(subject.animal or "", ("只",)))
        return f"{position}一{measure}正在{action}的{noun}"
    noun = _chinese_noun(subject, rng, counted=rng.random() < 0.9)
    joint = rng.choice(("在", "在", "正在"))
    return f"{position}{'的' if position and rng.random() < 0.5 else ''}{noun}{joint}{action}"


def _chinese_scene(subject: Subject, place: str, rng: Random) -> str:
    noun = _chinese_noun(subject, rng)
    if subject.action is None:
        return f"{noun}在{place}"
    return f"{noun}在{place}{vocabulary.chinese_action(subject.animal, subject.action, rng)}"


def _chinese_scenery(claim: Claim, rng: Random) -> str:
    time = "" if claim.time is None else rng.choice(vocabulary.ZH_TIME[claim.time])
    place = "" if claim.place is None else rng.choice(vocabulary.ZH_PLACE_NOUN[claim.place])
    prop = ""
    if claim.prop is not None and claim.prop != vocabulary.NO_PROP:
        prop = rng.choice(vocabulary.ZH_PROP_NOUN[claim.prop])
    joint = _joint(time) if place else ""
    return f"{time}{joint}{place}{'，' if prop and (time or place) else ''}{prop}" or "一幅画"


def _chinese_keywords(claim: Claim, rng: Random) -> str:
    parts = []
    for subject in claim.subjects:
        parts.append(_chinese_noun(subject, rng, counted=False))
        if subject.action is not None:
            parts.append(vocabulary.chinese_action(subject.animal, subject.action, rng))
        if subject.position is not None:
            parts.append(rng.choice(vocabulary.ZH_POSITION[subject.position]))
    if claim.place is not None:
        parts.append(rng.choice(vocabulary.ZH_PLACE_NOUN[claim.place]))
    if claim.time is not None:
        parts.append(rng.choice(vocabulary.ZH_TIME[claim.time]))
    if claim.prop is not None and claim.prop != vocabulary.NO_PROP:
        parts.append(rng.choice(vocabulary.ZH_PROP_NOUN[claim.prop]))
    return rng.choice(("，", "、", " ")).join(parts)
