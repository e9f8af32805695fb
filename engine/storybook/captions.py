"""Captions true by construction, the same with one thing exchanged, and those of foreign things."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from random import Random

from engine.evaluation.swaps import Variant, with_article
from engine.storybook import vocabulary
from engine.storybook.claims import Claim, Subject, full_subject
from engine.storybook.scenes import Animal, Scene
from engine.storybook.vocabulary import (
    ACTIONS,
    ANIMALS,
    ATTRIBUTES,
    FOREIGN_CHINESE,
    FOREIGN_ENGLISH,
    NO_PROP,
    Attribute,
)
from engine.storybook.wording import Caption, Language, with_a, write, write_plainly

LEVELS = (1, 2, 3)


def claim_of(scene: Scene, level: int, rng: Random) -> Claim:
    """What a caption of this level states.

    Level 1 names one animal ("a horse"), level 2 gives it colour and action ("a brown horse eating
    grass"), level 3 states the whole scene. ValueError for any other level.
    """
    if level == 3:
        return full_claim(scene)
    chosen = rng.choice(scene.animals)
    if level == 1:
        return Claim(subjects=(Subject(animal=chosen.animal),))
    if level == 2:
        return Claim(
            subjects=(Subject(animal=chosen.animal, colour=chosen.colour, action=chosen.action),)
        )
    raise ValueError(f"no level {level}; there are {LEVELS}")


def full_claim(scene: Scene) -> Claim:
    """Everything that a caption can state of the scene, but for a prop that is not there."""
    return Claim(
        subjects=tuple(full_subject(animal) for animal in scene.animals),
        place=scene.place,
        time=scene.time,
        prop=None if scene.prop == NO_PROP else scene.prop,
    )


def partial_claim(scene: Scene, rng: Random) -> Claim:
    """A random part of what holds of the scene, never nothing."""
    while True:
        animals = list(scene.animals) if rng.random() < 0.4 else [rng.choice(scene.animals)]
        if rng.random() < 0.12:
            animals = []
        rng.shuffle(animals)
        keep = rng.choice((0.15, 0.4, 0.7))
        claim = Claim(
            subjects=tuple(_partial_subject(animal, rng) for animal in animals),
            place=scene.place if rng.random() < keep else None,
            time=scene.time if rng.random() < keep else None,
            prop=scene.prop if scene.prop != NO_PROP and rng.random() < keep else None,
        )
        if claim.subjects or claim.stated():
            return claim


def _partial_subject(animal: Animal, rng: Random) -> Subject:
    named = rng.random() < 0.94
    colour = animal.colour if rng.random() < 0.6 else None
    action = animal.action if rng.random() < 0.55 else None
    if not named and colour is None and action is None:
        colour = animal.colour
    return Subject(
        animal=animal.animal if named else None,
        colour=colour,
        action=action,
        position=animal.position if rng.random() < 0.5 else None,
    )


def caption(scene: Scene, level: int, language: Language, rng: Random) -> Caption:
    """A true caption of the scene."""
    return write(claim_of(scene, level, rng), language, rng)


def captions_of(file: str, scene: Scene, language: Language) -> tuple[Caption, ...]:
    """The captions of a picture of the gallery, one a level; the file's name decides the words."""
    return tuple(
        caption(scene, level, language, Random(f"{file}:{language}:{level}")) for level in LEVELS
    )


def graded_claims(scene: Scene) -> tuple[Claim, ...]:
    """Five claims about the first animal: which it is, its colour, what it does, where, when."""
    one = scene.animals[0]
    named = Subject(animal=one.animal)
    coloured = replace(named, colour=one.colour)
    acting = Claim(subjects=(replace(coloured, action=one.action),))
    placed = replace(acting, place=scene.place)
    return (
        Claim(subjects=(named,)),
        Claim(subjects=(coloured,)),
        acting,
        placed,
        replace(placed, time=scene.time),
    )


def graded_captions(scene: Scene, language: Language) -> tuple[Caption, ...]:
    """The five claims in words."""
    return tuple(write_plainly(claim, language, scene.seed) for claim in graded_claims(scene))


_MEASURE = re.compile(r"一([只条匹头])(?!.*一[只条匹头])")
"""The last measure word of a text: it goes with the animal that follows."""
_ENGLISH_WORDS: dict[str, vocabulary.Wordings] = {
    Attribute.ANIMAL: vocabulary.EN_ANIMAL,
    Attribute.COLOUR: vocabulary.EN_COLOUR,
    Attribute.POSITION: vocabulary.EN_POSITION,
    Attribute.PLACE: vocabulary.EN_PLACE,
    Attribute.TIME: vocabulary.EN_TIME,
    Attribute.PROP: vocabulary.EN_PROP_NOUN,
}

_CHINESE_WORDS: dict[str, vocabulary.Wordings] = {
    Attribute.ANIMAL: vocabulary.ZH_ANIMAL,
    Attribute.COLOUR: vocabulary.ZH_COLOUR,
    Attribute.POSITION: vocabulary.ZH_POSITION,
    Attribute.PLACE: vocabulary.ZH_PLACE,
    Attribute.TIME: vocabulary.ZH_TIME,
    Attribute.PROP: vocabulary.ZH_PROP_NOUN,
}


def exchanges(text: str, scenes: Sequence[Scene]) -> list[Variant]:
    """Every variant of a text that is false of all the scenes, in the order of its words.

    Nothing for a text without words of the grammar.
    """
    is_english = text.isascii()
    pattern, values = _phrases(is_english)
    true = _true_values(scenes)
    hits = list(pattern.finditer(text))
    animals = [values[hit[0].lower()][1] for hit in hits if _is_animal(values[hit[0].lower()])]
    found = []
    for hit in hits:
        attribute, old = values[hit[0].lower()]
        for new in _mixed(text, attribute):
            if new not in (NO_PROP, old) and (attribute, new) not in true:
                phrase = _say(attribute, new, animals[0] if animals else None, is_english)
                found.append(_put(text, hit, attribute, phrase, new))
    return found


def _mixed(text: str, attribute: str) -> list[str]:
    """The values of an attribute in an order that the text decides."""
    mixed = list(ATTRIBUTES[attribute])
    Random(f"{text}:{attribute}").shuffle(mixed)
    return mixed


def _is_animal(value: tuple[str, str]) -> bool:
    return value[0] == Attribute.ANIMAL


@cache
def _phrases(is_english: bool) -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    """What finds every wording in a language, the longest first, and what each says."""
    values: dict[str, tuple[str, str]] = {}
    for attribute, wordings in (_ENGLISH_WORDS if is_english else _CHINESE_WORDS).items():
        for value, phrases in wordings.items():
            values |= {phrase: (attribute, value) for phrase in phrases if value != NO_PROP}
    actions = vocabulary.english_actions if is_english else vocabulary.chinese_actions
    for action in ACTIONS:
        for animal in (None, *ANIMALS):
            values |= dict.fromkeys(actions(animal, action), (Attribute.ACTION, action))
    either = "|".join(sorted(map(re.escape, values), key=len, reverse=True))
    pattern = rf"\b(?:{either})\b" if is_english else either
    return re.compile(pattern, re.IGNORECASE), values


def _true_values(scenes: Iterable[Scene]) -> set[tuple[str, str]]:
    """Every value that holds of something in one of the scenes."""
    true = set()
    for scene in scenes:
        true |= {("place", scene.place), ("time", scene.time), ("prop", scene.prop)}
        for one in scene.animals:
            true |= {("animal", one.animal), ("colour", one.colour)}
            true |= {("action", one.action), ("position", one.position)}
    return true


def _say(attribute: str, value: str, animal: str | None, is_english: bool) -> str:
    if attribute == Attribute.ACTION:
        actions = vocabulary.english_actions if is_english else vocabulary.chinese_actions
        return actions(animal, value)[0]
    return (_ENGLISH_WORDS if is_english else _CHINESE_WORDS)[attribute][value][0]


def _put(text: str, hit: re.Match[str], attribute: str, phrase: str, value: str) -> Variant:
    before = with_article(text[: hit.start()], phrase)
    if attribute == Attribute.ANIMAL and (measure := _MEASURE.search(before)):
        own = vocabulary.ZH_MEASURE.get(value, ("只",))[0]
        before = before[: measure.start(1)] + own + before[measure.end(1) :]
    changed = before + phrase + text[hit.end() :]
    return Variant(text=changed, attribute=attribute, old=hit[0], new=phrase)


FOREIGN_THINGS = {Language.ENGLISH: FOREIGN_ENGLISH, Language.CHINESE: FOREIGN_CHINESE}


def foreign_caption(thing: str, language: Language, rng: Random) -> Caption:
    """A caption that names a thing of another world, often at a place of this one."""
    word = _english_foreign if language is Language.ENGLISH else _chinese_foreign
    return Caption(text=word(thing, rng), language=language, claim=Claim(foreign=True))


def _english_foreign(thing: str, rng: Random) -> str:
    colour = ""
    if rng.random() < 0.35:
        colour = rng.choice(list(vocabulary.EN_COLOUR)) + " "
    noun = colour + thing
    text = with_a(noun) if rng.random() < 0.85 else noun
    if rng.random() < 0.35:
        text += " " + rng.choice(rng.choice(list(vocabulary.EN_PLACE.values())))
    if rng.random() < 0.15:
        text += " " + rng.choice(rng.choice(list(vocabulary.EN_TIME.values())))
    return text


def _chinese_foreign(thing: str, rng: Random) -> str:
    colour = ""
    if rng.random() < 0.35:
        colour = rng.choice(rng.choice(list(vocabulary.ZH_COLOUR.values()))) + "的"
    count = rng.choice(("", "一个", "一只", "一辆", "一座", "一张", "一把", "一位"))
    text = f"{count}{colour}{thing}"
    if rng.random() < 0.35:
        place = rng.choice(rng.choice(list(vocabulary.ZH_PLACE.values())))
        text = f"{place}有{text}" if rng.random() < 0.5 else f"{text}在{place}"
    return text
