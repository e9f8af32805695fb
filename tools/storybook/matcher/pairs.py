"""Pairs that teach the matcher: true captions, and many kinds of false ones."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray
from engine.storybook.captions import claim_of, full_claim, partial_claim
from engine.storybook.captions import graded_claims as graded_claims
from engine.storybook.claims import Claim, Subject, is_true, swapped
from engine.storybook.gallery import truth_matrix
from engine.storybook.scenes import Scene
from engine.storybook.wording import Caption, Language, write, write_plainly
from tools.storybook.generator.prompts import Prompt
from tools.storybook.negatives import absent, misattributed, recombined, sample_foreign, seen_claim

VAGUE, STEP = 0.2, 0.4
"""What a true claim of one attribute lacks to 1, and which part of that each further one leaves."""
STEPS = (0, 1, 2, 3, 3, 4, 4)
"""Which descriptions of growing detail are shown, the last ones more often."""


def target(claim: Claim, *, holds: bool) -> float:
    """The match that is taught for a claim and a picture: nothing else decides it.

    What says more of a picture matches it better, if it is true: with 1 for every true claim a
    match would fall with each further word, for there is more that could be wrong.
    """
    return 1.0 - VAGUE * STEP ** max(0, claim.detail() - 1) if holds else 0.0


@dataclass(slots=True)
class PairList:
    """Captions, and which of them is paired with which picture."""

    captions: list[Caption] = field(default_factory=list)
    pairs: list[tuple[int, int, bool]] = field(default_factory=list)
    """Caption, picture, whether they belong together."""
    _numbers: dict[str, int] = field(default_factory=dict)

    def add(self, caption: Caption, picture: int, label: bool) -> None:
        """Add a pair of a caption, which may be there already, and a picture."""
        number = self._numbers.setdefault(caption.text, len(self.captions))
        if number == len(self.captions):
            self.captions.append(caption)
        self.pairs.append((number, picture, label))

    def extend(self, other: "PairList", pictures: Sequence[int]) -> list[int]:
        """Add all of another list, whose picture k is number pictures[k] here.

        Returns the numbers of its captions that were not here yet, which follow the others.
        """
        new = [n for n, each in enumerate(other.captions) if each.text not in self._numbers]
        for caption, picture, label in other.pairs:
            self.add(other.captions[caption], pictures[picture], label)
        return new

    def table(self) -> NDArray[np.int64]:
        """Caption, picture and truth of each pair, [n, 3]."""
        return np.array(self.pairs, dtype=np.int64).reshape(-1, 3)

    def targets(self) -> FloatArray:
        """The match that is taught for each pair, [n]."""
        known = np.array(
            [[target(c.claim, holds=holds) for holds in (False, True)] for c in self.captions],
            dtype=np.float32,
        )
        table = self.table()
        return np.asarray(known[table[:, 0], table[:, 2]])


def pairs_of(
    scenes: Sequence[Scene], degraded: Sequence[Scene], *, held_out: bool, number: int = 0
) -> PairList:
    """`make_pairs`, the same whenever it is asked for the same; `number` tells sets apart."""
    seed = f"pairs:{held_out}:{len(scenes)}" + (f":{number}" if number else "")
    return make_pairs(scenes, degraded, Random(seed), held_out=held_out)


def make_pairs(
    scenes: Sequence[Scene], degraded: Sequence[Scene], rng: Random, *, held_out: bool
) -> PairList:
    """Captions for pictures of `scenes`, in order, followed by pictures of `degraded` scenes.

    Captions of degraded pictures are false, whatever their scenes hold.
    """
    made = PairList()
    for picture, scene in enumerate(scenes):
        for caption in _true(scene, rng):
            made.add(caption, picture, True)
        for caption in _false(scene, rng, held_out=held_out):
            made.add(caption, picture, False)
        if not held_out:
            for caption, holds in _steps(scene, rng):
                made.add(caption, picture, holds)
        caption = rng.choice(_true(rng.choice(scenes), rng))
        made.add(caption, picture, is_true(caption.claim, scene))
    for number, scene in enumerate(degraded):
        for _ in range(3):
            made.add(_about_animals(scene, rng), len(scenes) + number, False)
    return made


def add_generated(
    made: PairList, prompts: Sequence[Prompt], right: Sequence[bool], *, first: int
) -> None:
    """Add generated pictures, whose numbers begin at `first`, with their prompts.

    A prompt is true of a picture from which all that it states is read; then the prompt with one
    attribute exchanged is false of it.
    """
    rng = Random("generated")
    for number, (prompt, is_right) in enumerate(zip(prompts, right, strict=True)):
        caption = Caption(text=prompt.text, language=prompt.language, claim=prompt.claim)
        made.add(caption, first + number, is_right)
        pair = swapped(prompt.claim, prompt.scene, rng) if is_right else None
        if pair is not None and seen_claim(pair[0]):
            made.add(write(pair[0], caption.language, rng), first + number, False)


def hard_pairs(
    captions: Sequence[Caption], scenes: Sequence[Scene], scores: FloatArray, keep: int
) -> list[tuple[int, int, bool]]:
    """For each caption the `keep` pictures that score highest and are false of it.

    `scores` is [captions, pictures].
    """
    true = truth_matrix([caption.claim for caption in captions], scenes).T
    best = np.argpartition(-np.where(true, -np.inf, scores), keep, axis=1)[:, :keep]
    return [
        (number, int(picture), False)
        for number, row in enumerate(best)
        for picture in row
        if not true[number, picture]
    ]


def _language(rng: Random) -> Language:
    return rng.choice(list(Language))


def _written(claims: Iterable[Claim | None], rng: Random) -> list[Caption]:
    kept = [claim for claim in claims if claim is not None and seen_claim(claim)]
    return [write(claim, _language(rng), rng) for claim in kept]


def _true(scene: Scene, rng: Random) -> list[Caption]:
    rest = (claim_of(scene, 1, rng), _names(scene, rng), partial_claim(scene, rng))
    claims = claim_of(scene, 2, rng), partial_claim(scene, rng), full_claim(scene), rng.choice(rest)
    return [write(claim, _language(rng), rng) for claim in claims]


def _steps(scene: Scene, rng: Random) -> Iterator[tuple[Caption, bool]]:
    """Two descriptions of growing detail, and each with one attribute exchanged, twice."""
    for number in rng.choices(STEPS, k=2):
        claim, language = graded_claims(scene)[number], _language(rng)
        plain = rng.random() < 0.5
        yield (
            write_plainly(claim, language, scene.seed) if plain else write(claim, language, rng),
            True,
        )
        for _ in range(2):
            pair = swapped(claim, scene, rng)
            if pair is not None and seen_claim(pair[0]):
                yield write(pair[0], language, rng), False


def _names(scene: Scene, rng: Random) -> Claim:
    """The animals by name, some with their sides, and the place now and then."""
    sides = rng.random() < 0.5
    return Claim(
        subjects=tuple(
            Subject(animal=animal.animal, position=animal.position if sides else None)
            for animal in scene.animals
        ),
        place=scene.place if rng.random() < 0.5 else None,
    )


def _about_animals(scene: Scene, rng: Random) -> Caption:
    return write(claim_of(scene, rng.choice((1, 1, 2, 3)), rng), _language(rng), rng)


def _false(scene: Scene, rng: Random, *, held_out: bool) -> list[Caption]:
    claims: list[Claim | None] = []
    for claim in (
        claim_of(scene, rng.choice((1, 2)), rng),
        claim_of(scene, 2, rng),
        partial_claim(scene, rng),
        full_claim(scene),
    ):
        pair = swapped(claim, scene, rng)
        claims.append(pair[0] if pair else None)
    for name in rng.sample(("colour", "action", "position"), 2):
        apart = misattributed(scene, name, rng)
        claims.append(apart[1] if apart else None)
    claims += [recombined(scene, rng), absent(scene, rng)]
    foreign = sample_foreign(_language(rng), rng, held_out=held_out)
    return [*_written(claims, rng), *([foreign] if rng.random() < 0.6 else [])]
