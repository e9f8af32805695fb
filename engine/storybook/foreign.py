"""Captions of things this world does not hold: what must be painted, not found."""

from random import Random

from engine.storybook import foreign_words, words
from engine.storybook.captions import Caption, Language
from engine.storybook.claims import Claim

FOREIGN = {Language.ENGLISH: foreign_words.ENGLISH, Language.CHINESE: foreign_words.CHINESE}
HELD_OUT = {
    Language.ENGLISH: foreign_words.HELD_OUT_ENGLISH,
    Language.CHINESE: foreign_words.HELD_OUT_CHINESE,
}


def foreign_caption(language: Language, rng: Random, *, held_out: bool = False) -> Caption:
    """A caption that names a thing of another world, often at a place of this one."""
    thing = rng.choice((HELD_OUT if held_out else FOREIGN)[language])
    if not held_out and rng.random() < 0.12:
        thing = _invented(rng) if language is Language.ENGLISH else thing
    english = language is Language.ENGLISH
    text = _english(thing, rng) if english else _chinese(thing, rng)
    return Caption(text=text, language=language, claim=Claim(foreign=True))


def _english(thing: str, rng: Random) -> str:
    colour = ""
    if rng.random() < 0.35:
        colour = rng.choice(list(words.EN_COLOUR)) + " "
    noun = colour + thing
    text = f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}" if rng.random() < 0.85 else noun
    if rng.random() < 0.35:
        text += " " + rng.choice(rng.choice(list(words.EN_PLACE.values())))
    if rng.random() < 0.15:
        text += " " + rng.choice(rng.choice(list(words.EN_TIME.values())))
    return text


def _chinese(thing: str, rng: Random) -> str:
    colour = ""
    if rng.random() < 0.35:
        colour = rng.choice(rng.choice(list(words.ZH_COLOUR.values()))) + "的"
    count = rng.choice(("", "一个", "一只", "一辆", "一座", "一张", "一把", "一位"))
    text = f"{count}{colour}{thing}"
    if rng.random() < 0.35:
        place = rng.choice(rng.choice(list(words.ZH_PLACE.values())))
        text = f"{place}有{text}" if rng.random() < 0.5 else f"{text}在{place}"
    return text


def _invented(rng: Random) -> str:
    """A pronounceable word that no language has, so that any unknown word is met as foreign."""
    onset, core, end = "bcdfghjklmnprstvwz", "aeiou", ("", "n", "r", "s", "t", "x", "ng", "ck")
    return "".join(
        rng.choice(onset) + rng.choice(core) + rng.choice(end) for _ in range(rng.randint(1, 3))
    )
