"""Pictures as queries: found in the library by path or content, or read from the disk."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import numpy as np

from cache.embeddings import EncoderRecord, vectors_of
from cache.pictures import find_by_sha, pictures_at, shown_pictures
from cache.store import Cache
from engine import disk
from engine.collections import BUILT_IN
from engine.errors import OfflineError, PictureError, RequestError
from engine.file_types import SUFFIXES
from engine.library.folders import readable
from engine.picture_names import is_address
from engine.search.query import BY_CONTENT, BY_FILE, Term
from engine.settings import EngineSettings
from engine.untrusted.documents import UntrustedError, open_file

if TYPE_CHECKING:
    from engine.models.encoders import Encoders
    from engine.results import FloatArray
    from engine.search.text_embedder import TextEmbedder

_HASH = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A picture that a query names."""

    name: str
    """How the query is to name it from now on: an absolute path, or its hash."""
    path: str
    """Where its file is, or was; empty where none is known."""
    picture_id: int | None
    """None for a file whose content the library does not have."""
    sha256: str | None
    """None for a picture that the library knows by name only."""

    @property
    def identity(self) -> str:
        """What the answer depends on."""
        return self.sha256 or f"picture {self.picture_id}"


class QueryPictures:
    """Tells which picture a term names, and gets its embedding."""

    def __init__(
        self, cache: Cache, encoders: Encoders, texts: TextEmbedder, settings: EngineSettings
    ) -> None:
        self._cache = cache
        self._encoders = encoders
        self._texts = texts
        self._settings = settings

    async def find(self, term: Term) -> Reference | None:
        """The picture that a term names; None where it is text.

        A term names a picture when it ends like a picture's file name, or begins with BY_FILE.
        Without quotes it is text all the same where there is no such picture. Raises RequestError,
        or PictureError where the file cannot be read.
        """
        raw = term.raw if term.quoted else term.raw.strip()
        if _HASH.fullmatch(raw):
            return await self._by_content(raw, term)
        is_file_term = raw.startswith(BY_FILE)
        if not is_file_term and Path(raw).suffix.lower() not in SUFFIXES:
            return None
        path = path_of(raw) if is_file_term else absolute(Path(raw))
        is_there = await asyncio.to_thread(disk.is_file, path)
        if not is_there and BUILT_IN.holds(full := BUILT_IN.long_name(raw)):
            path = full
            is_there = await asyncio.to_thread(disk.is_file, path)
        names = (readable(path), readable(raw))
        known = await self._cache.read(pictures_at, names)
        for name in names:
            if name in known:
                return await self._of_library(known[name], name)
        if is_there:
            return await self._on_disk(path)
        if not term.quoted and not await asyncio.to_thread(disk.is_denied, path):
            return None
        raise RequestError(
            f"column {term.column}: "
            + disk.absence(path, f"there is no picture {raw}, on the disk or in the library"),
            hint="Give the path from the root, or from the current folder.",
            field="query",
        )

    async def find_named(self, name: str) -> Reference | None:
        """The picture that a command names: as a term does, or any file whatever its name."""
        path = absolute(Path(name))
        raw = name_of_file(path) if await asyncio.to_thread(disk.is_file, path) else name
        return await self.find(Term(weight=1.0, raw=raw, column=1, quoted=True))

    async def name_of(self, picture_id: int) -> str:
        """What a query calls a picture of the library. Raises RequestError where it is gone."""
        shown = await self._cache.read(shown_pictures, [picture_id])
        if not shown:
            raise RequestError("that picture is no longer in the library")
        file, sha256 = shown[0].file, shown[0].picture.sha256
        is_plain = file is not None and file.path.isprintable() and not is_address(file.path)
        if file is not None and is_plain and Path(file.path).suffix.lower() in SUFFIXES:
            return file.path
        if sha256 is None:
            raise RequestError("that picture has neither content nor a name that can be written")
        return BY_CONTENT + sha256

    async def embed(
        self, encoder: EncoderRecord, reference: Reference, *, offline: bool
    ) -> tuple[FloatArray, bool]:
        """The embedding [dim] of a picture, and whether a model took part.

        Raises OfflineError, PictureError, and what a model raises.
        """
        if reference.picture_id is not None:
            found = await self._cache.read(vectors_of, encoder.id, [reference.picture_id])
            if reference.picture_id in found:
                return found[reference.picture_id], False
        if offline:
            raise OfflineError(
                f"{reference.name} has no embedding of {encoder.id}: its model would have to start",
                hint="Ask without --offline, or index the picture.",
            )
        return await self._run_model(encoder, reference), True

    async def _by_content(self, raw: str, term: Term) -> Reference:
        sha256 = raw.removeprefix(BY_CONTENT)
        found = await self._cache.read(find_by_sha, [sha256])
        if sha256 not in found:
            raise RequestError(
                f"column {term.column}: the library has no picture {raw}", field="query"
            )
        shown = await self._cache.read(shown_pictures, [found[sha256]])
        path = shown[0].file.path if shown and shown[0].file else ""
        return Reference(name=raw, path=path, picture_id=found[sha256], sha256=sha256)

    async def _of_library(self, picture_id: int, path: str) -> Reference:
        shown = await self._cache.read(shown_pictures, [picture_id])
        sha256 = shown[0].picture.sha256 if shown else None
        return Reference(name=name_of_file(path), path=path, picture_id=picture_id, sha256=sha256)

    async def _on_disk(self, path: str) -> Reference:
        try:
            sha256 = await asyncio.to_thread(_hash, path)
        except OSError as error:
            raise PictureError(f"{path} cannot be read: {error.strerror}") from error
        except UntrustedError as error:
            raise PictureError(f"{path} cannot be read: {error}") from error
        found = await self._cache.read(find_by_sha, [sha256])
        return Reference(
            name=name_of_file(path), path=path, picture_id=found.get(sha256), sha256=sha256
        )

    async def _run_model(self, encoder: EncoderRecord, reference: Reference) -> FloatArray:
        from engine.library.decoders import DecoderProcess, DecoderSettings, read_picture

        source = await self._texts.check(encoder)
        facts = await self._encoders.describe(source)
        decoder = DecoderProcess(
            DecoderSettings(
                count=1,
                log=self._settings.home / "logs" / "decoder-query.log",
                spec=facts.spec,
                max_pixels=self._settings.max_pixels,
                thumbnail_side=self._settings.thumbnail_side,
                known=np.empty(0, np.int64),
            )
        )
        try:
            content = await read_picture(decoder, reference.path)
        finally:
            await decoder.aclose()
        assert content.pixels is not None
        vectors = await self._encoders.embed_pixels(source, content.pixels[None])
        vector: FloatArray = vectors[0]
        return vector


def absolute(path: Path) -> str:
    """The path from the root, links kept; a leading ~ is the person's home."""
    return str(disk.from_root(disk.expanded(path) if path.parts[:1] == ("~",) else path))


def name_of_file(path: str) -> str:
    """What a query calls the file at an absolute path: the path itself, where that says enough."""
    if path.isprintable() and Path(path).suffix.lower() in SUFFIXES:
        return path
    return BY_FILE + "".join(map(_escaped, path)).removeprefix("/")


def _escaped(character: str) -> str:
    if character.isprintable() and character != "%":
        return character
    return "".join(f"%{byte:02X}" for byte in os.fsencode(character))


def path_of(name: str) -> str:
    """The path that such a term names."""
    return os.fsdecode(unquote_to_bytes("/" + name.removeprefix(BY_FILE)))


def _hash(path: str) -> str:
    with open_file(Path(path)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
