"""The gallery that ships: scenes, masks, queries and claims to measure with, and their truth."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from engine.collections import BUILT_IN
from engine.evaluation.regions import RegionMask
from engine.states import QueryKind
from engine.storybook.captions import FOREIGN_THINGS, claim_of, foreign_caption, partial_claim
from engine.storybook.claims import Claim, Subject, is_true, swapped
from engine.storybook.scenes import UNSEEN_PAIRS, Animal, Scene
from engine.storybook.suggestions import SUGGESTIONS
from engine.storybook.vocabulary import ACTIONS, ANIMALS, COLOURS, PLACES, POSITIONS, PROPS, TIMES
from engine.storybook.wording import Caption, Language, write

FIGURES = BUILT_IN.folder.parent / "figures.json"
"""What was measured of encoder and matcher."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One picture: its file name, its scene, and captions by language and level."""

    file: str
    scene: Scene
    captions: Mapping[Language, tuple[str, ...]]


def read_line(line: str) -> Record:
    """The record of a line; ValueError or KeyError where it is not one."""
    fields = json.loads(line)
    scene = Scene(
        animals=tuple(Animal(**animal) for animal in fields["animals"]),
        place=fields["place"],
        time=fields["time"],
        prop=fields["prop"],
        seed=fields["seed"],
    )
    captions = {Language(language): tuple(some) for language, some in fields["captions"].items()}
    return Record(file=fields["file"], scene=scene, captions=captions)


def read_records(folder: Path) -> Iterator[Record]:
    """The records of a gallery, in order. Raises OSError where the folder holds none."""
    with (folder / BUILT_IN.records).open(encoding="utf-8") as file:
        for line in file:
            yield read_line(line)


@dataclass(frozen=True, kw_only=True, slots=True)
class ThingMask:
    """Where a picture of the gallery shows an animal or a prop."""

    picture: int
    """The index of its record."""
    name: str
    """As the vocabulary has it."""
    mask: RegionMask


def read_masks(path: Path) -> list[ThingMask]:
    """The masks that ship, as `tools/storybook/gallery.py` writes them."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        ends, stops, pictures = (file.get_tensor(name) for name in ("ends", "stops", "picture"))
    names, side = json.loads(metadata["names"]), int(metadata["side"])
    runs = np.split(ends.astype(np.int64), stops[:-1])
    return [
        ThingMask(picture=picture, name=name, mask=RegionMask(rows=side, columns=side, ends=some))
        for picture, name, some in zip(pictures.tolist(), names, runs, strict=True)
    ]


COUNTS = {QueryKind.SATISFIED: 150, QueryKind.ABSENT: 100, QueryKind.FOREIGN: 50}


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A query, what it states, and what is known of its answers."""

    caption: Caption
    kind: QueryKind

    @property
    def answered(self) -> bool:
        """Whether some picture of the gallery satisfies it."""
        return self.kind is QueryKind.SATISFIED


def routing_queries(scenes: Sequence[Scene]) -> list[Query]:
    """The queries for a gallery of these scenes, half of them in each language."""
    rng = Random("queries")
    return [*_satisfied(scenes, rng), *_absent(scenes, rng), *_foreign(rng)]


def _language(number: int) -> Language:
    return list(Language)[number % 2]


def _satisfied(scenes: Sequence[Scene], rng: Random) -> list[Query]:
    queries = []
    for number in range(COUNTS[QueryKind.SATISFIED]):
        scene = rng.choice(scenes)
        level2 = claim_of(scene, 2, rng)
        claim = rng.choice((level2, level2, claim_of(scene, 1, rng), partial_claim(scene, rng)))
        caption = write(claim, _language(number), rng)
        queries.append(Query(caption=caption, kind=QueryKind.SATISFIED))
    return queries


def _absent(scenes: Sequence[Scene], rng: Random) -> list[Query]:
    """Combinations of known words that no picture has; first those kept from training."""
    claims = [Claim(subjects=(Subject(animal=a, colour=c),)) for a, c in sorted(UNSEEN_PAIRS)]
    while len(claims) < COUNTS[QueryKind.ABSENT]:
        subject = Subject(
            animal=rng.choice(ANIMALS),
            colour=rng.choice(COLOURS),
            action=rng.choice((*ACTIONS, None)),
        )
        claim = Claim(subjects=(subject,), place=rng.choice((*PLACES, None, None)))
        if claim not in claims and not any(is_true(claim, scene) for scene in scenes):
            claims.append(claim)
    return [
        Query(caption=write(claim, _language(number), rng), kind=QueryKind.ABSENT)
        for number, claim in enumerate(claims)
    ]


def _foreign(rng: Random) -> list[Query]:
    fixed = [
        Caption(text=text, language=language, claim=suggestion.claim)
        for suggestion in SUGGESTIONS
        if suggestion.claim.foreign
        for language, text in (
            (Language.ENGLISH, suggestion.english),
            (Language.CHINESE, suggestion.chinese),
        )
    ]
    fixed.append(Caption(text="一座火山", language=Language.CHINESE, claim=Claim(foreign=True)))
    more = []
    for number in range(COUNTS[QueryKind.FOREIGN] - len(fixed)):
        language = _language(number)
        more.append(foreign_caption(rng.choice(FOREIGN_THINGS[language]), language, rng))
    return [Query(caption=caption, kind=QueryKind.FOREIGN) for caption in (*fixed, *more)]


def swapped_claims(scenes: Sequence[Scene]) -> tuple[list[Claim], list[Claim]]:
    """For each scene a level-2 claim, then for each a full one, and the same with one swap."""
    true, false = [], []
    for level in (2, 3):
        for scene in scenes:
            rng = Random(f"{scene.seed}:swap:{level}")
            while True:
                claim = claim_of(scene, level, rng)
                pair = swapped(claim, scene, rng)
                if pair is not None:
                    break
            true.append(claim)
            false.append(pair[0])
    return true, false


_UNSTATED, _MISSING = -1, -2
_NOBODY = (_MISSING,) * 4
Bools = NDArray[np.bool_]
Ints = NDArray[np.int8]


def truth_matrix(claims: Sequence[Claim], scenes: Sequence[Scene]) -> Bools:
    """`is_true` of every claim and scene, [scenes, claims]."""
    stated = np.array([_scenery_numbers(c.place, c.time, c.prop) for c in claims], np.int8).reshape(
        -1, 3
    )
    shown = np.array([_scenery_numbers(s.place, s.time, s.prop) for s in scenes], np.int8).reshape(
        -1, 3
    )
    possible = np.array([not claim.foreign for claim in claims])
    scenery = _agree(stated, shown) & possible
    subjects = np.array([_pair([_animal_numbers(s) for s in c.subjects]) for c in claims], np.int8)
    animals = np.array([_pair([_animal_numbers(a) for a in s.animals]) for s in scenes], np.int8)
    first, second = subjects.reshape(-1, 2, 4).transpose(1, 0, 2)
    one, other = animals.reshape(-1, 2, 4).transpose(1, 0, 2)
    straight = _fits(first, one) & _fits(second, other)
    crossed = _fits(first, other) & _fits(second, one)
    result: Bools = scenery & (straight | crossed)
    return result


def _scenery_numbers(place: str | None, time: str | None, prop: str | None) -> tuple[int, int, int]:
    return _number(place, PLACES), _number(time, TIMES), _number(prop, PROPS)


def _animal_numbers(thing: Subject | Animal) -> tuple[int, int, int, int]:
    return (
        _number(thing.animal, ANIMALS),
        _number(thing.colour, COLOURS),
        _number(thing.action, ACTIONS),
        _number(thing.position, POSITIONS),
    )


def _number(value: str | None, words: tuple[str, ...]) -> int:
    return _UNSTATED if value is None else words.index(value)


def _pair(some: list[tuple[int, int, int, int]]) -> list[tuple[int, ...]]:
    return [*some, *[_NOBODY] * (2 - len(some))]


def _agree(stated: Ints, shown: Ints) -> Bools:
    """Whether everything stated [claims, k] is as shown [scenes, k]: [scenes, claims]."""
    agree = np.ones((len(shown), len(stated)), dtype=bool)
    # One attribute at a time: all at once, thousands of claims and scenes fill gigabytes.
    for column in range(stated.shape[1]):
        value, seen = stated[None, :, column], shown[:, None, column]
        agree &= (value == _UNSTATED) | (value == seen)
    return agree


def _fits(subject: Ints, animal: Ints) -> Bools:
    """Whether a subject is absent from its claim, or there is an animal and it fits."""
    nobody = subject[:, 0] == _MISSING
    there = animal[:, 0] != _MISSING
    result: Bools = nobody[None] | (_agree(subject, animal) & there[:, None])
    return result
