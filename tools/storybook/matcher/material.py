"""What the matcher is trained, calibrated and measured on: three sets without a scene in common."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from engine.storybook.scenes import Scene
from engine.storybook.wording import Language
from tools.storybook.encoder.batches import Pool
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.encoder.measures import Texts
from tools.storybook.encoder.network import SIDE
from tools.storybook.generator.prompts import GENERATED, Prompt, generated_prompts, read_one
from tools.storybook.held_out import (
    DEGRADED_SHARE,
    TO_CALIBRATE,
    TO_REPORT,
    TO_TRAIN,
    HeldOut,
    load_calibration,
    load_degraded,
    load_held_out,
)
from tools.storybook.matcher.fit import Floats, MatcherWeights, Pairs, pair_logits
from tools.storybook.matcher.pairs import PairList, add_generated, hard_pairs, pairs_of
from tools.storybook.sampling import Split

DEGRADED = 1500
HELD_OUT = 5
"""One in so many generated pictures is for the report."""
MINED_CAPTIONS, MINED_PICTURES, CANDIDATES = 12_000, 2500, 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """Pairs before they are arrays, with the scenes and vectors behind them."""

    made: PairList
    scenes: Sequence[Scene]
    """Those of the whole pictures; in `pictures` degraded ones follow, then generated ones."""
    texts: Floats
    pictures: Floats

    def pairs(self, *, taught: bool = False) -> Pairs:
        """As arrays, labelled with the truth or, to learn from, with what is taught."""
        table = self.made.table()
        return Pairs(
            texts=self.texts,
            pictures=self.pictures,
            text=table[:, 0],
            picture=table[:, 1],
            label=self.made.targets() if taught else table[:, 2].astype(np.float32),
        )

    @property
    def whole(self) -> Floats:
        """Vectors of the pictures that are not degraded."""
        return self.pictures[: len(self.scenes)]


def to_train_on(folder: Path, encoder: EncoderFolder, count: int) -> Material:
    """Pairs about `count` of the pictures that the encoder was trained on, and degraded ones."""
    rendered = Pool(folder / "pictures").draw(count, Random("matcher"))
    whole = HeldOut(scenes=rendered.scenes, pictures=rendered.pictures)
    degraded = load_degraded(folder, TO_TRAIN, DEGRADED, SIDE)
    material = _gathered(encoder, whole, degraded, held_out=False)
    return with_generated(material, encoder, load_generated(folder, encoder, held_out=False))


def to_calibrate_on(folder: Path, encoder: EncoderFolder) -> Material:
    """Pairs about pictures that are seen in neither training nor report."""
    whole = load_calibration(folder, SIDE)
    degraded = load_degraded(folder, TO_CALIBRATE, len(whole.scenes) // DEGRADED_SHARE, SIDE)
    return with_hard(_gathered(encoder, whole, degraded, held_out=True))


def to_report_on(folder: Path, encoder: EncoderFolder) -> Material:
    """Pairs about the held-out scenes that the encoder is measured on too."""
    whole = load_held_out(folder, Split.SEEN, SIDE)
    degraded = load_degraded(folder, TO_REPORT, len(whole.scenes) // DEGRADED_SHARE, SIDE)
    return with_hard(_gathered(encoder, whole, degraded, held_out=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Generated:
    """Pictures that a generator generated for prompts."""

    prompts: Sequence[Prompt]
    vectors: Floats
    right: Sequence[bool]
    """Whether the encoder reads all that the prompt states."""


def load_generated(folder: Path, encoder: EncoderFolder, *, held_out: bool) -> Generated | None:
    """What `generator.samples` left there: one in HELD_OUT for the report, or the others."""
    path = folder / GENERATED
    if not path.exists():
        return None
    pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    rows = [row for row in range(len(pixels)) if (row % HELD_OUT == 0) is held_out]
    every = generated_prompts(len(pixels))
    pictures = [Image.fromarray(pixels[row]) for row in rows]
    return read_generated(encoder, [every[row] for row in rows], pictures)


def read_generated(
    encoder: EncoderFolder, prompts: Sequence[Prompt], pictures: Sequence[Image.Image]
) -> Generated:
    """Pictures generated for prompts, and whether the encoder reads these from them."""
    vectors = encoder.embed_pictures(pictures)
    texts = Texts(encoder.embed_texts, Language.ENGLISH)
    right = [
        all(read_one(prompt, vector, texts).values())
        for prompt, vector in zip(prompts, vectors, strict=True)
    ]
    return Generated(prompts=prompts, vectors=vectors, right=right)


def with_generated(
    material: Material, encoder: EncoderFolder, generated: Generated | None
) -> Material:
    """With pairs of generated pictures and their prompts, where there are any."""
    if generated is None:
        return material
    made, before = material.made, len(material.made.captions)
    add_generated(made, generated.prompts, generated.right, first=len(material.pictures))
    with_unusual_attributes = encoder.embed_texts(
        [caption.text for caption in made.captions[before:]]
    )
    return replace(
        material,
        texts=np.concatenate([material.texts, with_unusual_attributes]),
        pictures=np.concatenate([material.pictures, generated.vectors]),
    )


def _gathered(
    encoder: EncoderFolder, whole: HeldOut, degraded: HeldOut, *, held_out: bool
) -> Material:
    made = pairs_of(whole.scenes, degraded.scenes, held_out=held_out)
    pictures = encoder.embed_pictures(
        [Image.fromarray(pixels) for some in (whole, degraded) for pixels in some.pictures]
    )
    texts = encoder.embed_texts([caption.text for caption in made.captions])
    return Material(made=made, scenes=whole.scenes, texts=texts, pictures=pictures)


def with_hard(material: Material) -> Material:
    """With the false pair of the highest cosine for each caption."""
    made = material.made
    made.pairs += hard_pairs(
        made.captions, material.scenes, material.texts @ material.whole.T, keep=1
    )
    return material


def mine(material: Material, weights: MatcherWeights, keep: int, seed: int) -> None:
    """Add the false pairs that the matcher believes most, `keep` for each of many captions.

    Candidates are the pictures with the highest cosine that are false of a caption.
    """
    random = np.random.default_rng(seed)
    texts = random.permutation(len(material.texts))[:MINED_CAPTIONS]
    rows = random.permutation(len(material.scenes))[:MINED_PICTURES]
    scenes = [material.scenes[row] for row in rows]
    captions = [material.made.captions[number] for number in texts]
    scores = material.texts[texts] @ material.pictures[rows].T
    found = hard_pairs(captions, scenes, scores, keep=min(CANDIDATES, len(rows) - 1))
    table = np.array([(texts[caption], rows[picture]) for caption, picture, _ in found])
    pairs = Pairs(
        texts=material.texts,
        pictures=material.pictures,
        text=table[:, 0],
        picture=table[:, 1],
        label=np.zeros(len(table), dtype=np.float32),
    )
    best = np.argsort(-pair_logits(weights, pairs))[: keep * len(texts)]
    material.made.pairs += [(int(a), int(b), False) for a, b in table[best]]
