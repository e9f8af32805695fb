"""Libraries of made-up vectors for tests of searching: real caches, no model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cache.embeddings import EncoderRecord, Vectors, add_embeddings, put_encoder
from cache.pictures import add_names
from cache.store import Cache
from cache.texts import TextRecord, put_texts
from engine.models.encoders import Encoders
from engine.search.searcher import Searcher
from engine.settings import EngineSettings

ENCODER = EncoderRecord(id="made-up/clip", dim=16, logit_scale=100.0, source="")


def unit(vectors: Vectors) -> Vectors:
    """Rows at unit length."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def noise(count: int, dim: int = 16, seed: int = 0) -> Vectors:
    """Random unit rows [count, dim]."""
    return unit(np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32))


async def fill(
    cache: Cache,
    names: Sequence[str],
    pictures: Vectors,
    texts: Sequence[str],
    vectors: Vectors,
    encoder: EncoderRecord = ENCODER,
) -> list[int]:
    """Enter an encoder with pictures known by name, and imported texts; returns picture ids."""
    await cache.write(put_encoder, encoder)
    ids = await cache.write(add_names, names)
    await cache.write(add_embeddings, encoder.id, ids, pictures)
    records = [
        TextRecord(text=text, vector=vector, tokens=0, lost="", imported=True)
        for text, vector in zip(texts, vectors, strict=True)
    ]
    await cache.write(put_texts, encoder.id, records)
    return ids


def searcher_of(cache: Cache, home: Path) -> Searcher:
    """A searcher that finds no model on the machine."""
    settings = EngineSettings(home=home)
    return Searcher(cache, Encoders(settings), settings)


async def put_space(cache: Cache, encoders: Encoders, model: Path) -> EncoderRecord:
    """Enter a real encoder."""
    facts = await encoders.describe(str(model))
    record = EncoderRecord(
        id=facts.id, dim=facts.dim, logit_scale=facts.logit_scale, source=str(model)
    )
    await cache.write(put_encoder, record)
    return record
