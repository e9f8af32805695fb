"""The store of generated pictures: their files and rows, their scores, and what a crash left."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlite_utils import Database

from cache.content_files import read_content
from cache.embeddings import EncoderRecord, add_embeddings, missing, put_encoder
from cache.errors import CacheError
from cache.generated import (
    GeneratedRecord,
    NewGenerated,
    list_generated,
    note_before,
    note_scores,
    reconcile,
    store_generated,
)
from cache.home_files import FILE_MODE
from cache.pictures import NewPicture
from cache.store import Cache
from engine.errors import EmptyLibraryError, EngineError, PictureError
from engine.events import PromptScore
from engine.files import thumbnail
from engine.generation.png_metadata import encode_png, read_recipe
from engine.generation.recipe import Recipe, to_json
from engine.generation.request import GenerationSpec
from engine.models.encoders import Encoders
from engine.models.generator_messages import GeneratedImage
from engine.models.input_spec import InputSpec, prepare
from engine.settings import EngineSettings
from engine.states import OutputCheck

_EMBEDDED_ALONG = 32
"""Generated pictures that an interruption left without an embedding get it with the next one."""


async def recover_orphans(cache: Cache, settings: EngineSettings) -> int:
    """Bring files and rows together after a crash; returns how many pictures were entered."""
    try:
        orphans = await cache.write(reconcile, settings.home)
    except CacheError:
        # Another instance is busy, or nothing can be written: the next start will do it.
        return 0
    return sum([await _recover(cache, settings, path) for path in orphans])


async def _recover(cache: Cache, settings: EngineSettings, path: Path) -> bool:
    """Enter the picture of an orphaned file by the recipe in it; whether that could be done.

    A file whose content is not what its name says was not written here: it is left alone.
    """
    try:
        data, picture, recipe = await asyncio.to_thread(_read, path, settings)
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
        await cache.write(store_generated, settings.home, new, picture, data)
    except CacheError:
        return False
    return True


def _read(path: Path, settings: EngineSettings) -> tuple[bytes, NewPicture, Recipe]:
    data = read_content(settings.home, path.stem)
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB"))
    return data, new_picture(data, pixels, settings.thumbnail_side), read_recipe(path)


class ScoresPrompts(Protocol):
    """Scores a picture of the library against a text, as a search would; handed in from outside."""

    async def spaces(self, text: str, folders: tuple[Path, ...]) -> list[EncoderRecord]:
        """The encoders of a library, the one first that answers a query of this text."""
        ...

    async def source_of(self, encoder: EncoderRecord) -> str:
        """What to load for an encoder."""
        ...

    async def scores(
        self, text: str, picture_ids: Sequence[int], *, encoder_id: str, folders: tuple[Path, ...]
    ) -> Mapping[int, PromptScore]:
        """Score pictures, as far as they have an embedding."""
        ...

    async def score_file(
        self, text: str, path: Path, *, folders: tuple[Path, ...]
    ) -> PromptScore | None:
        """Score any picture file as if the library had it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What was made of a picture after it was stored."""

    score: PromptScore | None
    """None where no encoder could be asked."""
    warnings: tuple[str, ...] = ()
    is_new: bool = False
    """An encoder saw it for the first time: searches find it from now on."""


class GeneratedStore:
    """Stores generated pictures, and scores them against their prompts."""

    def __init__(
        self, cache: Cache, encoders: Encoders, scorer: ScoresPrompts, settings: EngineSettings
    ) -> None:
        self._cache = cache
        self._encoders = encoders
        self._scorer = scorer
        self._settings = settings

    async def put(
        self, image: GeneratedImage, recipe: Recipe, spec: GenerationSpec, job_id: int
    ) -> GeneratedRecord:
        """Write a picture to its file and enter it; a rejected one is noted without a file.

        Raises CacheError; where the picture could be written elsewhere, the hint says where.
        """
        new = NewGenerated(
            request_key=recipe.request_key,
            model_id=recipe.model,
            prompt=recipe.prompt,
            recipe=to_json(recipe, private=True),
            seed=image.seed,
            verdict=image.check,
            library=spec.library,
            job_id=job_id,
            receipt_id=spec.receipt_id,
            seconds=image.seconds,
        )
        home = self._settings.home
        if image.check is not OutputCheck.FINE:
            return await self._cache.write(store_generated, home, new, None, b"")
        data = await asyncio.to_thread(encode_png, image.pixels, recipe)
        side = self._settings.thumbnail_side
        picture = await asyncio.to_thread(new_picture, data, image.pixels, side)
        try:
            return await self._cache.write(store_generated, home, new, picture, data)
        except CacheError as error:
            rescued = await asyncio.to_thread(_rescue, data, picture.sha256)
            if rescued is None:
                raise
            hint = f"{error.hint} The picture itself is in {rescued}.".strip()
            raise type(error)(error.message, hint=hint) from error

    async def assess(self, record: GeneratedRecord, folders: tuple[Path, ...]) -> Assessment:
        """Embed a stored picture under the encoders of its library, and score it by the first.

        `folders` names the library as a search does. Models that cannot be had become warnings.
        """
        return (await self.assess_together([record], folders))[0]

    async def assess_together(
        self, records: Sequence[GeneratedRecord], folders: tuple[Path, ...]
    ) -> list[Assessment]:
        """Do as `assess` does with several pictures of one prompt and library, for the price of
        little more than one."""
        ids = [record.picture_id for record in records if record.picture_id is not None]
        if not ids:
            return [Assessment(score=None) for _ in records]
        prompt = records[0].prompt
        spaces, warnings = await self._spaces(prompt, folders)
        seen: dict[str, set[int]] = {}
        for space in spaces:
            try:
                seen[space.id] = await self._embed(records[0].library, ids, space)
            except (EngineError, CacheError) as error:
                warnings.append(f"not seen by {space.id}: {error.message}")
        scores: Mapping[int, PromptScore] = {}
        if spaces and spaces[0].id in seen:
            try:
                scores = await self._scorer.scores(
                    prompt, ids, encoder_id=spaces[0].id, folders=folders
                )
            except (EngineError, CacheError) as error:
                warnings.append(f"not scored: {error.message}")
        new = set[int]().union(*seen.values())
        found = []
        for record in records:
            score = scores.get(record.picture_id or 0)
            if score is not None:
                await self._note(record, score)
            is_new = record.picture_id in new
            found.append(Assessment(score=score, warnings=tuple(warnings), is_new=is_new))
        return found

    async def score_file(
        self, text: str, path: Path, folders: tuple[Path, ...]
    ) -> PromptScore | None:
        """Score any picture file against a text; None where that cannot be done."""
        try:
            return await self._scorer.score_file(text, path, folders=folders)
        except (EngineError, CacheError):
            return None

    async def note_before(self, record: GeneratedRecord, before: PromptScore) -> None:
        """Keep how the picture that a generated one started from fits its prompt."""
        with suppress(CacheError):
            await self._cache.write(
                note_before, record.id, cosine=before.cosine, match=before.match
            )

    async def _spaces(
        self, prompt: str, folders: tuple[Path, ...]
    ) -> tuple[list[EncoderRecord], list[str]]:
        """The encoders of the library; the one of the settings where the library has none yet."""
        try:
            return await self._scorer.spaces(prompt, folders), []
        except EmptyLibraryError:
            return await self._first_space()
        except (EngineError, CacheError) as error:
            return [], [f"searches will not find it yet: {error.message}"]

    async def _first_space(self) -> tuple[list[EncoderRecord], list[str]]:
        try:
            info = await self._encoders.describe(self._encoders.configured)
        except EngineError as error:
            return [], [f"searches will not find it yet: {error.message}"]
        return [info.record], []

    async def _embed(
        self, library: str, picture_ids: Sequence[int], space: EncoderRecord
    ) -> set[int]:
        """See to it that an encoder has seen pictures of a library; those that it had not."""
        waiting = await self._cache.read(
            _without_embedding, self._settings.home, library, space.id, picture_ids
        )
        new = {*picture_ids} & {*waiting}
        if not new:
            return new
        source = await self._scorer.source_of(space)
        info = await self._encoders.describe(source)
        ids, pixels = await asyncio.to_thread(_read_pixels, waiting, info.spec)
        vectors = await self._encoders.embed_pixels(source, pixels)
        await self._cache.write(_enter, space, ids, vectors)
        return new

    async def _note(self, record: GeneratedRecord, score: PromptScore) -> None:
        with suppress(CacheError):
            # The scores can be had again.
            await self._cache.write(
                note_scores,
                record.id,
                encoder_id=score.encoder_id,
                matcher=score.matcher,
                cosine=score.cosine,
                match=score.match,
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


def _without_embedding(
    db: Database, home: Path, library: str, encoder_id: str, wanted: Sequence[int]
) -> dict[int, str]:
    """Pictures that an encoder has not seen of those wanted, and some others that were generated
    for the library, with their files."""
    paths = {
        record.picture_id: record.path
        for record in list_generated(db, home, -1)
        if record.library == library and record.picture_id is not None
    }
    first = {*wanted}
    waiting = missing(db, encoder_id, list(paths))
    others = [picture_id for picture_id in waiting if picture_id not in first][:_EMBEDDED_ALONG]
    return {id_: paths[id_] for id_ in [*first.intersection(waiting), *others]}


def _read_pixels(paths: dict[int, str], spec: InputSpec) -> tuple[list[int], NDArray[np.uint8]]:
    """The pictures whose files are there, as the encoder sees them: uint8 [n, H, W, 3]."""
    ids, pixels = [], []
    for picture_id, path in paths.items():
        with (
            suppress(OSError, ValueError, SyntaxError),
            Image.open(_content(Path(path))) as image,
        ):
            pixels.append(prepare(image, spec))
            ids.append(picture_id)
    return ids, np.stack(pixels) if pixels else np.zeros((0, spec.height, spec.width, 3), np.uint8)


def _enter(
    db: Database, space: EncoderRecord, ids: Sequence[int], vectors: NDArray[np.float32]
) -> None:
    put_encoder(db, space)
    add_embeddings(db, space.id, ids, vectors)


def _content(path: Path) -> io.BytesIO:
    """A generated picture's file, if it holds what was generated."""
    return io.BytesIO(read_content(path.parents[2], path.stem))


def _rescue(data: bytes, sha256: str) -> Path | None:
    """Write a picture that the cache cannot take to the folder for temporary files.

    Under a name that nobody can foresee, for its owner alone: the folder is everybody's.
    """
    try:
        descriptor, name = tempfile.mkstemp(suffix=".png", prefix=f"t2itui-{sha256[:12]}-")
    except OSError:
        return None
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(OSError):
                os.fchmod(descriptor, FILE_MODE)
            file.write(data)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        return None
    return Path(name)
