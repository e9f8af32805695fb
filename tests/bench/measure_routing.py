"""How well a query is routed, by library size: words that a library shows, and words that it lacks.

    python -m tests.bench.measure_routing [--judged] [--fits FOLDER] [--sizes 100 300 600 1200 1828]
        [--distractors 20000 200000] [--seeds 3] [--matcher-up-to 20000]

On 1,828 photos and the LVIS class words in the space of CLIP ViT-B/32 (tests/e2e/real_vectors.py).
Words are split in two by a hash of their names, before any score was looked at: everything was
chosen on one half (rivals, constants of engine/scoring/decision.py); the other is judged.

A photo carries a word when one of its five captions holds it (or its plural), and clearly when two
do. A word is present in a library when two of its photos carry it; it is absent when no caption of
all 1,828 holds it, nor is it a kind, part or other name of what captions name, or something that
people do not name though they see it (UNSAID, by hand, from the names alone). Words that captions
use for other things are left out.

Libraries: five seeded draws of each size; of 1,828 there is one. The trained match is the sum of
the label-free logits and those of a matcher fitted as `t2itui train` does, on photos outside the
library (628 of them; for the whole library on either half, each photo scored by the matcher of the
other half), and on words outside the judged ones: a judged word is new to it. FITS keeps what took
long: each of the fifteen matchers takes half a minute on an idle core, and to score 200,000
pictures by one of them half an hour.

Distractors are made of real photos: the mean photo, plus the residuals of four random ones weighted
by the square roots of a Dirichlet(0.5) draw, at unit length. So they have the photos' mean and
covariance, their spread of cosines with texts, and nothing that is not in some photo: present words
stay present, absent ones absent. They prove that the zero moves with the number of pictures as it
has to, and that a sample of them tells it; not how other worlds, with other things in them, would
behave, nor what a million photos hold by chance that no caption of these names. The library is the
1,200 photos that the matcher of a seed did not learn and what is made of these, for both scorers.

The zero comes from all pictures, as the program has it for the label-free match, and from a sample,
as where a matcher scores many.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray, IdArray
from engine.scoring import decision, evidence, label_free
from engine.scoring.match import DEAR_SAMPLE
from engine.scoring.matcher import Matcher
from engine.scoring.perceptron import Perceptron
from engine.search.text_embedder import random_prompts, rival_prompts
from engine.states import HeadKind
from engine.workers.training_run import run
from tests.e2e.class_words import MAY_GO_UNSAID, NOT_A_THING
from tests.e2e.real_vectors import RealVectors, load

SPLIT = "routing words 1: "
SIZES = (100, 300, 600, 1200, 1828)
SEEDS = 5
SCORERS = ("label-free", "trained")
LEARNED_FROM = 1200
"""Photos from this place of a draw on are learned from; libraries lie before it."""
SCALE = 100.0
FEWEST = 2
"""Photos that carry a present word."""
DRAWS = 2000
BLOCK = 10_000
WEIGHTS = ("w1", "b1", "w2", "b2")

OTHER_SENSE = frozenset(
    {
        "trunk", "ring", "fan", "can", "cover", "cast", "control", "tag", "pipe", "leather", "box",
        "marker", "pad", "handle", "strap", "flap", "hook", "motor", "heart", "pot", "bull",
        "garbage",
    }
)  # fmt: skip
"""In captions mostly something else than the class."""
UNSAID = frozenset(
    word
    for line in """
    anklet|bandage|Band Aid|ballet skirt|bathrobe|belt buckle|blazer|blouse|bobby pin|bolo tie
    bonnet|bow-tie|bowler hat|brassiere|breechcloth|bridal gown|broach|bulletproof vest|chap|choker
    cincture|cloak|clutch bag|corset|cufflink|dress hat|duffel bag|earplug|eyepatch|fedora|fleece
    halter top|hairnet|hairpin|headset|jewel|gemstone|knee pad|lab coat|lanyard|necktie|neckerchief
    nightshirt|pantyhose|plume|pocket watch|poncho|satchel|short pants|shoulder bag|skullcap
    ski parka|sombrero|spectacles|sportswear|sunhat|suspenders|sweat pants|sweatband|tiara|tote bag
    tux|underdrawers|veil|wallet|wedding ring|wet suit|wristlet|football helmet|dog collar|crown
    armor|antenna|blinker|brake light|cabin car|headlight|hinge|knob|doorknob|latch|license plate
    lightbulb|mast|propeller|rearview mirror|reflector|steering wheel|taillight|windshield wiper
    wagon wheel|vent|lamppost|streetlight|telephone pole|traffic light|signboard|flagpole|cornice
    spotlight|lamp|lantern|manhole|trash can|dumpster|crossbar|curtain|cabinet|drawer|barge|dinghy
    ferry|houseboat|yacht|river boat|passenger ship|cruise ship|cargo ship|minivan|pickup truck
    trailer truck|motor scooter|horse buggy|horse carriage|stagecoach|handcart|barrow|baby buggy
    jet plane|seaplane|police cruiser|school bus|freight car|bullet train|golfcart|water scooter
    water ski|domestic ass|hog|cock|duckling|foal|pony|pug-dog|grizzly|icecream|armchair|deck chair
    rocking chair|highchair|dining table|kitchen table|coffee table|footstool|ottoman|futon|loveseat
    sofa bed|chaise longue|table lamp|mattress|crib|basketball backboard|beachball|hockey stick
    golf club|puncher|Rollerblade|roller skate|ping-pong ball|scoreboard|alcohol|liquor|cider|vodka
    tequila|vinegar|soya milk|perfume|gelatin|beer bottle|beer can|bottle cap|bolt|battery|card|coin
    money|dollar|crumb|key|keycard|nut|needle|thread|packet|receipt|safety pin|bob|bait|coil|cube
    magnet|chinaware|condiment|cooking utensil|coloring material|cleansing agent|canister|carton|jar
    fork|knife|napkin|tablecloth|tinfoil|tissue paper|water jug|pennant|parasol|dispenser
    elevator car|television camera|telephoto lens|camera lens|cellular telephone|telephone
    boom microphone|bouquet|flower arrangement|flowerpot|bath towel|hand towel|dishtowel
    hardback book|paperback book|comic book|bookmark|diary|bulletin board|brass plaque|gourd
    drumstick|cymbal|bass horn|cornet|hand glass|shears|stirrup|saddle blanket|saddlebag
    diving board|life buoy|paper plate|place mat|paper towel|wineglass|flute glass|shot glass
    thermos bottle|beanbag|die|gag|gargle|medicine|lip balm|fireplug|bell|step stool|stepladder
    cistern|clock|fire hose|legume|edible corn|beetle|toilet tissue|handsaw|rag doll|walking cane
    """.splitlines()
    for word in line.strip().split("|")
)
"""In no caption, but by another name, as part of something, or for granted."""


def is_judged(word: str) -> bool:
    """Whether a word is kept for the end."""
    return hashlib.sha256((SPLIT + word).encode()).digest()[0] % 2 == 1


class Words:
    """The class words, what is known of them, and their label-free logits."""

    def __init__(self, real: RealVectors, rivals: Sequence[str]) -> None:
        self.real = real
        self.names = real.classes()
        index = {text: row for row, text in enumerate(real.texts)}
        self.at = {name: row for row, name in enumerate(self.names)}
        self.vectors = real.vectors[[index[f"a {name}"] for name in self.names]]
        self.background = self._rows(random_prompts()["en"])
        self.among = decision.Surroundings.of(self.vectors[self.background], self.vectors)
        self.is_judged = np.array([is_judged(name) for name in self.names])
        self._rivals = self.vectors[self._rows(rivals)]
        prepared = label_free.prepare(self._rivals, real.pictures[:16].T.copy(), SCALE)
        self._kept = np.stack(
            [
                label_free.counting_against(self._rivals, vector, beyond=prepared.near)
                for vector in self.vectors
            ]
        ).astype(np.float32)

    def label_free(self, rows: IdArray, pictures: FloatArray) -> FloatArray:
        """Logits of words for pictures [N, d]."""
        weights = np.float32(SCALE) * self._rivals @ pictures.T
        weights[weights >= SCALE * decision.SAME] = -np.inf
        peak = weights.max(axis=0)
        total = self._kept[rows] @ np.exp(weights - peak)
        cosines = np.float32(SCALE) * self.vectors[rows] @ pictures.T
        logits: FloatArray = cosines - peak - np.log(np.maximum(total, np.float32(1e-30)))
        return logits

    @cached_property
    def captions(self) -> NDArray[np.int8]:
        """How many captions of each photo hold each word, [words, photos]."""
        held: dict[str, list[str]] = {name: [] for name in self.real.names}
        for line in (self.real.folder / "captions.token").read_text(encoding="utf-8").splitlines():
            name, caption = line.split("\t", 1)
            if (photo := name.split("#")[0]) in held:
                held[photo].append(f" {re.sub(r'[^a-z]+', ' ', caption.lower())} ")
        found = np.zeros((len(self.names), len(held)), np.int8)
        for row, name in enumerate(self.names):
            word = re.sub(r"[^a-z]+", " ", name.lower()).strip()
            forms = [f" {word}{ending} " for ending in ("", "s", "es")]
            for column, captions in enumerate(held.values()):
                found[row, column] = sum(any(f in text for f in forms) for text in captions)
        return found

    def lists(self, columns: IdArray, judged: bool, captions: int) -> tuple[IdArray, IdArray]:
        """Present and absent words of a library of these photos."""
        carried = (self.captions[:, columns] >= captions).sum(axis=1) >= FEWEST
        named = self.captions.any(axis=1)
        usable = np.array([name not in NOT_A_THING | OTHER_SENSE for name in self.names])
        said = np.array([name not in UNSAID | MAY_GO_UNSAID for name in self.names])
        side = self.is_judged == judged
        return np.flatnonzero(side & usable & carried), np.flatnonzero(side & said & ~named)

    def _rows(self, texts: Sequence[str]) -> IdArray:
        return np.array([self.at[text.partition(" ")[2]] for text in texts])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Library:
    """What is known of one library under one scorer."""

    size: int
    columns: IdArray
    """The photos in it."""
    odds: evidence.Floats
    """The log odds that it shows each word, [words]; NaN for those that were not asked."""

    @classmethod
    def of(cls, words: Words, columns: IdArray, logits: FloatArray) -> Library:
        """Of photos alone, from the logits of all words [words, n]."""
        found, of = evidence.evidence_of(logits), words.background
        own = evidence.Evidence(best=found.best[of], chance=found.chance[of])
        odds = placed(words, np.arange(len(words.names)), found, own, len(columns), len(columns))
        return cls(size=len(columns), columns=columns, odds=odds)


def placed(
    words: Words,
    asked: IdArray,
    found: evidence.Evidence,
    background: evidence.Evidence,
    size: int,
    sampled: int,
) -> evidence.Floats:
    """The log odds of all words [words], NaN but for those asked, by what the background reached
    in a sample."""
    around = words.among.rows(words.background)
    zero = decision.Zero.measure(around, background, pictures=size, sampled=sampled)
    assert zero is not None
    odds = np.full(len(words.names), np.nan)
    odds[asked] = zero.library_odds(words.among.rows(asked), found)
    return odds


def drawn(seed: int) -> IdArray:
    """All photos in the order in which libraries of this seed take them."""
    return np.random.default_rng(seed).permutation(SIZES[-1])


def trained(words: Words, seed: int, size: int, folder: Path | None) -> FloatArray:
    """Logits of a matcher for all words and the photos of a library, [words, 1828]."""
    order = drawn(seed)
    if size <= LEARNED_FROM:
        return fitted(words, seed, "C", order[LEARNED_FROM:], folder).scores
    half = len(order) // 2
    scores = fitted(words, seed, "A", order[:half], folder).scores.copy()
    other = fitted(words, seed, "B", order[half:], folder).scores
    scores[:, order[:half]] = other[:, order[:half]]
    return scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What learned from some photos words that are not judged."""

    scores: FloatArray
    """Of all words and photos, [words, 1828]."""
    weights: Mapping[str, FloatArray]

    @property
    def matcher(self) -> Matcher:
        """It, for other pictures."""
        head = Perceptron.of(self.weights)
        return Matcher(kind=HeadKind.MLP, head=head, encoder_id="", report="")


def fitted(words: Words, seed: int, name: str, photos: IdArray, folder: Path | None) -> Fitted:
    """A matcher of a seed, as it was kept, or learned now."""
    kept = None if folder is None else folder / f"strict_{seed}_{name}.npz"
    if kept is not None and kept.exists():
        with np.load(kept) as arrays:
            weights = {each: arrays[each] for each in WEIGHTS}
            return Fitted(scores=arrays["scores"], weights=weights)
    mixed = np.random.default_rng(seed + 100).permutation(photos)
    watched = round(0.15 * len(mixed))
    truth = (words.captions > 0) & ~words.is_judged[:, None]

    def arrays_of(part: IdArray) -> dict[str, NDArray[np.generic]]:
        word, photo = np.nonzero(truth[:, part])
        used, text = np.unique(word, return_inverse=True)
        return {
            "texts": words.vectors[used],
            "pictures": words.real.pictures[part],
            "text": text,
            "picture": photo,
            "false": np.zeros((0, words.vectors.shape[1]), np.float32),
            "false_of": np.zeros(0, np.int64),
        }

    found = run(
        head=HeadKind.MLP,
        train=arrays_of(mixed[watched:]),
        validation=arrays_of(mixed[:watched]),
        settings={"epochs": 12, "seed": seed},
        device="cpu",
        checkpoint="",
        report=lambda *_: None,
    )
    columns = np.ascontiguousarray(words.real.pictures.T)
    head = Perceptron.of(found.arrays)
    scores = np.stack([head.logits(text, columns) for text in words.vectors])
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, scores=scores, **found.arrays)  # type: ignore[arg-type]
    return Fitted(scores=scores, weights=found.arrays)


def libraries(
    words: Words, with_matcher: bool, sizes: Sequence[int], folder: Path | None
) -> Iterator[Library]:
    """Every library under one scorer."""
    whole = words.label_free(np.arange(len(words.names)), words.real.pictures)
    for size in sizes:
        for seed in range(SEEDS if with_matcher or size < SIZES[-1] else 1):
            columns = drawn(seed)[:size]
            logits = whole[:, columns]
            if with_matcher:
                logits = logits + trained(words, seed, size, folder)[:, columns]
            yield Library.of(words, columns, logits)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Routed:
    """How often each word was routed right in the libraries of a size; NaN where it is neither."""

    present: evidence.Floats
    absent: evidence.Floats

    @classmethod
    def of(cls, words: Words, found: Sequence[Library], judged: bool, captions: int) -> Routed:
        """Over some libraries."""
        parts = np.full((2, len(found), len(words.names)), np.nan)
        for number, library in enumerate(found):
            odds = library.odds
            present, absent = words.lists(library.columns, judged, captions)
            parts[0, number, present] = odds[present] >= 0
            parts[1, number, absent] = odds[absent] < 0
        return cls(present=parts[0].T, absent=parts[1].T)

    @property
    def rates(self) -> tuple[float, float]:
        """Present words retrieved, absent words generated: the mean over libraries."""
        here, lacking = (np.nanmean(np.nanmean(x, axis=0)) for x in (self.present, self.absent))
        return float(here), float(lacking)

    def resampled(self, seed: int = 0) -> evidence.Floats:
        """Balanced accuracy over DRAWS draws of words, the same words for every scorer."""
        random = np.random.default_rng(seed)
        means = []
        for parts in (self.present, self.absent):
            with np.errstate(invalid="ignore"):
                counts = (~np.isnan(parts)).sum(axis=1)
            rows = np.flatnonzero(counts)
            hits, counts = np.nansum(parts[rows], axis=1), counts[rows]
            picks = random.integers(0, len(rows), (DRAWS, len(rows)))
            means.append(hits[picks].sum(axis=1) / counts[picks].sum(axis=1))
        return np.asarray((means[0] + means[1]) / 2)


def show(title: str, words: Words, judged: bool, found: dict[str, list[Library]]) -> None:
    """Print rates by size for one or both scorers, and their difference."""
    sizes = sorted({library.size for all_sizes in found.values() for library in all_sizes})
    print(f"\n{title}")
    for captions in (1, 2, 3):
        print(f"a photo carries a word that {captions} of its captions hold, or more")
        accuracy: dict[str, list[float]] = {name: [] for name in found}
        for size in sizes:
            cells, draws = [], {}
            for name, all_sizes in found.items():
                own = [library for library in all_sizes if library.size == size]
                routed = Routed.of(words, own, judged, captions)
                here, lacking = routed.rates
                draws[name] = routed.resampled()
                low, high = np.quantile(draws[name], (0.025, 0.975))
                balanced = (here + lacking) / 2
                accuracy[name].append(balanced)
                cells.append(
                    f"{name} {here:.2f} present, {lacking:.2f} absent, balanced {balanced:.3f}"
                    f" ({low:.2f} to {high:.2f})"
                )
            if len(draws) > 1:
                apart = draws["trained"] - draws["label-free"]
                low, high = np.quantile(apart, (0.025, 0.975))
                cells.append(f"difference {low:+.3f} to {high:+.3f}")
            print(f"  {size:7,}: {'; '.join(cells)}")
        for name, values in accuracy.items():
            if len(values) > 1:
                print(f"  {name}: mean {np.mean(values):.3f}, drift {np.ptp(values):.3f}")
        count = words.lists(np.arange(SIZES[-1]), judged, captions)
        print(
            f"  words, of 1,828 photos: {len(count[0])} present, {len(count[1])} absent", flush=True
        )


def distractors(photos: FloatArray, count: int, seed: int) -> Iterator[FloatArray]:
    """Made-up pictures [n, d], block by block; the first block begins with the photos."""
    mean = photos.mean(axis=0)
    apart = photos - mean
    random = np.random.default_rng(seed)
    first = photos
    while count > 0:
        size = min(BLOCK, count)
        made = max(0, size - len(first))
        weights = np.sqrt(random.dirichlet([0.5] * 4, made)).astype(np.float32)
        chosen = random.integers(0, len(apart), (made, 4))
        vectors = mean + np.einsum("nk,nkd->nd", weights, apart[chosen])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        yield np.concatenate([first, vectors])[:size].astype(np.float32)
        first = first[:0]
        count -= size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tallied:
    """What words reach among many pictures by one scorer."""

    asked: IdArray
    """The background first."""
    whole: evidence.Tally
    sample: evidence.Tally
    """Of the background, over DEAR_SAMPLE of the pictures."""

    @classmethod
    def empty(cls, asked: IdArray, background: int) -> Tallied:
        """Of no picture."""
        empty = evidence.Tally.empty
        return cls(asked=asked, whole=empty(len(asked)), sample=empty(background))

    def joined(self, logits: FloatArray, chosen: NDArray[np.bool_]) -> Tallied:
        """With more pictures, of which those chosen are in the sample."""
        own = logits[: len(self.sample.total), chosen]
        return Tallied(
            asked=self.asked, whole=self.whole.joined(logits), sample=self.sample.joined(own)
        )

    def libraries(self, words: Words, columns: IdArray) -> tuple[Library, Library]:
        """By the zero of all pictures, and by that of the sample."""
        size, count = self.whole.seen, len(self.sample.total)
        found = self.whole.evidence(size)
        exact = evidence.Evidence(best=found.best[:count], chance=found.chance[:count])
        backgrounds = ((exact, size), (self.sample.evidence(size), self.sample.seen))
        both = (placed(words, self.asked, found, own, size, n) for own, n in backgrounds)
        one, other = (Library(size=size, columns=columns, odds=odds) for odds in both)
        return one, other

    def save(self, path: Path) -> None:
        """Keep it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        tallies = json.dumps([self.whole.as_values(), self.sample.as_values()])
        np.savez(path, asked=self.asked, tallies=tallies)

    @classmethod
    def load(cls, path: Path) -> Tallied:
        """What `save` kept."""
        with np.load(path) as arrays:
            whole, sample = map(evidence.Tally.from_values, json.loads(str(arrays["tallies"])))
            return cls(asked=arrays["asked"], whole=whole, sample=sample)


def tallied(
    words: Words, seed: int, count: int, judged: bool, scorers: Sequence[str], folder: Path | None
) -> dict[str, Tallied]:
    """What words reach by scorers among the photos that a seed does not learn from, and what is
    made of these; as it was kept, or scored now."""
    name = f"tally_{seed}_{count}_{'judged' if judged else 'tuning'}"
    kept = {} if folder is None else {key: folder / f"{name}_{key}.npz" for key in scorers}
    if kept and all(path.exists() for path in kept.values()):
        return {key: Tallied.load(path) for key, path in kept.items()}
    unseen, learned = np.split(drawn(seed), [LEARNED_FROM])
    matcher = None
    if SCORERS[1] in scorers:
        matcher = fitted(words, seed, "C", learned, folder).matcher
    lists = words.lists(unseen, judged, 1)
    more = np.setdiff1d(np.concatenate(lists), words.background)
    asked = np.concatenate([words.background, more])
    found = {key: Tallied.empty(asked, len(words.background)) for key in scorers}
    is_sampled = np.zeros(count, np.bool_)
    is_sampled[np.random.default_rng([seed, 1]).permutation(count)[:DEAR_SAMPLE]] = True
    for pictures in distractors(words.real.pictures[unseen], count, seed):
        start = found[scorers[0]].whole.seen
        chosen = is_sampled[start : start + len(pictures)]
        logits = words.label_free(asked, pictures)
        found[SCORERS[0]] = found[SCORERS[0]].joined(logits, chosen)
        if matcher is not None:
            columns = np.ascontiguousarray(pictures.T)
            own = [matcher.head.logits(vector, columns) for vector in words.vectors[asked]]
            found[SCORERS[1]] = found[SCORERS[1]].joined(logits + np.stack(own), chosen)
    for key, path in kept.items():
        found[key].save(path)
    return found


def show_distractors(
    words: Words,
    judged: bool,
    count: int,
    seeds: int,
    scorers: Sequence[str],
    folder: Path | None,
) -> None:
    """Print rates among photos and many made-up pictures, by the zero of all and of a sample."""
    found: list[dict[str, list[Library]]] = [{name: [] for name in scorers} for _ in range(2)]
    for seed in range(seeds):
        unseen = drawn(seed)[:LEARNED_FROM]
        for name, tallies in tallied(words, seed, count, judged, scorers, folder).items():
            for libraries, library in zip(found, tallies.libraries(words, unseen), strict=True):
                libraries[name].append(library)
    for by, libraries in zip(("all", f"{DEAR_SAMPLE:,}"), found, strict=True):
        title = f"{LEARNED_FROM:,} photos and what is made of them, {seeds} draws, zero of {by}"
        show(title, words, judged, libraries)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--judged", action="store_true", help="the words kept for the end")
    parser.add_argument("--fits", type=Path, help="keeps what was fitted and scored")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="0: none")
    parser.add_argument("--distractors", type=int, nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3, help="draws of distractors, 5 at most")
    parser.add_argument(
        "--matcher-up-to", type=int, default=20_000, help="so many take minutes; more, hours"
    )
    asked = parser.parse_args()
    words = Words(load(), rival_prompts()["en"])
    if sizes := [size for size in asked.sizes if 0 < size <= SIZES[-1]]:
        found = {
            name: list(libraries(words, name == "trained", sizes, asked.fits)) for name in SCORERS
        }
        show("photos alone", words, asked.judged, found)
    for count in asked.distractors:
        scorers = SCORERS if count <= asked.matcher_up_to else SCORERS[:1]
        seeds = min(asked.seeds, SEEDS)
        show_distractors(words, asked.judged, count, seeds, scorers, asked.fits)


if __name__ == "__main__":
    main()
