"""The losses of the encoder on a batch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.storybook.scenes import Animal, Scene
from engine.storybook.vocabulary import ANIMALS
from tools.storybook.encoder.batches import Batch, Choices
from tools.storybook.encoder.heads import (
    COLOUR_CLASSES,
    COLOUR_SETS,
    IGNORED,
    PAIR_GROUPS,
    PAIR_SIZES,
    SEEN_COLOURS,
    SET_SIZES,
    SLOT_SIZES,
    Heads,
    Ints,
    Targets,
    claim_targets,
    pair_classes,
    scene_targets,
    slot_classes,
)
from tools.storybook.encoder.network import Seen

CLEAR = 0.33
"""An animal that covers this much of a patch is what the patch shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Losses:
    """The parts of the loss; `total` is what is minimised."""

    contrast: Tensor
    pairs: Tensor
    pictures: Tensor
    texts: Tensor
    patches: Tensor
    bound: Tensor
    choices: Tensor

    @property
    def total(self) -> Tensor:
        """The weighted sum."""
        return (
            self.contrast
            + 2.0 * self.pairs
            + 0.5 * self.pictures
            + 0.25 * self.texts
            + self.patches
            + 0.5 * self.bound
            + self.choices
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What the encoder made of a batch."""

    seen: Seen
    coverage: Tensor
    """How much of each patch the two animals cover, [n, 2, grid, grid]."""
    texts: Tensor
    """Unit vectors [m, joint]."""
    choices: list[Tensor]
    """Unit vectors [m, joint] of the captions of each of `Batch.choices`."""


def losses(batch: Batch, read: Read, scale: Tensor, heads: Heads) -> Losses:
    """The losses of a batch."""
    pictures, texts = read.seen.vectors, read.texts
    device = pictures.device
    truth = torch.from_numpy(batch.truth).to(device)
    cosine = pictures @ texts.T
    picture_targets = [scene_targets(scene) for scene in batch.scenes]
    text_targets = [claim_targets(caption.claim) for caption in batch.texts]
    foreign = torch.tensor([float(c.claim.foreign) for c in batch.texts], device=device)
    strange = functional.binary_cross_entropy_with_logits(heads.foreign(texts)[:, 0], foreign)
    return Losses(
        contrast=_contrast(cosine * scale, truth),
        pairs=_pairs(cosine, truth, heads),
        pictures=_attributes(heads, pictures, picture_targets, text=False, blind=batch.blind),
        texts=_attributes(heads, texts, text_targets, text=True, blind=None) + strange,
        patches=_patches(heads, read, batch),
        bound=_bound(heads, read, batch),
        choices=sum(
            (
                choice_loss(pictures, vectors, asked, scale)
                for vectors, asked in zip(read.choices, batch.choices, strict=True)
            ),
            pictures.new_zeros(()),
        ),
    )


def _contrast(logits: Tensor, truth: Tensor) -> Tensor:
    """Symmetric cross entropy; other true captions and pictures of a row are left out of it."""
    n = len(logits)
    own = torch.zeros_like(truth, dtype=torch.bool)
    own[:, :n] = torch.eye(n, dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill((truth != 0) & ~own, float("-inf"))
    answer = torch.arange(n, device=logits.device)
    by_picture = functional.cross_entropy(logits, answer)
    by_text = functional.cross_entropy(logits[:, :n].T, answer)
    return (by_picture + by_text) / 2


def _pairs(cosine: Tensor, truth: Tensor, heads: Heads) -> Tensor:
    """Binary cross entropy of every decided pair, true and false pairs weighing the same."""
    logits = cosine * heads.pair[0].exp() + heads.pair[1]
    each = functional.binary_cross_entropy_with_logits(
        logits, truth.clamp(min=0).float(), reduction="none"
    )
    yes, no = truth == 1, truth == 0
    return 0.5 * each[yes].mean() + 0.5 * each[no].mean()


def _attributes(
    heads: Heads,
    vectors: Tensor,
    targets: list[Targets],
    *,
    text: bool,
    blind: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None,
) -> Tensor:
    classes = np.stack([t.classes for t in targets])
    sets = torch.from_numpy(np.stack([t.sets for t in targets])).to(vectors.device)
    weights = np.stack([t.weights for t in targets])
    if blind is not None:
        for group in COLOUR_CLASSES:
            classes[blind, group] = IGNORED
        starts = np.cumsum((0, *SET_SIZES))
        for group in COLOUR_SETS:
            weights[blind, starts[group] : starts[group + 1]] = 0.0
    class_logits, set_logits = heads(vectors, text=text)
    answers = torch.from_numpy(classes).to(vectors.device)
    total = vectors.new_zeros(())
    for k, logits in enumerate(class_logits):
        counted = answers[:, k] != IGNORED
        if counted.any():
            total = total + functional.cross_entropy(logits[counted], answers[counted, k]) * (
                0.5 if k < 9 else 0.7
            )
    weight = torch.from_numpy(weights).to(vectors.device)
    each = functional.binary_cross_entropy_with_logits(set_logits, sets, reduction="none")
    groups = np.split(np.arange(sum(SET_SIZES)), np.cumsum(SET_SIZES)[:-1])
    for number, members in enumerate(groups):
        asked = weight[:, members]
        total = total + (each[:, members] * asked).sum() / asked[:, 0].sum().clamp(min=1.0) * 0.25
        if number in PAIR_GROUPS:
            total = total + 1.5 * _gathered(set_logits[:, members], sets[:, members], asked)
    return total


def _gathered(logits: Tensor, sets: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of each pair that holds against all that do not, for the pairs of a group."""
    wrong = logits.masked_fill((weight == 0) | (sets > 0), -1e4).logsumexp(-1)
    each = functional.softplus(wrong[:, None] - logits) * sets * weight
    return each.sum() / (sets * weight).sum().clamp(min=1.0)


def _shown(scenes: list[Scene], classes: Callable[[Animal], tuple[int, ...]]) -> Ints:
    """Classes of both animals of each scene, [n, 2, groups]; 0 for one that is not there."""
    groups = len(classes(scenes[0].animals[0]))
    shown = np.zeros((len(scenes), 2, groups), dtype=np.int64)
    for row, scene in enumerate(scenes):
        for k, animal in enumerate(scene.animals):
            shown[row, k] = classes(animal)
    return shown


def _answers(read: Read, shown: Ints) -> tuple[Tensor, Tensor]:
    """How much of each patch is covered, [n, patches], and the classes of what covers it."""
    covered, which = read.coverage.flatten(2).max(dim=1)
    classes = torch.from_numpy(shown).to(which.device)
    return covered, classes.gather(1, which[..., None].expand(-1, -1, shown.shape[-1]))


def _bound(heads: Heads, read: Read, batch: Batch) -> Tensor:
    """Which animal in which colour, doing what, each patch shows before patches are gathered."""
    covered, answers = _answers(read, _shown(batch.scenes, pair_classes))
    clear = (covered >= CLEAR).cpu().numpy()
    total = read.seen.before.new_zeros(())
    logits = heads.bound(read.seen.before).split(list(PAIR_SIZES), dim=-1)
    unseen = torch.from_numpy(~SEEN_COLOURS).to(answers.device)
    sighted = clear & ~batch.blind[:, None]
    for k, (part, asked) in enumerate(zip(logits, (sighted, clear), strict=True)):
        rows = torch.from_numpy(asked).to(answers.device)
        some = part[rows].masked_fill(unseen, float("-inf")) if k == 0 else part[rows]
        each = functional.cross_entropy(some, answers[rows][:, k], reduction="sum")
        total = total + each / max(len(some), 1)
    return total


def _patches(heads: Heads, read: Read, batch: Batch) -> Tensor:
    """What each patch shows: the animal that covers a third of it, or nobody where none does."""
    covered, answers = _answers(read, _shown(batch.scenes, slot_classes))
    answers = answers.masked_fill((covered < 0.02)[..., None], 0)
    answers[(covered >= 0.02) & (covered < CLEAR)] = IGNORED
    blind = torch.from_numpy(batch.blind).to(answers.device)
    answers[..., 1][blind[:, None] & (answers[..., 1] > 0)] = IGNORED
    logits = heads.patch(read.seen.patches).split(list(SLOT_SIZES), dim=-1)
    total = read.seen.patches.new_zeros(())
    for k, part in enumerate(logits):
        weight = torch.ones(SLOT_SIZES[k], device=part.device)
        weight[0] = 0.25
        total = total + functional.cross_entropy(
            part.flatten(0, 1), answers[..., k].flatten(), weight=weight, ignore_index=IGNORED
        )
    return total


def choice_loss(pictures: Tensor, texts: Tensor, choices: Choices, scale: Tensor) -> Tensor:
    """Cross entropy of the right captions, by the cosines of unit vectors [n, d] and [m, d]."""
    if not len(choices.rows):
        return pictures.new_zeros(())
    device = pictures.device
    of_kind = texts.view(len(ANIMALS), -1, texts.shape[-1])
    asked = of_kind[torch.from_numpy(choices.kinds).to(device)]
    seen = pictures[torch.from_numpy(choices.rows).to(device)]
    logits = scale * torch.einsum("kd,kvd->kv", seen, asked)
    logits = logits.masked_fill(~torch.from_numpy(choices.open).to(device), float("-inf"))
    return functional.cross_entropy(logits, torch.from_numpy(choices.answers).to(device))
