"""What queries are placed by besides shipped texts: imported ones, a history, and pictures.

    python -m tests.bench.measure_backgrounds [--judged] [--seeds 3]

Words, photos and draws of tests/bench/measure_routing.py; a photo carries a word that two of its
captions hold. Balanced accuracy with the present and absent words that were right.

Imported texts: there is no model, and 200 texts came with the pictures: class words at random
(without the shipped background), words that a caption of the library names, and stand-ins of
captions, one of a photo: the sum of the vectors of the words in it, as no vectors of captions are
at hand. Queries are decided by pairs alone, by these texts as they are, and as the program does.

History: beside the shipped background 300 words that a person asked for before, of the other half
of the words, most of them present. They join the background in everything, or only where it says
what of a text's kind is in the library. Neither decides better than the shipped texts alone.

Pictures as queries: photos that the library does not hold. It holds one alike if their captions
have a TF-IDF cosine of ALIKE or more, and none if there is none of UNLIKE; of others nobody can
tell. They are decided by the softmax against pictures of the library, and as the program does.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from engine.results import FloatArray, IdArray
from engine.scoring import decision, evidence
from engine.scoring.embedding_matrix import EmbeddingMatrix, WeightedTerm
from engine.scoring.label_free import BackgroundPrompts, query_background, text_background
from engine.scoring.match import MatchContext, best_placed, measure_zero, text_logits
from engine.search.text_embedder import RANDOM_PROMPTS, rival_prompts
from engine.states import ScorerKind
from tests.bench.measure_routing import SCALE, SIZES, Words, drawn
from tests.e2e.real_vectors import load

CAPTIONS = 2
ASKED = 300
THERE = 0.8
"""Of what was asked for before."""
KINDS = ("class words", "words of captions", "captions")
ALIKE, UNLIKE = 0.45, 0.3
MOST_ASKED = 600
"""Photos that are asked of a library."""
Rates = tuple[float, float]


def caption_vectors(words: Words, photos: IdArray, random: np.random.Generator) -> FloatArray:
    """Stand-ins of captions, one for each photo that has a caption with a word in it."""
    forms = [f" {re.sub(r'[^a-z]+', ' ', name.lower()).strip()}" for name in words.names]
    lines = (words.real.folder / "captions.token").read_text(encoding="utf-8").splitlines()
    wanted = {words.real.names[photo] for photo in photos}
    said: dict[str, list[str]] = {}
    for line in lines:
        name, caption = line.split("\t", 1)
        if (photo := name.split("#")[0]) in wanted:
            said.setdefault(photo, []).append(f" {re.sub(r'[^a-z]+', ' ', caption.lower())} ")
    found = []
    for captions in said.values():
        caption = captions[int(random.integers(len(captions)))]
        held = [
            row
            for row, form in enumerate(forms)
            if any(f"{form}{ending} " in caption for ending in ("", "s", "es"))
        ]
        if held:
            total = words.vectors[held].sum(axis=0)
            found.append(total / np.linalg.norm(total))
    return np.asarray(found, np.float32)


def imported(words: Words, photos: IdArray, kind: str, seed: int) -> FloatArray:
    """Texts of a kind that came with some photos."""
    random = np.random.default_rng(seed)
    every = np.arange(len(words.names))
    if kind == KINDS[0]:
        rows = random.permutation(np.setdiff1d(every, words.background))
    elif kind == KINDS[1]:
        named = (words.captions[:, photos] >= 1).any(axis=1)
        rows = random.permutation(np.flatnonzero(named))
    else:
        return caption_vectors(words, random.permutation(photos), random)[:RANDOM_PROMPTS]
    found: FloatArray = words.vectors[rows[:RANDOM_PROMPTS]]
    return found


def by_imported(words: Words, photos: IdArray, kind: str, seed: int, judged: bool) -> list[Rates]:
    """Rates by pairs, by the texts as they are, and without their own pictures."""
    texts = imported(words, photos, kind, seed)
    nothing = texts[:0]
    prompts = BackgroundPrompts(random=texts, level=nothing, rivals=nothing, language="en")
    matrix = EmbeddingMatrix.of(words.real.pictures[photos])
    background = text_background(prompts, "en", matrix)
    asked = words.lists(photos, judged, CAPTIONS)
    vectors = words.vectors[np.concatenate(asked)]
    context = MatchContext(matrix=matrix, logit_scale=SCALE, backgrounds={"": background})
    as_they_are = replace(context, backgrounds={"": replace(background, pictures=(), beyond=None)})
    best = (
        logits_in(context, vectors).max(axis=1),
        best_of(as_they_are, vectors),
        best_of(context, vectors),
    )
    return [rates(each >= 0, len(asked[0])) for each in best]


def by_history(words: Words, photos: IdArray, seed: int, judged: bool) -> list[Rates]:
    """Rates by the shipped background alone, with a history in all, and with it for kinds."""
    random = np.random.default_rng(seed)
    there, lacking = words.lists(photos, not judged, 1)
    count = round(THERE * ASKED)
    before = [random.permutation(there)[:count], random.permutation(lacking)[: ASKED - count]]
    history = np.setdiff1d(np.concatenate(before), words.background)
    both = np.concatenate([words.background, history])
    asked = words.lists(photos, judged, CAPTIONS)
    rows = np.concatenate(asked)
    reached = evidence.evidence_of(
        words.label_free(np.arange(len(words.names)), words.real.pictures[photos])
    )
    found = []
    for level, kinds in ((words.background, words.background), (both, both)):
        found.append(rates(odds(words, reached, level, kinds, rows) >= 0, len(asked[0])))
    found.append(rates(odds(words, reached, words.background, both, rows) >= 0, len(asked[0])))
    return found


def odds(
    words: Words, reached: evidence.Evidence, level: IdArray, kinds: IdArray, asked: IdArray
) -> evidence.Floats:
    """The log odds of words by one background, and by what another says of their kinds."""

    def of(rows: IdArray) -> evidence.Evidence:
        return evidence.Evidence(best=reached.best[rows], chance=reached.chance[rows])

    def among(rows: IdArray) -> decision.Surroundings:
        near = decision.Surroundings.of(words.vectors[level], words.vectors[rows]).near
        weights = decision.Surroundings.of(words.vectors[kinds], words.vectors[rows]).weights
        return decision.Surroundings(near=near, weights=weights)

    placed = [decision.Level.of(values[level]) for values in (reached.best, reached.chance)]
    spoken = decision.evidence_in(placed[0], placed[1], of(kinds))
    around = among(level)
    levels = decision.Level.of(around.near), decision.Level.of(around.kind(spoken))
    own = decision.evidence_in(placed[0], placed[1], of(level))
    absent = decision.fit_absent(own, decision.prior_odds(*levels, around, spoken))
    found = decision.evidence_in(placed[0], placed[1], of(asked))
    by_evidence = decision.evidence_odds(found, absent.centre, absent.spread)
    return by_evidence + decision.prior_odds(*levels, among(asked), spoken)


def by_pictures(words: Words, seed: int, size: int, likeness: FloatArray) -> list[Rates]:
    """Rates of photos outside of a library, by the softmax and as seen from its middle."""
    photos, asked = np.split(drawn(seed), [size])
    asked = asked[:MOST_ASKED]
    closest = likeness[np.ix_(asked, photos)].max(axis=1)
    there, lacking = asked[closest >= ALIKE], asked[closest <= UNLIKE]
    vectors = words.real.pictures[np.concatenate([there, lacking])]
    matrix = EmbeddingMatrix.of(words.real.pictures[photos])
    term = WeightedTerm(weight=1.0, vector=vectors[0], is_picture=True)
    background = query_background([term], None, matrix, "en")
    found = []
    for each in (replace(background, middle=None), background):
        context = MatchContext(matrix=matrix, logit_scale=SCALE, backgrounds={"": each})
        found.append(rates(best_of(context, vectors) >= 0, len(there)))
    return found


def best_of(context: MatchContext, queries: FloatArray) -> FloatArray:
    """The log odds of unit queries, placed by what the background reaches."""
    zero = measure_zero(context, ScorerKind.LABEL_FREE)
    assert zero is not None
    context = replace(context, zeros={(ScorerKind.LABEL_FREE, ""): zero})
    logits = logits_in(context, queries)
    return best_placed(context, ScorerKind.LABEL_FREE, queries, logits)


def logits_in(context: MatchContext, queries: FloatArray) -> FloatArray:
    """The logits of unit queries for all pictures."""
    rows = np.arange(context.matrix.count, dtype=np.int64)
    return text_logits(context, ScorerKind.LABEL_FREE, "", queries, rows)


def caption_likeness(words: Words) -> FloatArray:
    """The TF-IDF cosine of the captions of any two photos."""
    said = [words.real.captions[name] for name in words.real.names]
    reader = TfidfVectorizer(stop_words="english", sublinear_tf=True, min_df=2)
    weights = reader.fit_transform(said)
    found: FloatArray = (weights @ weights.T).toarray().astype(np.float32)
    return found


def rates(retrieved: np.typing.NDArray[np.bool_], present: int) -> Rates:
    """Of the first ones those that are retrieved, of the others those that are not."""
    return float(retrieved[:present].mean()), float((~retrieved[present:]).mean())


def show(
    title: str,
    names: Sequence[str],
    one: Callable[[int, int], list[Rates]],
    seeds: int,
    sizes: Sequence[int] = SIZES,
) -> None:
    """Print a row for each way to decide, a column for each size; the mean over draws."""
    print(f"\n{title:28}{''.join(f'{size:>20,}' for size in sizes)}", flush=True)
    columns = [np.mean([one(seed, size) for seed in range(seeds)], axis=0) for size in sizes]
    for row, name in enumerate(names):
        cells = [
            f"{each[row].mean():.3f} ({each[row][0]:.2f}/{each[row][1]:.2f})" for each in columns
        ]
        print(f"  {name:26}{''.join(f'{cell:>20}' for cell in cells)}", flush=True)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--judged", action="store_true", help="the words kept for the end")
    parser.add_argument("--seeds", type=int, default=3, help="draws of each size")
    asked = parser.parse_args()
    words, judged = Words(load(), rival_prompts()["en"]), asked.judged
    for kind in KINDS:
        show(
            f"imported: {kind}",
            ("pairs alone", "the texts as they are", "without their own pictures"),
            lambda seed, size, kind=kind: by_imported(  # type: ignore[misc]
                words, drawn(seed)[:size], kind, seed, judged
            ),
            asked.seeds,
        )
    show(
        f"a history of {ASKED} words",
        ("the shipped texts alone", "it joins them in all", "it joins for kinds alone"),
        lambda seed, size: by_history(words, drawn(seed)[:size], seed, judged),
        asked.seeds,
    )
    likeness = caption_likeness(words)
    show(
        "pictures as queries",
        ("softmax against pictures", "seen from the middle"),
        lambda seed, size: by_pictures(words, seed, size, likeness),
        asked.seeds,
        SIZES[:-1],
    )


if __name__ == "__main__":
    main()
