"""The embeddings of a data set: from the cache first, and what it lacks from the encoder."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache.embeddings import EncoderRecord
from cache.store import Cache
from cache.texts import TextRecord, get_texts
from engine import disk
from engine.collections import BUILT_IN
from engine.errors import (
    EmptyLibraryError,
    EngineError,
    ModelMissingError,
    OfflineError,
    RequestError,
)
from engine.evaluation.data import Data
from engine.evaluation.sources import (
    choose_encoder,
    read_pictures,
    read_raw,
    roots_of,
    with_words,
)
from engine.events import JobNote, Report
from engine.jobs.progress import ProgressReporter
from engine.language import language_of
from engine.library.collections import shipped_vectors
from engine.library.indexing import Indexer
from engine.models.encoders import Encoders
from engine.requests import EvaluateRequest, IndexRequest
from engine.results import FloatArray, IdArray
from engine.search.text_embedder import TextEmbedder
from engine.states import Unit

TEXT_BATCH = 256
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddedTexts:
    """The embeddings of texts, as far as they could be had."""

    vectors: Mapping[str, FloatArray]
    missing: tuple[str, ...]
    cut: int
    """Texts of which the tower cut words off."""


async def embed_all(
    cache: Cache,
    texts: TextEmbedder,
    encoder: EncoderRecord,
    wanted: Sequence[str],
    progress: ProgressReporter,
    *,
    offline: bool,
) -> EmbeddedTexts:
    """Embed texts in batches that are kept as they come, so that an interrupted run goes on.

    Without a model, or offline, the texts that the cache does not know are left out; the error
    is raised where it knows none.
    """
    known: dict[str, TextRecord] = {}
    known |= await cache.read(get_texts, encoder.id, wanted)
    missing = [text for text in wanted if text not in known]
    try:
        for start in range(0, len(missing), TEXT_BATCH):
            progress.report("embedding texts", start, len(missing), unit=Unit.TEXTS)
            batch = missing[start : start + TEXT_BATCH]
            found, _ = await texts.embed(encoder, batch, offline=offline)
            known |= found
    except (ModelMissingError, OfflineError) as error:
        if not known:
            raise _none_known(error, encoder, len(wanted)) from error
    left = tuple(text for text in wanted if text not in known)
    return EmbeddedTexts(
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


def some(texts: Sequence[str]) -> str:
    """The first few of many texts, for a message."""
    more = f" and {len(texts) - _NAMED:,} more" if len(texts) > _NAMED else ""
    return ", ".join(repr(text) for text in texts[:_NAMED]) + more


def matrix(vectors: Sequence[FloatArray], dim: int) -> FloatArray:
    """Vectors as rows, [n, dim]."""
    return np.stack(vectors) if len(vectors) else np.zeros((0, dim), np.float32)


MOST_SCORES = 400_000_000
"""Scores that are held at once for one scorer: 1.6 GB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddedData:
    """What takes part, embedded."""

    encoder: EncoderRecord
    data: Data
    texts: FloatArray
    """[T, dim]."""
    languages: tuple[str, ...]
    """Of each text, as its script shows it."""
    pictures: FloatArray
    """[N, dim]."""
    spoken: Mapping[str, FloatArray]
    """Every text that was embedded: queries and swapped texts too."""
    picture_ids: IdArray | None = None
    """Of the pictures in the library, -1 for one that is not there; None where nobody asked."""
    states: NDArray[np.float16] | None = None
    """Of the pictures' patches [N, patches, dim], zero for one without; None where nobody asked."""

    def narrowed(self, *, pictures: IdArray, texts: IdArray) -> EmbeddedData:
        """The part with these pictures and texts (ascending indices)."""
        return replace(
            self,
            data=self.data.narrowed(pictures, texts),
            texts=self.texts[texts],
            languages=tuple(self.languages[index] for index in texts),
            pictures=self.pictures[pictures],
            picture_ids=None if self.picture_ids is None else self.picture_ids[pictures],
            states=None if self.states is None else self.states[pictures],
        )


def in_common(materials: Sequence[EmbeddedData]) -> list[EmbeddedData]:
    """The same data under several encoders, without what one of them lacks.

    Raises EmptyLibraryError where nothing is left.
    """
    pictures = set.intersection(*(set(each.data.pictures) for each in materials))
    texts = set.intersection(*(set(each.data.texts) for each in materials))
    spoken = set.intersection(*(set(each.spoken) for each in materials))
    if not pictures or not texts:
        raise EmptyLibraryError(
            "the encoders share no picture or no text of the data",
            hint="Index its pictures with each of them: t2itui index DIR --encoder ID",
        )
    return [
        replace(
            each.narrowed(
                pictures=_positions(each.data.pictures, pictures),
                texts=_positions(each.data.texts, texts),
            ),
            spoken={text: vector for text, vector in each.spoken.items() if text in spoken},
        )
        for each in materials
    ]


def _positions(names: Sequence[str], kept: Collection[str]) -> IdArray:
    return np.array([i for i, name in enumerate(names) if name in kept], np.int64)


class Gathering:
    """Gathers for one request; says on the way what is left out."""

    def __init__(
        self,
        cache: Cache,
        encoders: Encoders,
        indexer: Indexer,
        texts: TextEmbedder,
        request: EvaluateRequest,
    ) -> None:
        self._cache = cache
        self._encoders = encoders
        self._indexer = indexer
        self._texts = texts
        self._request = request
        self.warnings: list[str] = []
        self._picture_ids: Mapping[int, int] = {}
        """By index in the data."""

    async def gather(self, job_id: int, report: Report, wanted: str | None = None) -> EmbeddedData:
        """Read, choose, embed; `wanted` names the encoder, else the request's first one is taken.

        Raises RequestError, EmptyLibraryError, and what models raise.
        """
        wanted = wanted or next(iter(self._request.encoders), None)
        progress = ProgressReporter(job_id, report)
        progress.report("reading the data", 0)
        raw = await asyncio.to_thread(read_raw, self._request)
        names = raw.data.pictures
        encoder = await choose_encoder(self._cache, self._encoders, self._request, wanted, names)
        data = await with_words(self._cache, encoder, raw, self._request)
        data = _limited(data, self._request)
        progress.report("reading embeddings", 0)
        pictures = await self._pictures(data, encoder, job_id, report)
        spoken = await self._spoken(data, encoder, progress)
        return _material(data, encoder, pictures, spoken, self._picture_ids)

    async def _spoken(
        self, data: Data, encoder: EncoderRecord, progress: ProgressReporter
    ) -> Mapping[str, FloatArray]:
        wanted = data.spoken()
        offline = self._request.offline
        found = await embed_all(
            self._cache, self._texts, encoder, wanted, progress, offline=offline
        )
        if found.missing:
            self.warnings.append(
                f"{len(found.missing):,} of {len(wanted):,} texts are left out: the cache does not"
                f" know them and no model could start: {some(found.missing)}"
            )
        if found.cut:
            self.warnings.append(f"the encoder cut words off {found.cut:,} texts")
        return found.vectors

    async def _pictures(
        self, data: Data, encoder: EncoderRecord, job_id: int, report: Report
    ) -> Mapping[int, FloatArray]:
        """Embeddings by index in the data; what the library lacks is indexed where it lies."""
        roots = roots_of(self._request)
        found = await self._known(data, encoder, roots)
        lacking = _lacking(data, found)
        folder = None
        if lacking and not self._request.offline:
            folder = await asyncio.to_thread(_folder_of, lacking, self._request, roots)
        if folder is not None and await self._index(folder, encoder, len(lacking), job_id, report):
            found = await self._known(data, encoder, roots)
            lacking = _lacking(data, found)
        if not found:
            raise EmptyLibraryError(
                f"none of the {len(data.pictures):,} pictures of {data.name} has an embedding"
                f" by {encoder.id}",
                hint="Say where they lie: --images DIR; or index them: t2itui index DIR",
            )
        if lacking:
            self.warnings.append(
                f"{len(lacking):,} of {len(data.pictures):,} pictures are left out: they have no"
                f" embedding by {encoder.id}: {some(lacking)}"
            )
        return found

    async def _known(
        self, data: Data, encoder: EncoderRecord, roots: Sequence[Path]
    ) -> dict[int, FloatArray]:
        ids, vectors = await self._cache.read(read_pictures, encoder.id, data.pictures, roots)
        found = {index: vectors[held] for index, held in ids.items() if held in vectors}
        self._picture_ids = ids
        if self._request.data == BUILT_IN.name and len(found) < len(data.pictures):
            shipped = await asyncio.to_thread(shipped_vectors, BUILT_IN, encoder.id)
            found |= {i: shipped[name] for i, name in enumerate(data.pictures) if name in shipped}
        return found

    async def _index(
        self, folder: Path, encoder: EncoderRecord, lacking: int, job_id: int, report: Report
    ) -> bool:
        """Index a folder of the data; False where the encoder has no model here."""
        source = encoder.source or encoder.id
        try:
            await self._encoders.describe(source)
        except ModelMissingError as error:
            self.warnings.append(f"pictures cannot be indexed: {error.message}")
            return False
        said = f"{lacking:,} pictures are not indexed with {encoder.id} yet: indexing {folder}"
        report(JobNote(job_id=job_id, message=said))
        request = IndexRequest(folders=(folder,), encoder=source)
        await self._indexer.run(request, job_id, report)
        return True


def _lacking(data: Data, found: Mapping[int, FloatArray]) -> list[str]:
    return [name for index, name in enumerate(data.pictures) if index not in found]


def _folder_of(
    lacking: Sequence[str], request: EvaluateRequest, roots: Sequence[Path]
) -> Path | None:
    """The folder to index for pictures that are not known; None where they are not there."""
    path = Path(request.data)
    if request.data == BUILT_IN.name:
        return Path(lacking[0]).parent
    if not roots and disk.is_folder(path):
        return disk.from_root(path)
    return next((root for root in roots if disk.is_file(root / lacking[0])), None)


def _limited(data: Data, request: EvaluateRequest) -> Data:
    """A random part of the pictures, with the texts that have a right one among them."""
    if request.limit is None or request.limit >= len(data.pictures):
        return data
    random = np.random.default_rng(request.seed)
    pictures = np.sort(random.permutation(len(data.pictures))[: request.limit])
    texts = np.unique(data.right.text[np.isin(data.right.picture, pictures)])
    return data.narrowed(pictures, texts)


def _material(
    data: Data,
    encoder: EncoderRecord,
    pictures: Mapping[int, FloatArray],
    spoken: Mapping[str, FloatArray],
    picture_ids: Mapping[int, int],
) -> EmbeddedData:
    texts = [_mean(data, index, spoken) for index in range(len(data.texts))]
    kept = np.array([i for i, vector in enumerate(texts) if vector is not None], np.int64)
    seen = np.array(sorted(pictures), np.int64)
    narrowed = data.narrowed(seen, kept)
    if not len(narrowed.right.text):
        raise EmptyLibraryError(
            f"no text of {data.name} that has an embedding by {encoder.id} belongs to a picture"
            " that has one",
            hint="t2itui cache import brings in embeddings of texts and pictures; a model that is"
            " on this machine makes them.",
        )
    if len(kept) * len(seen) > MOST_SCORES:
        raise RequestError(
            f"{len(kept):,} texts with {len(seen):,} pictures are too many to score at once",
            hint="Take a part of the pictures: --limit 5000",
            field="limit",
        )
    return EmbeddedData(
        encoder=encoder,
        data=narrowed,
        texts=matrix([vector for vector in texts if vector is not None], encoder.dim),
        languages=tuple(map(language_of, narrowed.texts)),
        pictures=matrix([pictures[int(index)] for index in seen], encoder.dim),
        spoken=spoken,
        picture_ids=np.array([picture_ids.get(int(index), -1) for index in seen], np.int64),
    )


def _mean(data: Data, index: int, spoken: Mapping[str, FloatArray]) -> FloatArray | None:
    """The embedding of a text: the mean of its wordings, at unit length."""
    wordings = data.wordings[index] if data.wordings else (data.texts[index],)
    vectors = [spoken[wording] for wording in wordings if wording in spoken]
    if not vectors:
        return None
    if len(vectors) == 1:
        return vectors[0]
    total = np.sum(vectors, axis=0)
    return np.asarray(total / np.linalg.norm(total), np.float32)
