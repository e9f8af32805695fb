"""What ships of the storybook, read in one go and ready to be entered into a cache.

The built-in library of a cache: there on a first start, left out when a person says so.

It answers while the library holds nothing else; beside a person's own pictures it is searched
only when it is named.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from sqlite_utils import Database

from cache.collections import (
    NewStorybook,
    find_storybook,
    has_own_pictures,
    leave_storybook_out,
    put_storybook,
    storybook_ids,
)
from cache.embeddings import EncoderRecord
from cache.files import SeenFile
from cache.pictures import NewPicture
from cache.store import Cache
from cache.texts import TextRecord
from engine.errors import EngineError
from engine.models.paths import STORYBOOK
from engine.storybook import shipped
from engine.storybook.shipped import RECORDS

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

_REPAIR = "Install t2itui again, or leave the storybook out: t2itui library --storybook off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Where the files of a storybook lie; those that ship unless a test says otherwise."""

    gallery: Path = shipped.GALLERY
    vectors: Path = shipped.VECTORS
    thumbnails: Path = shipped.THUMBNAILS
    matcher: Path = shipped.MATCHER

    @property
    def folder(self) -> str:
        """The folder of the pictures, as the cache knows it."""
        return str(self.gallery)

    def version(self) -> str:
        """Changes when the files move or change; looks at them without reading.

        Raises EngineError where one is missing.
        """
        facts = [self.folder]
        for file in (self.gallery / RECORDS, self.vectors, self.thumbnails, self.matcher):
            try:
                status = file.stat()
            except OSError as error:
                raise _damaged(file, error) from error
            facts.append(f"{status.st_size} {status.st_mtime_ns}")
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]

    def read(self) -> NewStorybook:
        """Read everything. Raises EngineError where files are missing or do not fit together."""
        version = self.version()
        try:
            facts, vectors = _open(self.vectors)
            _, thumbnails = _open(self.thumbnails)
            weights = self.matcher.read_bytes()
            about, _ = _open(self.matcher)
            return NewStorybook(
                folder=self.folder,
                version=version,
                files=self._files(thumbnails),
                encoder=EncoderRecord(
                    id=facts["encoder_id"],
                    dim=vectors["vectors"].shape[1],
                    logit_scale=float(facts["logit_scale"]),
                    source=STORYBOOK,
                    languages=tuple(json.loads(facts["languages"])),
                ),
                vectors=vectors["vectors"],
                texts=_texts(json.loads(facts["texts"]), vectors),
                matcher=weights,
                report=about["report"],
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise _damaged(self.gallery.parent, error) from error

    def _files(self, thumbnails: Arrays) -> list[tuple[SeenFile, NewPicture]]:
        data, ends = thumbnails["data"].tobytes(), thumbnails["ends"].tolist()
        lines = (self.gallery / RECORDS).read_text(encoding="utf-8").splitlines()
        rows = zip(
            (json.loads(line)["file"] for line in lines),
            thumbnails["sha256"],
            thumbnails["sizes"].tolist(),
            [0, *ends[:-1]],
            ends,
            strict=True,
        )
        return [
            (
                _seen(self.gallery / name),
                NewPicture(
                    sha256=sha256.tobytes().hex(),
                    width=width,
                    height=height,
                    format="WEBP",
                    partial=False,
                    thumbnail=data[start:end],
                ),
            )
            for name, sha256, (width, height), start, end in rows
        ]


def _seen(path: Path) -> SeenFile:
    status = path.stat()
    return SeenFile(path=str(path), size=status.st_size, mtime_ns=status.st_mtime_ns)


def _texts(texts: list[str], tensors: Arrays) -> list[TextRecord]:
    rows = zip(texts, tensors["text_vectors"], tensors["tokens"].tolist(), strict=True)
    return [
        TextRecord(text=text, vector=vector, tokens=tokens, lost="", imported=False)
        for text, vector, tokens in rows
    ]


def _open(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """The metadata and tensors of a safetensors file."""
    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _damaged(place: Path, error: Exception) -> EngineError:
    return EngineError(f"the storybook's files in {place} cannot be used: {error}", hint=_REPAIR)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorybookState:
    """Whether the built-in library is in a cache."""

    folder: Path | None
    """Where its pictures lie; None while it is not in the cache."""
    is_left_out: bool
    """A person said so: it does not come by itself."""
    is_alone: bool
    """The cache holds no picture of the person's own."""
    version: str = ""
    """Of the files it was entered from."""
    encoder_id: str = ""
    """Of its pictures' vectors."""
    pictures: int = 0
    """Those that no folder of the person's own holds."""


class Storybook:
    """Enters the built-in library, keeps it up to date, and takes it out."""

    def __init__(self, cache: Cache, package: Package | None = None) -> None:
        self._cache = cache
        self._package = package or Package()
        self._busy = asyncio.Lock()

    @property
    def folder(self) -> Path:
        """Where the pictures lie that ship."""
        return self._package.gallery

    async def state(self) -> StorybookState:
        """How things stand; one short read."""
        return await self._cache.read(_read_state)

    async def prepare(self, *, asked: bool = False) -> StorybookState:
        """See to it that the built-in library is there where it belongs, and up to date.

        It belongs into a cache without pictures, or where it was `asked` for, unless a person
        left it out. Raises CacheError where it cannot be written, EngineError where its files
        are damaged.
        """
        async with self._busy:
            state = await self.state()
            if state.is_left_out or (state.folder is None and not (asked or state.is_alone)):
                return state
            version = await asyncio.to_thread(self._package.version)
            if state.version == version and state.pictures:
                return state
            return await self._enter()

    async def bring_back(self) -> StorybookState:
        """Enter the built-in library, also where a person had left it out."""
        async with self._busy:
            return await self._enter()

    async def leave_out(self) -> int:
        """Take it out and remember that; returns how many pictures left the cache."""
        async with self._busy:
            return await self._cache.write(leave_storybook_out)

    async def _enter(self) -> StorybookState:
        new = await asyncio.to_thread(self._package.read)
        await self._cache.write(put_storybook, new)
        return await self.state()


def _read_state(db: Database) -> StorybookState:
    record = find_storybook(db)
    is_there = record is not None and bool(record.folder)
    return StorybookState(
        folder=Path(record.folder) if record is not None and is_there else None,
        is_left_out=record is not None and not is_there,
        is_alone=not has_own_pictures(db),
        version=record.version if record is not None else "",
        encoder_id=record.encoder_id if record is not None else "",
        pictures=len(storybook_ids(db)),
    )
