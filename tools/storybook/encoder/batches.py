"""Training batches: pictures, varied, with captions true and false, and questions.

A question is multiple choice: of all values of an attribute, the one that an animal of a picture
has. It is what the encoder is measured by, asked of every animal: where a picture holds two, the
other's value is among the wrong ones, and that is the only one which is hard to refuse.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from engine.storybook.captions import claim_of, full_claim, partial_claim
from engine.storybook.claims import Claim, Subject, full_subject, is_true, swapped
from engine.storybook.gallery import truth_matrix
from engine.storybook.scenes import UNSEEN_PAIRS, Scene
from engine.storybook.vocabulary import ANIMALS, ATTRIBUTES
from engine.storybook.wording import Caption, Language, write
from tools.storybook.encoder.network import PATCH, SIDE, normalised
from tools.storybook.held_out import TWO_SHARE
from tools.storybook.negatives import absent, recombined, sample_foreign, seen_claim
from tools.storybook.renderer.shards import SHARD, Shard, finished_shards, load_shard
from tools.storybook.sampling import mirrored, sample_scene


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What the encoder is shown, and how much of each patch the two animals cover."""

    pixels: Tensor
    """Normalised, [n, 3, SIDE, SIDE]."""
    coverage: Tensor
    """0 to 1, [n, 2, grid, grid]."""


def augmented(
    pictures: Tensor, labels: Tensor, flipped: Tensor, blind: Tensor, random: torch.Generator
) -> Shown:
    """Input made from uint8 pictures [n, side, side, 3] and label maps [n, k, k]."""
    place = _placement(pictures, flipped, random)
    x = _placed(pictures.permute(0, 3, 1, 2).float() / 255.0, place, SIDE)
    x = _degraded(_coloured(x, blind, random), random)
    each = torch.stack([labels == 1, labels == 2], dim=1).float()
    fine = 4 * (SIDE // PATCH)
    coverage = functional.avg_pool2d(_placed(each, place, fine), 4)
    return Shown(pixels=normalised(x), coverage=coverage)


def _uniform(n: int, low: float, high: float, like: Tensor, random: torch.Generator) -> Tensor:
    value = torch.rand(n, generator=random) * (high - low) + low
    return value.to(like.device)


def _placement(x: Tensor, flipped: Tensor, random: torch.Generator) -> Tensor:
    """A mirror image where asked for, scaled a little and shifted a little: [n, 2, 3]."""
    n = len(x)
    zoom = _uniform(n, 0.9, 1.03, x, random)
    theta = torch.zeros(n, 2, 3, device=x.device)
    theta[:, 0, 0] = torch.where(flipped.to(x.device), -zoom, zoom)
    theta[:, 1, 1] = zoom
    theta[:, 0, 2] = _uniform(n, -0.05, 0.05, x, random)
    theta[:, 1, 2] = _uniform(n, -0.05, 0.05, x, random)
    return theta


def _placed(x: Tensor, place: Tensor, side: int) -> Tensor:
    grid = functional.affine_grid(place, [len(x), x.shape[1], side, side], align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _coloured(x: Tensor, blind: Tensor, random: torch.Generator) -> Tensor:
    """Grey or false colours for the blind, a little more or less light for the others."""
    n = len(x)
    weights = torch.tensor([0.3, 0.59, 0.11], device=x.device)
    grey = (x * weights[None, :, None, None]).sum(1, keepdim=True).expand_as(x)
    mix = torch.rand(n, 3, 3, generator=random).to(x.device) - 0.15
    mix = mix / mix.sum(2, keepdim=True).clamp(min=0.4)
    false = torch.einsum("nij,njhw->nihw", mix, x).clamp(0, 1)
    use_grey = (_uniform(n, 0, 1, x, random) < 0.6)[:, None, None, None]
    plain = x * _uniform(n, 0.9, 1.1, x, random)[:, None, None, None]
    plain = plain + _uniform(n, -0.05, 0.05, x, random)[:, None, None, None]
    is_blind = blind.to(x.device)[:, None, None, None]
    return torch.where(is_blind, torch.where(use_grey, grey, false), plain).clamp(0, 1)


def _degraded(x: Tensor, random: torch.Generator) -> Tensor:
    """A slight blur on some pictures, noise on others."""
    n = len(x)
    blur = _uniform(n, 0, 1, x, random) < 0.12
    noisy = _uniform(n, 0, 1, x, random) < 0.15
    if blur.any():
        padded = functional.pad(x[blur], (1, 1, 1, 1), mode="replicate")
        x[blur] = functional.avg_pool2d(padded, 3, 1)
    if noisy.any():
        noise = torch.randn(x[noisy].shape, generator=random).to(x.device)
        x[noisy] = (x[noisy] + 0.05 * noise).clamp(0, 1)
    return x


ASKED = ("colour", "action", "position")
CLAIMS = {
    name: [
        Claim(subjects=(Subject(animal=animal).with_value(name, value),))
        for animal in ANIMALS
        for value in ATTRIBUTES[name]
    ]
    for name in ASKED
}
"""Of every animal and every value of the attribute: "a brown dog", "a black dog", ..."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """Questions about one attribute of animals, each with the captions to choose from."""

    captions: list[Caption]
    """Those of `CLAIMS`."""
    rows: NDArray[np.int64]
    """The picture of each question, [k]."""
    kinds: NDArray[np.int64]
    """Which animal it is about, [k]."""
    answers: NDArray[np.int64]
    """The place of the right value, [k]."""
    open: NDArray[np.bool_]
    """The values that are right or wrong: none that another animal of its kind has, and no
    combination that is kept from training, [k, values]."""


def ask(name: str, scenes: list[Scene], blind: NDArray[np.bool_], rng: Random) -> Choices:
    """Ask for an attribute of every animal; the colour-blind are not asked for colours."""
    values = ATTRIBUTES[name]
    rows, kinds, answers, opened = [], [], [], []
    for row, scene in enumerate(scenes):
        if name == "colour" and blind[row]:
            continue
        for animal in scene.animals:
            kind = ANIMALS.index(animal.animal)
            own = values.index(full_subject(animal).stated()[name])
            claims = CLAIMS[name][kind * len(values) : (kind + 1) * len(values)]
            rows.append(row)
            kinds.append(kind)
            answers.append(own)
            opened.append(
                [
                    k == own
                    or not (
                        is_true(claim, scene)
                        or (name == "colour" and (animal.animal, values[k]) in UNSEEN_PAIRS)
                    )
                    for k, claim in enumerate(claims)
                ]
            )
    language = rng.choice(list(Language))
    return Choices(
        captions=[write(claim, language, rng) for claim in CLAIMS[name]],
        rows=np.array(rows, np.int64),
        kinds=np.array(kinds, np.int64),
        answers=np.array(answers, np.int64),
        open=np.array(opened, np.bool_).reshape(len(rows), len(values)),
    )


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
class Rendered:
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

    def draw(self, number: int, rng: Random) -> Rendered:
        """Random pictures and their scenes."""
        rendered = [self._row(rng, two=rng.random() < TWO_SHARE) for _ in range(number)]
        return Rendered(
            pictures=np.stack([self._shards[shard].pictures[row] for shard, row, _ in rendered]),
            labels=np.stack([self._shards[shard].labels[row] for shard, row, _ in rendered]),
            scenes=[scene for _, _, scene in rendered],
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


def make_batch(rendered: Rendered, rng: Random) -> Batch:
    """Captions for the pictures: one true caption each, then false and foreign ones."""
    flipped = np.array([rng.random() < 0.5 for _ in rendered.scenes])
    blind = np.array([rng.random() < COLOUR_BLIND_SHARE for _ in rendered.scenes])
    shown = [mirrored(s) if flip else s for s, flip in zip(rendered.scenes, flipped, strict=True)]
    texts = [
        _true_caption(scene, rng, blind=bool(b)) for scene, b in zip(shown, blind, strict=True)
    ]
    for scene in rng.sample(shown, len(shown) // 3):
        texts.append(false_caption(scene, rng))
    texts += [sample_foreign(_language(rng), rng) for _ in range(len(shown) // 12)]
    return Batch(
        pictures=rendered.pictures,
        labels=rendered.labels,
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


def without_colour(claim: Claim) -> Claim:
    """The claim as it reads to someone who sees no colours."""
    return replace(claim, subjects=tuple(replace(s, colour=None) for s in claim.subjects))
