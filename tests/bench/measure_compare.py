"""Whether match rises as a description says more of a picture, and falls when that is false.

`python -m tests.bench.measure_compare [PICTURES]`: 200 pictures of the storybook, each described
five times with growing detail (which animal, its colour, what it does, where, when) in English and
in Chinese. A step is a description and the next one; a swap is a description with one thing
exchanged so that it is false of the picture, in the same words otherwise. Encoder and
matcher are the shipped ones. It takes a minute or two; on a busy machine OPENBLAS_NUM_THREADS=1
spares the waiting of its threads for each other.

Steps are counted in log odds for match: probabilities near 1 would hide them. Beside the scores
stands the rank of the picture among all 600: a true description that says more is less likely to be
true of any picture, and of the others still less.
"""

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from random import Random

import numpy as np

from cache.collections import collection_ids
from cache.embeddings import vectors_of
from cache.matchers import newest_matcher
from cache.texts import TextRecord
from engine.collections import BUILT_IN
from engine.engine import Engine
from engine.results import Scores
from engine.scoring.matcher import read_matcher
from engine.scoring.ranking import make_scores, rank_of, ranked_values
from engine.search.text_embedder import TextEmbedder
from engine.settings import EngineSettings
from engine.storybook.captions import graded_captions
from engine.storybook.claims import swapped
from engine.storybook.gallery import Record, read_records
from engine.storybook.wording import Caption, Language, write_plainly

PICTURES = 200
BATCH = 256
SCORERS = ("match", "cosine")


@dataclass(kw_only=True)
class Counts:
    """What one scorer did in one language."""

    steps: list[bool] = field(default_factory=list)
    """Whether each step rose."""
    ladders: list[bool] = field(default_factory=list)
    """Whether the scores rose with every step of detail."""
    ends: list[bool] = field(default_factory=list)
    """Whether the last description scored higher than the first."""
    ranks: list[bool] = field(default_factory=list)
    """Whether each step left the picture's rank no worse."""
    ends_ranked: list[bool] = field(default_factory=list)
    """Whether it ranks better under the last description than under the first, or first."""
    swaps: list[bool] = field(default_factory=list)
    """Whether each swap fell."""
    full_swaps: list[bool] = field(default_factory=list)
    """The same, of the fullest description alone."""

    def line(self) -> str:
        """The shares."""
        names = ("steps", "ladders", "ends", "ranks", "ends_ranked", "swaps", "full_swaps")
        shares = {name: float(np.mean(getattr(self, name))) for name in names}
        return (
            f"steps that rise {shares['steps']:.3f} of {len(self.steps):,}, ladders that rise at"
            f" every step {shares['ladders']:.3f} of {len(self.ladders)}, last above first"
            f" {shares['ends']:.3f}; steps that leave the rank no worse {shares['ranks']:.3f},"
            f" last ranks better or first {shares['ends_ranked']:.3f}; swaps that fall"
            f" {shares['swaps']:.3f} of {len(self.swaps):,}"
            f" ({shares['full_swaps']:.3f} of the fullest)"
        )


def false_of(caption: Caption, record: Record, level: int) -> str:
    """The caption with one thing exchanged, in the same words otherwise."""
    random = Random(f"{record.file}:{caption.language}:{level}:swap")
    found = swapped(caption.claim, record.scene, random)
    assert found is not None, "every one of these claims names an animal"
    return write_plainly(found[0], caption.language, record.scene.seed).text


async def measure(home: Path, count: int) -> dict[tuple[str, Language], Counts]:
    """Counts by scorer and language."""
    records = list(read_records(BUILT_IN.folder))
    chosen = Random("measure_compare").sample(records, min(count, len(records)))
    asked = {
        (record.file, language): texts_of(record, language)
        for record in chosen
        for language in Language
    }
    found = {(scorer, language): Counts() for scorer in SCORERS for language in Language}
    async with Engine.open(EngineSettings(home=home), with_jobs=False) as engine:
        names = [BUILT_IN.short_name(str(BUILT_IN.folder / record.file)) for record in chosen]
        ids = dict(zip(names, await engine.comparer.find(names), strict=True))
        texts = list(dict.fromkeys(chain.from_iterable(asked.values())))
        scores = await score(engine, texts)
    for (file, language), wanted in asked.items():
        picture_id = ids[BUILT_IN.short_name(str(BUILT_IN.folder / file))]
        for scorer in SCORERS:
            told = [told_by(scores[text], scorer, picture_id) for text in wanted]
            note(found[scorer, language], told, len(wanted) // 2)
    return found


def texts_of(record: Record, language: Language) -> list[str]:
    """The descriptions of a picture, and then each with one thing exchanged."""
    steps = graded_captions(record.scene, language)
    false = [false_of(each, record, level) for level, each in enumerate(steps)]
    return [*(each.text for each in steps), *false]


async def score(engine: Engine, texts: list[str]) -> dict[str, Scores]:
    """The scores of all pictures for each text, as a search makes them."""
    (encoder,) = await engine.library.encoders()
    embedder = TextEmbedder(engine.cache, engine.encoders)
    known: dict[str, TextRecord] = {}
    for start in range(0, len(texts), BATCH):
        found, _ = await embedder.embed(encoder, texts[start : start + BATCH], offline=False)
        known |= found
        print(f"{len(known):,} of {len(texts):,} texts", file=sys.stderr, flush=True)
    kept = await engine.cache.read(newest_matcher, encoder.id)
    assert kept is not None
    matcher = read_matcher(kept.weights, encoder.id)
    ids = await engine.cache.read(collection_ids)
    vectors = await engine.cache.read(vectors_of, encoder.id, ids.tolist())
    columns = np.ascontiguousarray(np.stack([vectors[each] for each in ids.tolist()]).T)
    return {
        text: make_scores(ids, record.vector @ columns, matcher.logits(record.vector, columns))
        for text, record in known.items()
    }


def told_by(scores: Scores, scorer: str, picture_id: int) -> tuple[float, int]:
    """What a scorer gives to a picture, and its rank."""
    place = int(np.searchsorted(scores.picture_ids, picture_id))
    return float(ranked_values(scores, scorer)[place]), rank_of(scores, scorer, place)


def note(counts: Counts, found: list[tuple[float, int]], length: int) -> None:
    """Count captions of growing detail, by their scores and ranks and then those of their swaps."""
    scores, ranks = [score for score, _ in found], [rank for _, rank in found[:length]]
    true, false = scores[:length], scores[length:]
    rises = [now > before for before, now in pairwise(true)]
    falls = [wrong < right for right, wrong in zip(true, false, strict=True)]
    counts.steps += rises
    counts.ladders.append(all(rises))
    counts.ends.append(true[-1] > true[0])
    counts.ranks += [now <= before for before, now in pairwise(ranks)]
    counts.ends_ranked.append(ranks[-1] < ranks[0] or ranks[-1] == 1)
    counts.swaps += falls
    counts.full_swaps.append(falls[-1])


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        found = asyncio.run(measure(Path(home), count))
    for (scorer, language), counts in found.items():
        print(f"{language} {scorer}: {counts.line()}")
    print(f"{count} pictures in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
