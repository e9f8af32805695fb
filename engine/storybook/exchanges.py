"""Captions with one thing exchanged by the grammar of the storybook, so that they are false."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from random import Random

from engine.evaluation.swaps import Variant, with_article
from engine.storybook import words
from engine.storybook.scene import Scene
from engine.storybook.vocabulary import ACTIONS, ANIMALS, ATTRIBUTES

_MEASURE = re.compile(r"一([只条匹头])(?!.*一[只条匹头])")
"""The last measure word of a text: it goes with the animal that follows."""

_ENGLISH = {
    "animal": words.EN_ANIMAL,
    "colour": words.EN_COLOUR,
    "position": words.EN_POSITION,
    "place": words.EN_PLACE,
    "time": words.EN_TIME,
    "prop": words.EN_PROP_NOUN,
}
_CHINESE = {
    "animal": words.ZH_ANIMAL,
    "colour": words.ZH_COLOUR,
    "position": words.ZH_POSITION,
    "place": words.ZH_PLACE,
    "time": words.ZH_TIME,
    "prop": words.ZH_PROP_NOUN,
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
            if new not in ("none", old) and (attribute, new) not in true:
                phrase = _say(attribute, new, animals[0] if animals else None, is_english)
                found.append(_put(text, hit, attribute, phrase, new))
    return found


def _mixed(text: str, attribute: str) -> list[str]:
    """The values of an attribute in an order that the text decides."""
    mixed = list(ATTRIBUTES[attribute])
    Random(f"{text}:{attribute}").shuffle(mixed)
    return mixed


def _is_animal(value: tuple[str, str]) -> bool:
    return value[0] == "animal"


@cache
def _phrases(is_english: bool) -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    """What finds every wording in a language, the longest first, and what each says."""
    values: dict[str, tuple[str, str]] = {}
    for attribute, wordings in (_ENGLISH if is_english else _CHINESE).items():
        for value, phrases in wordings.items():
            values |= {phrase: (attribute, value) for phrase in phrases if value != "none"}
    actions = words.english_actions if is_english else words.chinese_actions
    for action in ACTIONS:
        for animal in (None, *ANIMALS):
            values |= dict.fromkeys(actions(animal, action), ("action", action))
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
    if attribute == "action":
        actions = words.english_actions if is_english else words.chinese_actions
        return actions(animal, value)[0]
    return (_ENGLISH if is_english else _CHINESE)[attribute][value][0]


def _put(text: str, hit: re.Match[str], attribute: str, phrase: str, value: str) -> Variant:
    before = with_article(text[: hit.start()], phrase)
    if attribute == "animal" and (measure := _MEASURE.search(before)):
        own = words.ZH_MEASURE.get(value, ("只",))[0]
        before = before[: measure.start(1)] + own + before[measure.end(1) :]
    changed = before + phrase + text[hit.end() :]
    return Variant(text=changed, attribute=attribute, old=hit[0], new=phrase)
