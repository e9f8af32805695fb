"""The embeddings of a data set: from the cache first, and what it lacks from the encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from sqlite_utils import Database

from cache.embeddings import vectors_of
from cache.paths import pictures_at
from cache.records import EncoderRecord, TextRecord
from cache.store import Cache
from cache.texts import get_texts
from engine.errors import EngineError, ModelMissingError, OfflineError
from engine.indexing.progress import Progress
from engine.results import FloatArray
from engine.search.texts import Texts

TEXT_BATCH = 256
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spoken:
    """The embeddings of texts, as far as they could be had."""

    vectors: Mapping[str, FloatArray]
    missing: tuple[str, ...]
    cut: int
    """Texts of which the tower cut words off."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """The embeddings of pictures by index in the data, as far as the cache has them."""

    vectors: Mapping[int, FloatArray]
    missing: tuple[int, ...]


async def embed_all(
    cache: Cache,
    texts: Texts,
    encoder: EncoderRecord,
    wanted: Sequence[str],
    progress: Progress,
    *,
    offline: bool,
) -> Spoken:
    """Embed texts in batches that are kept as they come, so that an interrupted run goes on.

    Without a model, or offline, the texts that the cache does not know are left out; the error
    is raised where it knows none.
    """
    known: dict[str, TextRecord] = {}
    known |= await cache.read(get_texts, encoder.id, wanted)
    missing = [text for text in wanted if text not in known]
    try:
        for start in range(0, len(missing), TEXT_BATCH):
            progress.tell("embedding texts", start, len(missing), unit="texts")
            batch = missing[start : start + TEXT_BATCH]
            found, _ = await texts.embed(encoder, batch, offline=offline)
            known |= found
    except (ModelMissingError, OfflineError) as error:
        if not known:
            raise _none_known(error, encoder, len(wanted)) from error
    left = tuple(text for text in wanted if text not in known)
    return Spoken(
        vectors={text: known[text].vector for text in wanted if text in known},
        missing=left,
        cut=sum(1 for record in known.values() if record.lost),
    )


def _none_known(error: EngineError, encoder: EncoderRecord, count: int) -> EngineError:
    told = (
        f"none of the {count:,} texts has an embedding by {encoder.id} in the cache, and its"
        f" model cannot make them: {error.message}"
    )
    imported = "t2itui cache import --encoder ID --texts T.npz brings embeddings of texts in."
    return type(error)(told, hint=f"{error.hint}\n{imported}".strip())


def read_pictures(
    db: Database, encoder_id: str | None, names: Sequence[str], roots: Sequence[Path]
) -> tuple[dict[int, int], dict[int, FloatArray]]:
    """Picture ids by index in `names`, and embeddings by picture id.

    A name is looked for below each root, then as it stands, then as the only file of that name
    in the library.
    """
    ids: dict[int, int] = {}
    for root in (*roots, None):
        left = [index for index in range(len(names)) if index not in ids]
        paths = [str(root / names[i]) if root is not None else names[i] for i in left]
        found = pictures_at(db, paths)
        pairs = zip(left, paths, strict=True)
        ids |= {index: found[path] for index, path in pairs if path in found}
    if len(ids) < len(names):
        by_name = _by_name(db)
        for index in range(len(names)):
            several = by_name.get(PurePath(names[index]).name, ())
            if index not in ids and len(several) == 1:
                ids[index] = next(iter(several))
    vectors = {} if encoder_id is None else vectors_of(db, encoder_id, sorted({*ids.values()}))
    return ids, vectors


def _by_name(db: Database) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for path, picture_id in db.execute("select path, picture_id from files"):
        found.setdefault(PurePath(path).name, set()).add(int(picture_id))
    return found


def some(texts: Sequence[str]) -> str:
    """The first few of many texts, for a message."""
    more = f" and {len(texts) - _NAMED:,} more" if len(texts) > _NAMED else ""
    return ", ".join(repr(text) for text in texts[:_NAMED]) + more


def matrix(vectors: Sequence[FloatArray], dim: int) -> FloatArray:
    """Vectors as rows, [n, dim]."""
    return np.stack(vectors) if len(vectors) else np.zeros((0, dim), np.float32)
