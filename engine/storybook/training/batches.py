"""Training batches: pictures with their scenes, captions true and false, and what is true."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from engine.storybook.captions import Caption, Language, claim_of, full_claim, partial_claim, write
from engine.storybook.claims import Claim, seen_claim, without_colour
from engine.storybook.foreign import foreign_caption
from engine.storybook.negatives import absent, recombined, swapped
from engine.storybook.scene import Scene, mirrored, sample_scene
from engine.storybook.training.choices import ASKED, Choices, ask
from engine.storybook.training.held_out import TWO_SHARE
from engine.storybook.training.pictures import SHARD, Shard, finished_shards, load_shard
from engine.storybook.truth import truth_matrix

COLOUR_BLIND_SHARE = 0.25
"""Share of pictures shown without their true colours, so that no animal is known by its colour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """`texts` begin with one true caption for each picture; the others are false of theirs."""

    pictures: NDArray[np.uint8]
    """[n, side, side, 3]"""
    labels: NDArray[np.uint8]
    """Which animal of the scene lies where in the picture, [n, k, k]: 0 none, else 1 or 2."""
    scenes: list[Scene]
    flipped: NDArray[np.bool_]
    """Whether the picture must be mirrored to show its scene."""
    blind: NDArray[np.bool_]
    """Whether the picture is to be shown without its true colours."""
    texts: list[Caption]
    truth: NDArray[np.int8]
    """[n, texts]: 1 true, 0 false, -1 not to be decided (a colour, of a colour-blind picture)."""
    choices: list[Choices]
    """What each animal is asked, an attribute at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """Pictures as they were rendered, their label maps and their scenes."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    scenes: list[Scene]


class Pool:
    """The pictures rendered so far, and the scenes they show."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: dict[int, Shard] = {}
        self.refresh()

    def refresh(self) -> int:
        """Take in shards that were finished since; how many pictures there are now."""
        for number in finished_shards(self._folder):
            if number not in self._shards:
                self._shards[number] = load_shard(self._folder, number)
        self._numbers = sorted(self._shards)
        return len(self._numbers) * SHARD

    def draw(self, number: int, rng: Random) -> Drawn:
        """Random pictures and their scenes."""
        drawn = [self._row(rng, two=rng.random() < TWO_SHARE) for _ in range(number)]
        return Drawn(
            pictures=np.stack([self._shards[shard].pictures[row] for shard, row, _ in drawn]),
            labels=np.stack([self._shards[shard].labels[row] for shard, row, _ in drawn]),
            scenes=[scene for _, _, scene in drawn],
        )

    def _row(self, rng: Random, *, two: bool) -> tuple[int, int, Scene]:
        while True:
            shard, row = rng.choice(self._numbers), rng.randrange(SHARD)
            scene = sample_scene(shard * SHARD + row)
            if (len(scene.animals) == 2) is two:
                return shard, row, scene


class Batches(IterableDataset[Batch]):
    """Endless batches of `size` pictures; each of several loading processes has its own."""

    def __init__(self, folder: Path, size: int, seed: int) -> None:
        self._folder, self._size, self._seed = folder, size, seed

    def __iter__(self) -> Iterator[Batch]:
        """Begin anew, with the pictures that are rendered by now."""
        worker = get_worker_info()
        rng = Random(f"batches:{self._seed}:{worker.id if worker else 0}")
        pool = Pool(self._folder)
        for number in count(1):
            if number % 200 == 0:
                pool.refresh()
            yield make_batch(pool.draw(self._size, rng), rng)


def batches(folder: Path, size: int, seed: int, workers: int = 0) -> Iterator[Batch]:
    """Endless batches of pictures in `folder`, made by this process or by `workers` others."""
    loader = DataLoader(Batches(folder, size, seed), batch_size=None, num_workers=workers)
    return iter(loader)


def make_batch(drawn: Drawn, rng: Random) -> Batch:
    """Captions for the pictures: one true caption each, then false and foreign ones."""
    flipped = np.array([rng.random() < 0.5 for _ in drawn.scenes])
    blind = np.array([rng.random() < COLOUR_BLIND_SHARE for _ in drawn.scenes])
    shown = [mirrored(s) if flip else s for s, flip in zip(drawn.scenes, flipped, strict=True)]
    texts = [
        _true_caption(scene, rng, blind=bool(b)) for scene, b in zip(shown, blind, strict=True)
    ]
    for scene in rng.sample(shown, len(shown) // 3):
        texts.append(false_caption(scene, rng))
    texts += [foreign_caption(_language(rng), rng) for _ in range(len(shown) // 12)]
    return Batch(
        pictures=drawn.pictures,
        labels=drawn.labels,
        scenes=shown,
        flipped=flipped,
        blind=blind,
        texts=texts,
        truth=truth_table([c.claim for c in texts], shown, blind),
        choices=[ask(name, shown, blind, rng) for name in ASKED],
    )


def truth_table(
    claims: list[Claim], scenes: list[Scene], blind: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """Which claim is true of which scene, [scenes, claims]."""
    colourless = [without_colour(claim) for claim in claims]
    names_colour = np.array([a != b for a, b in zip(claims, colourless, strict=True)])
    table = truth_matrix(claims, scenes).astype(np.int8)
    undecided = truth_matrix(colourless, scenes) & blind[:, None] & names_colour
    table[undecided] = -1
    return table


def _language(rng: Random) -> Language:
    return Language.ENGLISH if rng.random() < 0.5 else Language.CHINESE


def _true_caption(scene: Scene, rng: Random, *, blind: bool) -> Caption:
    style = rng.random()
    if style < 0.3:
        claim = full_claim(scene)
    elif style < 0.5:
        claim = claim_of(scene, 2, rng)
    elif style < 0.57:
        claim = claim_of(scene, 1, rng)
    else:
        claim = partial_claim(scene, rng)
    if blind:
        claim = without_colour(claim)
    return write(claim, _language(rng), rng)


def false_caption(scene: Scene, rng: Random) -> Caption:
    """A caption that is false of the scene and near it."""
    makers: list[Callable[[], Claim | None]] = [
        lambda: _swap(scene, rng),
        lambda: _swap(scene, rng),
        lambda: recombined(scene, rng),
        lambda: absent(scene, rng),
    ]
    while True:
        claim = rng.choice(makers)()
        if claim is not None and seen_claim(claim):
            return write(claim, _language(rng), rng)


def _swap(scene: Scene, rng: Random) -> Claim | None:
    base = rng.choice((full_claim(scene), claim_of(scene, 2, rng), partial_claim(scene, rng)))
    pair = swapped(base, scene, rng)
    return None if pair is None else pair[0]
