"""A library that is partly attached, and answers of one machine and of parts held together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cache.embeddings import EncoderRecord
from cache.matchers import add_matcher
from cache.store import Cache
from engine.models.encoders import Encoders
from engine.requests import Filters, SearchRequest
from engine.results import SearchResult
from engine.search.parts import PictureParts
from engine.search.searcher import Searcher
from engine.search.text_embedder import random_prompts
from engine.settings import EngineSettings
from tests.engine.library.sharded import attach, write_shards
from tests.engine.matchers import random_matcher
from tests.engine.search.libraries import fill, noise

DIM = 64
ENCODER = EncoderRecord(id="made-up/clip", dim=DIM, logit_scale=30.0, source="")
TEXTS = ["a dog", "snow", "grass", *random_prompts()["en"][:60]]
PICTURES = 3_000
SHARD = 500


async def fill_partly(cache: Cache, out: Path) -> None:
    """2,900 pictures in six attached shards, and 100 that the cache has itself."""
    vectors = noise(PICTURES, DIM, seed=1)
    names = [f"/photos/{'a' if n % 3 else 'b'}/{n:04}.jpg" for n in range(PICTURES)]
    known = noise(len(TEXTS), DIM, seed=2)
    await fill(cache, names[:100], vectors[:100], TEXTS, known, ENCODER)
    write_shards(out, vectors[100:], names[100:], ENCODER, shard_size=SHARD)
    await attach(cache, out)
    await measure(cache)


def searcher_of(cache: Cache, parts: PictureParts | None) -> Searcher:
    settings = EngineSettings(home=cache.home)
    made = None if parts is None else lambda: parts
    return Searcher(cache, Encoders(settings), settings, parts=made)


async def measure(cache: Cache) -> None:
    """What one machine decides by is measured, as it is at the end of an index."""
    await searcher_of(cache, None).measure(ENCODER.id, 0, lambda event: None)


async def both(
    cache: Cache, parts: PictureParts, request: SearchRequest, *, apart: float = 1e-6
) -> SearchResult:
    """Ask one machine and a cluster, hold the answers together, and return the cluster's."""
    here = await searcher_of(cache, None).preview(request)
    there = await searcher_of(cache, parts).preview(request)
    assert here.scores is not None
    assert there.scores is not None
    assert np.array_equal(here.scores.picture_ids, there.scores.picture_ids)
    for one, other in (
        (here.scores.cosine, there.scores.cosine),
        (here.scores.match, there.scores.match),
    ):
        assert np.abs(one - other).max() < apart, np.abs(one - other).max()
    assert [row.path for row in here.rows] == [row.path for row in there.rows]
    mine, theirs = here.receipt, there.receipt
    for name in ("id", "route", "reason", "passed", "considered", "histogram", "zero", "matcher"):
        assert getattr(mine, name) == getattr(theirs, name), name
    for name in ("best_match", "best_cosine", "chance", "chance_high"):
        one, other = getattr(mine, name), getattr(theirs, name)
        assert one == pytest.approx(other, abs=apart), f"{name}: {one}, {other}"
    return there


async def compare_all(cache: Cache, parts: PictureParts) -> None:
    """Ask both everything that a query may be: texts, mixes, pictures, filters, a matcher."""
    picture = '"/photos/a/0700.jpg"'
    for query in ("a dog", "snow", '"a dog" + 0.5*"snow" - "grass"', picture):
        await both(cache, parts, SearchRequest(query=query, top=200))
    # Where pictures are part of the background, what they say of themselves is filled up by the
    # mean of the others of a batch, and parts are other batches.
    mix = SearchRequest(query=f'{picture} + "snow"')
    assert (await both(cache, parts, mix, apart=1e-4)).receipt.considered == PICTURES
    narrow = Filters(folders=(Path("/photos/b"),))
    await both(cache, parts, SearchRequest(query="a dog", filters=narrow, scorer="cosine"))
    await cache.write(add_matcher, ENCODER.id, random_matcher(ENCODER.id, ENCODER.dim), "{}")
    await measure(cache)
    for query in ("grass", '"grass" - "snow"'):
        await both(cache, parts, SearchRequest(query=query))
