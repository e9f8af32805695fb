"""Local states of pictures and texts: from the cache, or from the encoder's process and then there.

    states = LocalStates(cache, encoders, embedder, settings)
    patches = await states.of_pictures(encoder, picture_ids)       # {id: PictureStates}, float16
    tokens = await states.of_texts(encoder, ["a brown horse"])     # {text: TextStates}, float16

`engine.local_states` is one. States are kept as float16 and handed out so, also when they are
fresh: an answer is the same from the model and from the cache. What ways there are from a tower's
last layers into the joint space: engine/workers/local_states.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.embeddings import EncoderRecord
from cache.errors import CacheError
from cache.pictures import ShownPicture, shown_pictures
from cache.states import (
    PictureStates,
    TextStates,
    clear_states,
    latest_way,
    picture_states,
    put_picture_states,
    put_text_states,
    states_usage,
    text_states,
    touch_picture_states,
    touch_text_states,
)
from cache.store import Cache
from engine.errors import EngineError, ModelMissingError, OfflineError, PictureError
from engine.library.decoders import (
    DecoderProcess,
    DecoderSettings,
    decoder_count,
    open_decoders,
    read_picture,
)
from engine.models.encoder_info import EncoderInfo
from engine.models.encoders import Encoders, PatchStates
from engine.results import StatesUsage
from engine.search.text_embedder import TextEmbedder
from engine.settings import EngineSettings

OnProgress: TypeAlias = Callable[[int, int], None]
"""Gets how many of how many pictures are done."""

BATCH = 16
"""Pictures whose states cross in one message, and are kept in one transaction."""
_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundStates:
    """The states of some pictures."""

    states: Mapping[int, PictureStates]
    """By picture id."""
    used_model: bool
    failed: Mapping[int, str] = field(default_factory=dict)
    """Why there are none of a picture, for people."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileStates:
    """The states of a file that is not in the library, and the picture in it."""

    states: PictureStates
    width: int
    height: int
    thumbnail: bytes


class LocalStates:
    """Hands out local states; starts a model only for what the cache lacks."""

    def __init__(
        self, cache: Cache, encoders: Encoders, embedder: TextEmbedder, settings: EngineSettings
    ) -> None:
        self._cache = cache
        self._encoders = encoders
        self._embedder = embedder
        self._settings = settings
        self._reader: tuple[str, DecoderProcess] | None = None
        """Reads single pictures for an encoder: a process takes longer to start than to read."""
        self.progress: tuple[int, int] | None = None
        """How many of how many pictures are looked at, while somebody waits for many."""

    async def aclose(self) -> None:
        """End the process that reads pictures."""
        if self._reader is not None:
            await self._reader[1].aclose()

    async def of_pictures(
        self,
        encoder: EncoderRecord,
        picture_ids: Sequence[int],
        *,
        offline: bool = False,
        on_progress: OnProgress | None = None,
        is_kept: bool = True,
    ) -> FoundStates:
        """The states of pictures of the library; what the cache lacks is computed and kept.

        Without `is_kept` it is only computed, for whoever looks at each picture once.

        A picture whose file cannot be read is among those that failed. Raises OfflineError where a
        model would be needed and is forbidden, and what a model raises.
        """
        way = await self._way(encoder)
        known = await self._cache.read(picture_states, encoder.id, way, picture_ids)
        missing = [at for at in dict.fromkeys(picture_ids) if at not in known]
        with suppress(CacheError):
            await self._cache.write(touch_picture_states, encoder.id, list(known), time.time())
        if not missing:
            return FoundStates(states=known, used_model=False)
        if offline:
            raise OfflineError(
                f"the patches of {_pictures(len(missing))} are not in the cache for {encoder.id}:"
                " its model would have to start",
                hint="Ask without --offline once; from then on the cache answers.",
            )
        source = await self._embedder.check(encoder)
        info = await self._encoders.describe(source)

        def report(done: int, of: int) -> None:
            self.progress = done, of
            if on_progress is not None:
                on_progress(done, of)

        try:
            fresh, failed = await self._compute(
                info, missing, len(picture_ids), report, is_kept=is_kept
            )
        finally:
            self.progress = None
        return FoundStates(states={**known, **fresh}, used_model=True, failed=failed)

    async def of_file(
        self, encoder: EncoderRecord, path: str, *, offline: bool = False
    ) -> FileStates:
        """The states of a file that is not in the library; they are not kept.

        Raises OfflineError, PictureError, and what a model raises.
        """
        if offline:
            raise OfflineError(
                f"{path} is not in the library: the model of {encoder.id} would have to start",
                hint="Ask without --offline, or index the picture.",
            )
        info = await self._encoders.describe(await self._embedder.check(encoder))
        async with self._open_decoders(info, 1) as decoders:
            content = await read_picture(decoders[0], path)
        if content.pixels is None or content.new is None:
            raise PictureError(f"{path} could not be decoded")
        found = await self._encoders.patch_states(info.source, content.pixels[None])
        return FileStates(
            states=next(_as_float16(found)),
            width=content.new.width,
            height=content.new.height,
            thumbnail=content.new.thumbnail,
        )

    async def of_texts(
        self, encoder: EncoderRecord, texts: Sequence[str], *, offline: bool = False
    ) -> tuple[Mapping[str, TextStates], bool]:
        """The states of texts by text, and whether a model took part; raises as above."""
        way = await self._way(encoder)
        known = await self._cache.read(text_states, encoder.id, way, texts)
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        with suppress(CacheError):
            await self._cache.write(touch_text_states, encoder.id, list(known), time.time())
        if not missing:
            return known, False
        if offline:
            raise OfflineError(
                f"the words of {', '.join(map(repr, missing))} are new to {encoder.id}: its model"
                " would have to start",
                hint="Ask without --offline once; from then on the cache answers.",
            )
        source = await self._embedder.check(encoder)
        found = await self._encoders.token_states(source, missing)
        fresh = [
            TextStates(text=each.text, vectors=each.vectors.astype(np.float16), spans=each.spans)
            for each in found
        ]
        with suppress(CacheError):
            await self._cache.write(put_text_states, encoder.id, way, fresh, when=time.time())
        return {**known, **{each.text: each for each in fresh}}, True

    async def usage(self) -> Sequence[StatesUsage]:
        """How much is kept, by encoder."""
        return await self._cache.read(states_usage)

    async def clear(self, encoder_id: str | None = None) -> StatesUsage:
        """Drop what is kept of an encoder, or of all; returns how much that was."""
        return await self._cache.write(clear_states, encoder_id)

    async def _way(self, encoder: EncoderRecord) -> str:
        """How states are made now; as far as there is no model, those that are kept will do."""
        try:
            return (await self._encoders.describe(encoder.source or encoder.id)).local_way
        except ModelMissingError:
            return await self._cache.read(latest_way, encoder.id)

    async def _compute(
        self,
        info: EncoderInfo,
        picture_ids: Sequence[int],
        total: int,
        report: OnProgress,
        *,
        is_kept: bool,
    ) -> tuple[dict[int, PictureStates], dict[int, str]]:
        shown = {
            each.picture.id: each for each in await self._cache.read(shown_pictures, picture_ids)
        }
        made: dict[int, PictureStates] = {}
        failed: dict[int, str] = {}
        async with self._open_decoders(info, len(picture_ids)) as decoders:
            for start in range(0, len(picture_ids), BATCH):
                report(total - len(picture_ids) + start, total)
                batch = picture_ids[start : start + BATCH]
                read = await _read_batch(decoders, batch, shown)
                failed |= {at: each for at, each in read.items() if isinstance(each, str)}
                there = {at: each for at, each in read.items() if not isinstance(each, str)}
                if not there:
                    continue
                found = await self._encoders.patch_states(
                    info.source, np.stack(list(there.values()))
                )
                fresh = dict(zip(there, _as_float16(found), strict=True))
                made |= fresh
                if is_kept:
                    await self._store(info, fresh)
        report(total, total)
        return made, failed

    async def _store(self, info: EncoderInfo, states: Mapping[int, PictureStates]) -> None:
        limit = int(self._settings.states_gib * _GIB)
        # What cannot be kept is computed again.
        with suppress(CacheError):
            await self._cache.write(
                put_picture_states,
                info.id,
                info.local_way,
                states,
                when=time.time(),
                limit=limit,
            )

    @asynccontextmanager
    async def _open_decoders(
        self, info: EncoderInfo, pictures: int
    ) -> AsyncIterator[Sequence[DecoderProcess]]:
        """Processes to read so many pictures with."""
        settings = DecoderSettings(
            count=min(decoder_count(self._settings.decoders), pictures),
            log=self._settings.home / "logs" / "decoder-states.log",
            spec=info.spec,
            max_pixels=self._settings.max_pixels,
            thumbnail_side=self._settings.thumbnail_side,
            known=np.empty(0, np.int64),
        )
        if pictures > BATCH:
            async with open_decoders(settings) as decoders:
                yield decoders
            return
        if self._reader is None or self._reader[0] != info.id:
            await self.aclose()
            self._reader = info.id, DecoderProcess(settings)
        yield [self._reader[1]]


def _as_float16(found: PatchStates) -> Iterator[PictureStates]:
    """The states of each picture as they are kept."""
    for vectors in found.vectors.astype(np.float16):
        yield PictureStates(vectors=vectors, rows=found.rows, columns=found.columns)


async def _read_batch(
    decoders: Sequence[DecoderProcess],
    picture_ids: Sequence[int],
    shown: Mapping[int, ShownPicture],
) -> dict[int, NDArray[np.uint8] | str]:
    """Pixels as the encoder takes them, or why there are none, by picture id and in this order."""
    free: asyncio.Queue[DecoderProcess] = asyncio.Queue()
    for decoder in decoders:
        free.put_nowait(decoder)

    async def read(picture_id: int) -> NDArray[np.uint8] | str:
        decoder = await free.get()
        try:
            return await _pixels_of(decoder, shown.get(picture_id))
        except EngineError as error:
            return error.message
        finally:
            free.put_nowait(decoder)

    found = await asyncio.gather(*map(read, picture_ids))
    return dict(zip(picture_ids, found, strict=True))


async def _pixels_of(decoder: DecoderProcess, shown: ShownPicture | None) -> NDArray[np.uint8]:
    if shown is None:
        raise PictureError("that picture is no longer in the library")
    if shown.file is None or shown.picture.sha256 is None:
        raise PictureError("that picture is known by its name only: there is no file to look at")
    content = await read_picture(decoder, shown.file.path)
    if content.pixels is None or content.sha256 != shown.picture.sha256:
        raise PictureError(
            f"{shown.file.path} holds another picture by now",
            hint="Index its folder again: t2itui index DIR",
        )
    return content.pixels


def _pictures(count: int) -> str:
    return f"{count:,} picture{'' if count == 1 else 's'}"
