"""The class words that routing is judged by, fixed by caption counts before anything was scored.

The words are LVIS class names without a sense in brackets. A word is said to occur in a picture
when one of the picture's captions holds it, or its plural in -s or -es, as a whole word.

Present: the words that occur in the captions of the most pictures, in that order, less those of
`NOT_A_THING`, until there are 30. Absent: all one-word names that occur in no caption, sorted,
shuffled with `random.Random(30)`, and taken in that order, less those of `MAY_GO_UNSAID`, until
there are 30. `piano` and `pizza` are judged apart.
"""

import random
import re
from collections.abc import Iterable, Mapping

NOT_A_THING = frozenset({"camera", "watch", "slide", "ski"})
"""Frequent in captions as something else: 'looks at the camera', 'people watch', 'he slides'."""

MAY_GO_UNSAID = frozenset(
    {
        # worn or carried by people whose captions name other clothes
        "fedora", "satchel", "corset", "sombrero", "broach", "sportswear", "bandage", "wristlet",
        "bonnet",
        # parts and kinds of vehicles, boats and street furniture that captions call by a wider name
        "blinker", "yacht", "minivan", "houseboat", "lantern", "cistern",
        # substances without a look of their own
        "tequila", "vodka", "perfume", "gelatin",
    }
)  # fmt: skip
"""In no caption, yet a picture may show it, or nobody could tell from a picture."""

PRESENT = (
    "dog", "shirt", "person", "ball", "jacket", "hat", "toy", "helmet", "bicycle", "coat",
    "dress", "jean", "bench", "baseball", "skateboard", "table", "sunglasses", "motorcycle",
    "chair", "basketball", "soccer ball", "sweater", "costume", "pole", "boat", "jersey", "bird",
    "dirt bike", "tennis ball", "backpack",
)  # fmt: skip

ABSENT = (
    "notebook", "saxophone", "manatee", "cockroach", "puppet", "puffin", "vulture", "saltshaker",
    "elk", "broccoli", "soupspoon", "teakettle", "birdbath", "cassette", "griddle", "eggplant",
    "salad", "passport", "goldfish", "chopstick", "zucchini", "watermelon", "candle", "cupboard",
    "cowbell", "frog", "tiger", "dropper", "scissors", "hammock",
)  # fmt: skip

CLEARLY_PRESENT = (
    "dog", "ball", "shirt", "person", "basketball", "hat", "toy", "bench", "baseball", "boat",
    "frisbee", "table", "bird", "dress", "helmet", "motorcycle", "bicycle", "horse", "flag",
    "skateboard", "soccer ball", "tennis ball", "chair", "guitar", "jacket", "sunglasses", "sled",
    "trampoline", "kite", "pole",
)  # fmt: skip
"""Named by at least three of a picture's five captions, in the most pictures, less NOT_A_THING."""

CLEARLY_ABSENT = (
    "giraffe", "zebra", "penguin", "polar bear", "giant panda", "koala", "refrigerator",
    "microwave oven", "urinal", "toaster", "computer keyboard", "laptop computer", "typewriter",
    "printer", "sushi", "hamburger", "pineapple", "broccoli", "wedding cake", "chessboard",
    "pool table", "bunk bed", "dishwasher", "space shuttle", "fighter jet", "bulldozer",
    "microscope", "teapot", "cash register", "army tank",
)  # fmt: skip
"""In no caption, and so conspicuous that one of five people would have named them; by hand."""


def occurrences(words: Iterable[str], captions: Mapping[str, str]) -> dict[str, int]:
    """In the captions of how many pictures each word occurs; `captions` is lower-case text."""
    spaced = [f" {re.sub(r'[^a-z]+', ' ', text)} " for text in captions.values()]
    return {
        word: sum(
            f" {word} " in text or f" {word}s " in text or f" {word}es " in text for text in spaced
        )
        for word in words
    }


def choose_present(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The 30 most frequent words by the rule above; ties in alphabetical order."""
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return tuple(word for word in ordered if word not in NOT_A_THING)[:30]


def choose_absent(counts: Mapping[str, int]) -> tuple[str, ...]:
    """30 words that occur nowhere, by the rule above."""
    nowhere = sorted(word for word, n in counts.items() if n == 0 and re.fullmatch("[a-z]+", word))
    random.Random(30).shuffle(nowhere)
    return tuple(word for word in nowhere if word not in MAY_GO_UNSAID)[:30]
