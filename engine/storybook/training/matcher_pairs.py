"""Pairs that teach the matcher: true captions, and many kinds of false ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from engine.storybook.captions import Caption, Language, claim_of, full_claim, partial_claim, write
from engine.storybook.claims import Claim, is_true
from engine.storybook.foreign import foreign_caption
from engine.storybook.negatives import absent, recombined, swapped
from engine.storybook.scene import Scene
from engine.storybook.training.batches import seen_claim
from engine.storybook.training.matcher_fit import Floats, Pairs

TRUE_FOR_EACH = 4
HARD_FOR_EACH = 3


@dataclass(slots=True)
class PairList:
    """Captions, and which of them is paired with which picture."""

    captions: list[Caption] = field(default_factory=list)
    pairs: list[tuple[int, int, bool]] = field(default_factory=list)
    """Caption, picture, whether they belong together."""

    def add(self, caption: Caption, picture: int, label: bool) -> None:
        """Add a caption and its pair with a picture."""
        self.captions.append(caption)
        self.pairs.append((len(self.captions) - 1, picture, label))


def make_pairs(
    scenes: Sequence[Scene], spoiled: Sequence[Scene], rng: Random, *, held_out: bool
) -> PairList:
    """Captions for pictures of `scenes`, in order, followed by pictures of `spoiled` scenes.

    Captions of spoiled pictures are false, whatever their scenes hold.
    """
    made = PairList()
    for picture, scene in enumerate(scenes):
        for _ in range(TRUE_FOR_EACH):
            made.add(_true(scene, rng), picture, True)
        for caption in _false(scene, rng, held_out=held_out):
            made.add(caption, picture, False)
        other = rng.choice(scenes)
        caption = _true(other, rng)
        made.add(caption, picture, is_true(caption.claim, scene))
    for number, scene in enumerate(spoiled):
        for _ in range(2):
            made.add(_about_animals(scene, rng), len(scenes) + number, False)
    return made


def add_hard_pairs(made: PairList, scenes: Sequence[Scene], scores: Floats, keep: int) -> None:
    """Pair captions with the pictures [n of scenes] that score highest and are false of them.

    `scores` is [captions, pictures] for the first captions; `keep` pictures are taken for each.
    """
    top = np.argsort(-scores, axis=1)[:, : 4 * keep]
    for number, best in enumerate(top):
        claim = made.captions[number].claim
        false = [int(p) for p in best if not is_true(claim, scenes[int(p)])]
        made.pairs += [(number, picture, False) for picture in false[:keep]]


def as_pairs(made: PairList, texts: Floats, pictures: Floats) -> Pairs:
    """The pairs as arrays, with the vectors of the captions and of all pictures."""
    table = np.array(made.pairs, dtype=np.int64)
    return Pairs(
        texts=texts,
        pictures=pictures,
        text=table[:, 0],
        picture=table[:, 1],
        label=table[:, 2].astype(np.float32),
    )


def _language(rng: Random) -> Language:
    return rng.choice(list(Language))


def _true(scene: Scene, rng: Random) -> Caption:
    makers = (claim_of(scene, 1, rng), claim_of(scene, 2, rng), full_claim(scene))
    claim = rng.choice((*makers, partial_claim(scene, rng), partial_claim(scene, rng)))
    return write(claim, _language(rng), rng)


def _about_animals(scene: Scene, rng: Random) -> Caption:
    return write(claim_of(scene, rng.choice((1, 2, 2, 3)), rng), _language(rng), rng)


def _false(scene: Scene, rng: Random, *, held_out: bool) -> list[Caption]:
    claims: list[Claim | None] = []
    for level in (1, 2, 2, 3):
        pair = swapped(claim_of(scene, level, rng), scene, rng)
        claims.append(pair[0] if pair else None)
    claims += [recombined(scene, rng), recombined(scene, rng), absent(scene, rng)]
    kept = [claim for claim in claims if claim is not None and seen_claim(claim)]
    captions = [write(claim, _language(rng), rng) for claim in kept]
    return [*captions, foreign_caption(_language(rng), rng, held_out=held_out)]
