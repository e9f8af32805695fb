"""Descriptions of growing detail: each says what the one before says, and one thing more.

The captions of the gallery word every claim in another way. Here only what is claimed may differ,
so that a change of the score is the change of the claim.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from engine.storybook import words
from engine.storybook.captions import Caption, Language
from engine.storybook.claims import Claim, Subject
from engine.storybook.scene import Scene


def claims(scene: Scene) -> tuple[Claim, ...]:
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


def ladder(scene: Scene, language: Language) -> tuple[Caption, ...]:
    """The five claims in words."""
    return tuple(say(claim, language, scene.seed) for claim in claims(scene))


def say(claim: Claim, language: Language, seed: int) -> Caption:
    """A claim about one animal; of one seed, the same thing in the same words.

    Positions and props are left unsaid.
    """
    write = _english if language is Language.ENGLISH else _chinese
    return Caption(text=write(claim, seed), language=language, claim=claim)


def _english(claim: Claim, seed: int) -> str:
    subject = claim.subjects[0]
    noun = _chosen(words.EN_ANIMAL, subject.animal, seed)
    if subject.colour is not None:
        noun = f"{_chosen(words.EN_COLOUR, subject.colour, seed)} {noun}"
    parts = [f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"]
    if subject.action is not None:
        parts.append(words.english_action(subject.animal, subject.action, Random(seed)))
    parts.append(_chosen(words.EN_PLACE, claim.place, seed))
    parts.append(_chosen(words.EN_TIME, claim.time, seed))
    return " ".join(filter(None, parts))


def _chinese(claim: Claim, seed: int) -> str:
    subject = claim.subjects[0]
    noun = _chosen(words.ZH_ANIMAL, subject.animal, seed)
    measure = words.ZH_MEASURE.get(subject.animal or "", ("只",))[0]
    colour = _chosen(words.ZH_COLOUR, subject.colour, seed)
    text = f"一{measure}{colour}{'的' if colour else ''}{noun}"
    if subject.action is not None:
        text += f"在{words.chinese_action(subject.animal, subject.action, Random(seed))}"
    place = _chosen(words.ZH_PLACE, claim.place, seed)
    time = _chosen(words.ZH_TIME, claim.time, seed)
    return f"{time}{place}有{text}" if place else f"{time}{'，' if time else ''}{text}"


def _chosen(wordings: words.Wordings, value: str | None, seed: int) -> str:
    """One of the wordings of a value; nothing for None."""
    return "" if value is None else Random(f"{seed}:{value}").choice(wordings[value])
