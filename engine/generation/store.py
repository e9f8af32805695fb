"""Files of painted pictures whose row never came: the program was ended in between."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlite_utils import Database

from cache.embeddings import EncoderRecord, add_embeddings, missing, put_encoder
from cache.errors import CacheError
from cache.generated import (
    GeneratedRecord,
    NewGenerated,
    keep_generated,
    list_generated,
    note_scores,
    sweep,
)
from cache.pictures import NewPicture
from cache.store import Cache
from engine.errors import EmptyLibraryError, EngineError, PictureError
from engine.generation.png_metadata import encode_png, read_recipe
from engine.generation.recipe import Recipe, to_json
from engine.jobs.codec import Order
from engine.models.encoders import Encoders
from engine.models.input_spec import InputSpec, prepare
from engine.models.progress import Painted
from engine.search.prompt_scores import PromptScore, PromptScorer
from engine.search.text_embedder import TextEmbedder
from engine.settings import EngineSettings
from engine.states import OutputCheck
from engine.thumbnails import thumbnail


async def recover(cache: Cache, settings: EngineSettings) -> int:
    """Bring files and rows together after a crash; returns how many pictures were entered."""
    try:
        strays = await cache.write(sweep, settings.home)
    except CacheError:
        # Another instance is busy, or nothing can be written: the next start will do it.
        return 0
    return sum([await adopt(cache, settings, path) for path in strays])


async def adopt(cache: Cache, settings: EngineSettings, path: Path) -> bool:
    """Enter the picture of a stray file by the recipe in it; whether that could be done.

    A file whose content is not what its name says is damaged, and is deleted.
    """
    try:
        data, picture, recipe = await asyncio.to_thread(_read, path, settings.thumbnail_side)
    except (PictureError, OSError, ValueError, SyntaxError):
        return False
    if not recipe.request_key or recipe.seed is None:
        return False
    new = NewGenerated(
        request_key=recipe.request_key,
        model_id=recipe.model,
        prompt=recipe.prompt,
        recipe=to_json(recipe),
        seed=recipe.seed,
        verdict=OutputCheck.FINE,
        library=recipe.library,
        job_id=0,
        receipt_id=None,
        seconds=0.0,
    )
    try:
        await cache.write(keep_generated, settings.home, new, picture, data)
    except CacheError:
        return False
    return True


def _read(path: Path, thumbnail_side: int) -> tuple[bytes, NewPicture, Recipe]:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != path.stem:
        path.unlink()
        raise ValueError("its content is not what its name says")
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return data, new_picture(data, pixels, thumbnail_side), read_recipe(path)


_EMBEDDED_ALONG = 32
"""Painted pictures that an interruption left without an embedding get it with the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was made of a picture after it was kept."""

    verdict: PromptScore | None
    """None where no encoder could be asked."""
    remarks: tuple[str, ...] = ()
    is_new: bool = False
    """An encoder saw it for the first time: searches find it from now on."""


class Keeper:
    """Keeps painted pictures, and says how well they fit their prompts."""

    def __init__(
        self, cache: Cache, encoders: Encoders, judge: PromptScorer, settings: EngineSettings
    ) -> None:
        self._cache = cache
        self._encoders = encoders
        self._judge = judge
        self._settings = settings
        self._texts = TextEmbedder(cache, encoders)

    async def keep(
        self, painted: Painted, recipe: Recipe, order: Order, job_id: int
    ) -> GeneratedRecord:
        """Write a picture to its file and enter it; one that is spoilt is noted without.

        Raises CacheError; where the picture could be written elsewhere, the hint says where.
        """
        new = NewGenerated(
            request_key=recipe.request_key,
            model_id=recipe.model,
            prompt=recipe.prompt,
            recipe=to_json(recipe, private=True),
            seed=painted.seed,
            verdict=painted.verdict,
            library=order.library,
            job_id=job_id,
            receipt_id=order.receipt_id,
            seconds=painted.seconds,
        )
        home = self._settings.home
        if painted.verdict is not OutputCheck.FINE:
            return await self._cache.write(keep_generated, home, new, None, b"")
        data = await asyncio.to_thread(encode_png, painted.pixels, recipe)
        picture = await asyncio.to_thread(
            new_picture, data, painted.pixels, self._settings.thumbnail_side
        )
        try:
            return await self._cache.write(keep_generated, home, new, picture, data)
        except CacheError as error:
            saved = await asyncio.to_thread(_rescue, data, picture.sha256)
            if saved is None:
                raise
            hint = f"{error.hint} The picture itself is in {saved}.".strip()
            raise type(error)(error.message, hint=hint) from error

    async def judge(self, record: GeneratedRecord, folders: tuple[Path, ...]) -> Judged:
        """Embed a kept picture under the encoders of its library, and score it by the first.

        `folders` names the library as a search does. Models that cannot be had are remarked.
        """
        if record.picture_id is None:
            return Judged(verdict=None)
        spaces, remarks = await self._spaces(record, folders)
        seen: dict[str, bool] = {}
        for space in spaces:
            try:
                seen[space.id] = await self._embed(record, space)
            except (EngineError, CacheError) as error:
                remarks.append(f"not seen by {space.id}: {error.message}")
        verdict = None
        if spaces and spaces[0].id in seen:
            try:
                verdict = await self._judge.score(
                    record.prompt, record.picture_id, encoder_id=spaces[0].id, folders=folders
                )
            except (EngineError, CacheError) as error:
                remarks.append(f"not scored: {error.message}")
        if verdict is not None:
            await self._note(record, verdict)
        return Judged(verdict=verdict, remarks=tuple(remarks), is_new=any(seen.values()))

    async def _spaces(
        self, record: GeneratedRecord, folders: tuple[Path, ...]
    ) -> tuple[list[EncoderRecord], list[str]]:
        """The encoders of the library; the one of the settings where the library has none yet."""
        try:
            return await self._judge.spaces(record.prompt, folders), []
        except EmptyLibraryError:
            return await self._first_space()
        except (EngineError, CacheError) as error:
            return [], [f"searches will not find it yet: {error.message}"]

    async def _first_space(self) -> tuple[list[EncoderRecord], list[str]]:
        try:
            facts = await self._encoders.describe(self._encoders.configured)
        except EngineError as error:
            return [], [f"searches will not find it yet: {error.message}"]
        first = EncoderRecord(
            id=facts.id,
            dim=facts.dim,
            logit_scale=facts.logit_scale,
            source=facts.source,
            languages=facts.languages,
        )
        return [first], []

    async def _embed(self, record: GeneratedRecord, space: EncoderRecord) -> bool:
        """See to it that an encoder has seen a picture; whether it had not."""
        waiting = await self._cache.read(
            _without_embedding, self._settings.home, record.library, space.id
        )
        if record.picture_id is not None and record.picture_id not in waiting:
            return False
        source = await self._texts.check(space)
        facts = await self._encoders.describe(source)
        ids, pixels = await asyncio.to_thread(_read_pixels, waiting, facts.spec)
        vectors = await self._encoders.embed_pixels(source, pixels)
        await self._cache.write(_enter, space, ids, vectors)
        return True

    async def _note(self, record: GeneratedRecord, verdict: PromptScore) -> None:
        with suppress(CacheError):
            # The scores can be had again.
            await self._cache.write(
                note_scores,
                record.id,
                encoder_id=verdict.encoder_id,
                matcher=verdict.matcher,
                cosine=verdict.cosine,
                match=verdict.match,
            )


def new_picture(data: bytes, pixels: NDArray[np.uint8], side: int) -> NewPicture:
    """What the cache keeps of a PNG file and its pixels, uint8 [height, width, 3]."""
    height, width = pixels.shape[:2]
    return NewPicture(
        sha256=hashlib.sha256(data).hexdigest(),
        width=width,
        height=height,
        format="PNG",
        partial=False,
        synthetic=True,
        thumbnail=thumbnail(Image.fromarray(pixels), side),
    )


def _without_embedding(db: Database, home: Path, library: str, encoder_id: str) -> dict[int, str]:
    """Painted pictures of a library that an encoder has not seen, with their files."""
    paths = {
        record.picture_id: record.path
        for record in list_generated(db, home, -1)
        if record.library == library and record.picture_id is not None
    }
    ids = missing(db, encoder_id, list(paths))[:_EMBEDDED_ALONG]
    return {picture_id: paths[picture_id] for picture_id in ids}


def _read_pixels(paths: dict[int, str], spec: InputSpec) -> tuple[list[int], NDArray[np.uint8]]:
    """The pictures whose files are there, as the encoder sees them: uint8 [n, H, W, 3]."""
    ids, pixels = [], []
    for picture_id, path in paths.items():
        with suppress(OSError), Image.open(path) as image:
            pixels.append(prepare(image, spec))
            ids.append(picture_id)
    return ids, np.stack(pixels) if pixels else np.zeros((0, spec.height, spec.width, 3), np.uint8)


def _enter(
    db: Database, space: EncoderRecord, ids: Sequence[int], vectors: NDArray[np.float32]
) -> None:
    put_encoder(db, space)
    add_embeddings(db, space.id, ids, vectors)


def _rescue(data: bytes, sha256: str) -> Path | None:
    """Write a picture that the cache cannot take to the folder for temporary files."""
    path = Path(tempfile.gettempdir()) / f"t2itui-{sha256[:12]}.png"
    try:
        path.write_bytes(data)
    except OSError:
        return None
    return path
