"""How well the label-free match tells words that a library has from words that it has not.

    python -m tests.bench.measure_background

On 1,828 photos and 1,203 class words in the space of CLIP ViT-B/32 (see tests/e2e/real_vectors.py).
A word is routed right when the best match over all photos is at or above 0.5 for a word that
captions name, below for one that they do not. Settings were chosen on the words for tuning; the
judged words (tests/e2e/class_words.py) and COCO's classes had no part in it, but that some of the
latter are also tuned on. How the rivals and their margin were chosen: choose_rivals.py.

AUC is the chance that a present word's best match is above an absent word's: it does not depend on
the threshold. Words that no caption names may still be in a picture, so it cannot reach 1.
"""

import re
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np

from engine.results import FloatArray
from engine.scoring import label_free
from engine.search.text_embedder import random_prompts, rival_prompts
from tests.e2e.class_words import (
    ABSENT,
    CLEARLY_ABSENT,
    CLEARLY_PRESENT,
    MAY_GO_UNSAID,
    NOT_A_THING,
    PRESENT,
)
from tests.e2e.real_vectors import RealVectors, load

HOMOGRAPHS = frozenset(
    ("trunk", "ring", "fan", "can", "cover", "cast", "control", "tag", "pipe", "leather", "box")
)
COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra",
    "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "snowboard",
    "kite", "skateboard", "surfboard", "bottle", "cup", "fork", "knife", "spoon", "bowl",
    "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "pizza", "donut", "cake",
    "chair", "couch", "bed", "toilet", "tv", "laptop", "mouse", "remote", "keyboard",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase",
    "scissors", "toothbrush",
)  # fmt: skip
"""COCO's classes of one word; those that LVIS calls otherwise or qualifies fall out."""


class Lab:
    """Best matches of words under different settings."""

    def __init__(self, real: RealVectors) -> None:
        self.real = real
        self.columns = np.ascontiguousarray(real.pictures.T)
        self.index = {text: place for place, text in enumerate(real.texts)}

    def odds(
        self,
        words: Sequence[str],
        bank: FloatArray,
        scale: float = 100.0,
        *,
        against: Sequence[str] = (),
        bias: float = 0.0,
    ) -> FloatArray:
        """Log odds [words, pictures]; the bank is of rivals where texts for the prior are given."""
        background = label_free.prepare(bank, self.columns, scale)
        random = self.bank(against) if against else bank
        found = []
        for word in words:
            query = self.real.vectors[self.index[f"a {word}"]]
            found.append(
                label_free.softmax_logits(
                    background,
                    query,
                    query @ self.columns,
                    self.columns,
                    bias=label_free.prior_of(random, query) + bias,
                    are_rivals=bool(against),
                )
            )
        return np.stack(found)

    def shipped(self, words: Sequence[str]) -> FloatArray:
        """Log odds as the program has them, [words, pictures]."""
        rivals = self.bank(rival_prompts()["en"])
        return self.odds(words, rivals, against=random_prompts()["en"], bias=-label_free.MARGIN)

    def bank(self, texts: Sequence[str]) -> FloatArray:
        """The vectors of texts."""
        return self.real.vectors[[self.index[text] for text in texts]]


def auc(present: FloatArray, absent: FloatArray) -> float:
    """The chance that one is above the other, ties counted half."""
    above = (present[:, None] > absent[None]).mean()
    return float(above + (present[:, None] == absent[None]).mean() / 2)


def tuning_words(real: RealVectors) -> tuple[list[str], list[str]]:
    """Words in captions of six pictures or more, and in none, apart from the judged ones."""
    counts = real.counts()
    judged = {*PRESENT, *ABSENT, *CLEARLY_PRESENT, *CLEARLY_ABSENT, "piano", "pizza"}
    usable = {word: n for word, n in counts.items() if word not in judged | NOT_A_THING}
    present = [word for word, n in usable.items() if n >= 6 and word not in HOMOGRAPHS]
    absent = [word for word, n in usable.items() if n == 0 and word not in MAY_GO_UNSAID]
    return present, absent


def line(lab: Lab, name: str, bank: FloatArray | None, words: tuple[list[str], list[str]]) -> None:
    """Print one setting: AUC and the parts that are routed right; no bank is what is shipped."""
    present, absent = (
        (lab.shipped(some) if bank is None else lab.odds(some, bank)).max(axis=1) for some in words
    )
    right_present, right_absent = (present >= 0).mean(), (absent < 0).mean()
    print(
        f"  {name:44} {auc(present, absent):.3f}   {right_present:.2f}    {right_absent:.2f}   "
        f"{(right_present + right_absent) / 2:.3f}"
    )


def settings(lab: Lab, words: tuple[list[str], list[str]]) -> None:
    """Print what each choice does to the words for tuning."""
    shipped = lab.bank(random_prompts()["en"])
    every = lab.real.vectors[:1203]
    draws = [np.random.default_rng(seed).permutation(1203) for seed in range(3)]
    print(f"tuning: {len(words[0])} present, {len(words[1])} absent words")
    print(f"  {'setting':44} AUC   present absent  mean")
    line(lab, "as shipped: rivals, chosen on these very words", None, words)
    line(lab, "200 random texts, tenth out, prior 1.5", shipped, words)
    for size in (50, 100, 200, 400, 800):
        for seed, draw in enumerate(draws if size == 200 else draws[:1]):
            line(lab, f"{size} class words at random, draw {seed}", every[draw[:size]], words)
    for out in (0.0, 0.05, 0.2, 0.4):
        with patch.object(label_free, "LEFT_OUT", out):
            line(lab, f"nearest {out:.0%} left out", shipped, words)
    for limit in (0.0, 0.5, 1.0, 3.0):
        with patch.object(label_free, "PRIOR_LIMIT", limit):
            line(lab, f"prior within {limit}", shipped, words)
    with patch.object(label_free, "PRIOR_LIMIT", 0.0), patch.object(label_free, "LEFT_OUT", 0.0):
        line(lab, "neither: the bare softmax", shipped, words)


def judged(lab: Lab) -> None:
    """Print how the words are routed that had no part in the choice."""
    counts = lab.real.counts()
    coco = [word for word in COCO if word in counts]
    lists = {
        "clearly present or absent": (CLEARLY_PRESENT, CLEARLY_ABSENT),
        "by caption counts alone": (PRESENT, ABSENT),
        "COCO classes in >= 10 pictures, or in none": (
            [word for word in coco if counts[word] >= 10],
            [word for word in coco if counts[word] == 0],
        ),
    }
    print("\njudged: routed right at 0.5")
    for name, (present, absent) in lists.items():
        found = lab.shipped(present).max(axis=1) >= 0
        lacking = lab.shipped(absent).max(axis=1) < 0
        right = int(found.sum() + lacking.sum())
        print(
            f"  {name}: present {found.sum()} of {len(found)}, absent {lacking.sum()} of"
            f" {len(lacking)}, together {right / (len(found) + len(lacking)):.2f}"
        )
        print(f"    missed: {', '.join(np.array(present)[~found])}")
        print(f"    let through: {', '.join(np.array(absent)[~lacking])}")
    for word in ("dog", "piano", "pizza"):
        odds = lab.shipped([word])[0]
        match = 1 / (1 + np.exp(-odds.max()))
        print(f"  a {word}: best match {match:.2f}, {int((odds >= 0).sum())} pictures pass")


def library_size(lab: Lab, absent: list[str]) -> None:
    """Print how often some picture passes for a word that is not there, by library size."""
    odds = lab.shipped(absent)
    order = np.random.default_rng(0).permutation(odds.shape[1])
    print("\nlibrary size: absent words for which no picture passes")
    print("  threshold  " + "".join(f"{size:>8,}" for size in SIZES) + "   passing per 1,000")
    for threshold in (0.5, 0.7, 0.8, 0.9, 0.95, 0.99):
        passes = odds[:, order] >= np.log(threshold / (1 - threshold))
        quiet = [1 - passes[:, :size].any(axis=1).mean() for size in SIZES]
        print(
            f"  {threshold:9}  "
            + "".join(f"{part:8.2f}" for part in quiet)
            + f"   {1000 * passes.mean():.3f}"
        )


SIZES = (114, 228, 457, 914, 1828)


def pictures(lab: Lab) -> None:
    """Print what 'more like this' finds: pictures whose captions share words with the query's."""
    real, columns = lab.real, lab.columns
    words = [content(real.captions[name]) for name in real.names]
    spread = np.linspace(0, len(words) - 1, 200).astype(np.int64)
    print("\nmore like this: pictures that pass, and captions shared (Jaccard index of words)")
    for scale in (25.0, 50.0, 100.0, 200.0):
        background = label_free.prepare(real.pictures[spread], columns, scale)
        counts, alike, others = [], [], []
        for query in range(5, len(words), 23):
            vector = real.pictures[query]
            odds = label_free.softmax_logits(background, vector, vector @ columns, columns)
            odds[query] = -np.inf
            passing = np.flatnonzero(odds >= 0)
            counts.append(len(passing))
            alike += [jaccard(words[query], words[other]) for other in passing]
            others.append(jaccard(words[query], words[(query * 7 + 3) % len(words)]))
        print(
            f"  scale {scale:5}: median {np.median(counts):5.1f} pass (none for"
            f" {np.mean(np.array(counts) == 0):.2f}); shared {np.mean(alike):.3f}, at random"
            f" {np.mean(others):.3f}"
        )


def content(captions: str) -> frozenset[str]:
    """The words of four letters or more."""
    return frozenset(re.findall("[a-z]{4,}", captions))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared words among all words of both."""
    return len(one & other) / max(1, len(one | other))


def main() -> None:
    """Print every table."""
    lab = Lab(load())
    words = tuning_words(lab.real)
    settings(lab, words)
    judged(lab)
    library_size(lab, words[1])
    pictures(lab)


if __name__ == "__main__":
    main()
