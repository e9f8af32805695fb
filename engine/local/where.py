"""Finds the words of a description in a picture: `await engine.where(WhereRequest(...))`.

Each phrase is embedded by itself, as a text is in a search, and held against every patch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from cache.embeddings import EncoderRecord, encoders, encoders_of, put_encoder
from cache.errors import CacheReadOnlyError
from cache.pictures import shown_pictures, thumbnails
from cache.states import PictureStates
from cache.store import Cache
from engine.collections import BUILT_IN
from engine.errors import ModelMissingError, OfflineError, PictureError, RequestError
from engine.language import language_of, unread
from engine.library.collections import BuiltInCollection
from engine.local.maps import word_evidence
from engine.local.phrases import Phrase, has_chinese, phrases
from engine.local.states import LocalStates
from engine.models.encoder_info import EncoderInfo
from engine.models.encoders import Encoders
from engine.models.input_spec import seen_part
from engine.requests import WhereRequest
from engine.results import FloatArray, WhereResult, WordMap
from engine.scoring.decision import ENOUGH
from engine.search import warnings
from engine.search.pictures import QueryPictures, Reference
from engine.search.query import normalise
from engine.search.text_embedder import TextEmbedder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Picture:
    """The picture that is looked at."""

    states: PictureStates
    width: int
    height: int
    used_model: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Texts:
    """What is looked for, and what it is held against."""

    words: FloatArray
    """Unit length, [W, dim]."""
    background: FloatArray
    """Unit length, [B, dim]."""
    used_model: bool


class WordFinder:
    """Answers where words are."""

    def __init__(
        self,
        cache: Cache,
        encoders: Encoders,
        embedder: TextEmbedder,
        pictures: QueryPictures,
        states: LocalStates,
        collection: BuiltInCollection,
    ) -> None:
        self._cache = cache
        self._encoders = encoders
        self._embedder = embedder
        self._pictures = pictures
        self._states = states
        self._collection = collection
        self._last: tuple[str, bytes] | None = None
        """The name and the thumbnail of the last file that is not in the library."""

    async def find(self, request: WhereRequest) -> WhereResult:
        """Find every word of a description.

        Raises RequestError for a text without words, an unknown picture or encoder, PictureError
        for a file that cannot be read, OfflineError, and what a model raises.
        """
        started = time.perf_counter()
        text = normalise(request.text)
        if not text.strip():
            raise RequestError("there is no word to look for", field="text")
        reference = await self._reference(request.picture)
        encoder = await self._encoder(request, reference, text)
        looked, has_split = await self._phrases(encoder, text, offline=request.offline)
        if not looked:
            raise RequestError(f"there is no word in {text!r}", field="text")
        texts = await self._vectors(encoder, looked, text, offline=request.offline)
        picture = await self._picture(encoder, reference, offline=request.offline)
        states = picture.states
        info = await self._info(encoder)
        found = await asyncio.to_thread(
            word_evidence,
            states.vectors.astype(np.float32),
            texts.words,
            texts.background,
            None if info is None else info.pair_odds,
        )
        return WhereResult(
            picture=reference.name,
            picture_id=reference.picture_id,
            text=text,
            encoder=encoder.id,
            words=tuple(
                WordMap(
                    word=phrase.word,
                    phrase=phrase.text,
                    start=phrase.start,
                    end=phrase.end,
                    strengths=strengths.reshape(states.rows, states.columns),
                    evidence=evidence.reshape(states.rows, states.columns),
                )
                for phrase, strengths, evidence in zip(
                    looked, found.strengths, found.evidence, strict=True
                )
            ),
            seen=(0.0, 0.0, 1.0, 1.0)
            if info is None
            else seen_part(info.spec, picture.width, picture.height),
            cached=not (has_split or texts.used_model or picture.used_model),
            seconds=time.perf_counter() - started,
            warnings=warnings.of_languages((text,), encoder),
        )

    async def thumbnail(self, result: WhereResult) -> bytes:
        """A small version of the picture of a result, encoded. Raises PictureError."""
        if result.picture_id is not None:
            found = await self._cache.read(thumbnails, [result.picture_id])
            if result.picture_id in found:
                return found[result.picture_id]
        elif self._last is not None and self._last[0] == result.picture:
            return self._last[1]
        raise PictureError(f"there is no picture of {result.picture} at hand any more")

    async def _reference(self, name: str) -> Reference:
        path = await asyncio.to_thread(BUILT_IN.long_name, name)
        if self._collection.about.holds(path):
            await self._collection.prepare(asked=True)
        found = await self._pictures.find_named(path)
        if found is None:
            raise RequestError(f"there is no picture {name}", field="picture")
        return found

    async def _encoder(
        self, request: WhereRequest, reference: Reference, text: str
    ) -> EncoderRecord:
        """The encoder that was asked for, or one that has seen the picture and reads the text."""
        known = await self._cache.read(encoders)
        if request.encoder_id is not None:
            asked = request.encoder_id
            if found := [each for each in known if asked in (each.id, each.source)]:
                return found[0]
            return await self._new_encoder(asked)
        seen: Sequence[str] = ()
        if reference.picture_id is not None:
            seen = await self._cache.read(encoders_of, reference.picture_id)
        able = [each for each in known if each.id in seen] or await self._here(known)
        if not able:
            return await self._new_encoder(self._encoders.configured)

        def badness(record: EncoderRecord) -> tuple[int, bool, bool, str]:
            return (
                len(unread((text,), record.languages)),
                self._encoders.configured not in (record.id, record.source),
                record.source == str(BUILT_IN.encoder),
                record.id,
            )

        return min(able, key=badness)

    async def _here(self, known: Sequence[EncoderRecord]) -> list[EncoderRecord]:
        """Those whose models are on this machine, for a picture that none of them has seen."""
        sources = [each.source or each.id for each in known]
        configured = self._encoders.configured
        if configured not in sources and await self._is_here(configured):
            return []
        return [
            each for each, source in zip(known, sources, strict=True) if await self._is_here(source)
        ]

    async def _is_here(self, source: str) -> bool:
        return await asyncio.to_thread(self._encoders.locate, source) is not None

    async def _new_encoder(self, source: str) -> EncoderRecord:
        """Enter an encoder that has no picture yet, so that its texts can be kept."""
        record = (await self._encoders.describe(source)).record
        with suppress(CacheReadOnlyError):
            await self._cache.write(put_encoder, record)
        return record

    async def _phrases(
        self, encoder: EncoderRecord, text: str, *, offline: bool
    ) -> tuple[tuple[Phrase, ...], bool]:
        """The phrases to look for, and whether a model took part."""
        if not has_chinese(text):
            return phrases(text), False
        tokens, used_model = await self._states.of_texts(encoder, [text], offline=offline)
        return phrases(text, tokens[text].spans), used_model

    async def _vectors(
        self, encoder: EncoderRecord, looked: Sequence[Phrase], text: str, *, offline: bool
    ) -> _Texts:
        embedded, used_model = await self._embedder.embed(
            encoder, [phrase.text for phrase in looked], offline=offline
        )
        language = language_of(text)
        if language not in encoder.languages:
            language = encoder.languages[0]
        prompts = await self._embedder.background_prompts(encoder, language, offline=offline)
        if len(prompts.random) < ENOUGH:
            raise OfflineError(
                f"{encoder.id} has not read the words that absent words are told by: its model"
                " would have to start",
                hint="Ask without --offline once; from then on the cache answers.",
            )
        return _Texts(
            words=np.stack([embedded[phrase.text].vector for phrase in looked]),
            background=prompts.random,
            used_model=used_model or prompts.used_model,
        )

    async def _picture(
        self, encoder: EncoderRecord, reference: Reference, *, offline: bool
    ) -> _Picture:
        if reference.picture_id is None:
            file = await self._states.of_file(encoder, reference.path, offline=offline)
            self._last = reference.name, file.thumbnail
            return _Picture(
                states=file.states, width=file.width, height=file.height, used_model=True
            )
        at = reference.picture_id
        found = await self._states.of_pictures(encoder, [at], offline=offline)
        if at not in found.states:
            raise PictureError(f"{reference.name} cannot be looked at: {found.failed[at]}")
        shown = await self._cache.read(shown_pictures, [at])
        picture = shown[0].picture
        return _Picture(
            states=found.states[at],
            width=picture.width,
            height=picture.height,
            used_model=found.used_model,
        )

    async def _info(self, encoder: EncoderRecord) -> EncoderInfo | None:
        """What its files say of an encoder; None where they are gone."""
        try:
            return await self._encoders.describe(encoder.source or encoder.id)
        except ModelMissingError:
            return None
