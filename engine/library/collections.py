"""The built-in collection of a cache: there on a first start, left out when a person says so.

It answers while the library holds nothing else; beside a person's own pictures it is searched
only when it is named. What ships of it is read in one go, ready to be entered into a cache.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from sqlite_utils import Database

from cache.collections import (
    NewCollection,
    collection_ids,
    find_collection,
    has_own_pictures,
    leave_collection_out,
    put_collection,
)
from cache.embeddings import EncoderRecord
from cache.files import SeenFile
from cache.pictures import NewPicture
from cache.store import Cache
from cache.texts import TextRecord
from engine import disk, numbers
from engine.collections import BUILT_IN, Collection
from engine.errors import EngineError, RequestError
from engine.untrusted.documents import lines_of, parse_json, parse_object, read_object, read_text

Arrays: TypeAlias = Mapping[str, NDArray[Any]]


def version_of(collection: Collection) -> str:
    """Changes when the files move or change; looks at them without reading.

    Raises EngineError where one is missing.
    """
    stamps = [str(collection.folder)]
    records = collection.folder / collection.records
    for file in (records, collection.vectors, collection.thumbnails, collection.matcher):
        try:
            status = file.stat()
        except OSError as error:
            raise _damaged(collection, file, error) from error
        stamps.append(f"{status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:16]


def read_collection(collection: Collection) -> NewCollection:
    """Read everything. Raises EngineError where files are missing or do not fit together."""
    version = version_of(collection)
    try:
        metadata, vectors = _open(collection.vectors)
        _, thumbnails = _open(collection.thumbnails)
        weights = collection.matcher.read_bytes()
        about, _ = _open(collection.matcher)
        return NewCollection(
            folder=str(collection.folder),
            version=version,
            files=_files(collection, thumbnails),
            encoder=EncoderRecord(
                id=metadata["encoder_id"],
                dim=vectors["vectors"].shape[1],
                logit_scale=float(metadata["logit_scale"]),
                source=collection.name,
                languages=_listed(metadata["languages"]),
            ),
            vectors=vectors["vectors"],
            texts=_texts(_listed(metadata["texts"]), vectors),
            matcher=weights,
            report=about["report"],
            zeros=_zeros(collection),
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise _damaged(collection, collection.folder.parent, error) from error


def picture_names(collection: Collection) -> list[str]:
    """The file names of its pictures, in the order of the records."""
    lines = lines_of(read_text(collection.folder / collection.records))
    return [str(parse_object(line)["file"]) for line in lines]


def shipped_vectors(collection: Collection, encoder_id: str) -> dict[str, NDArray[np.float32]]:
    """Its picture embeddings by path, where they ship for this encoder."""
    try:
        metadata, tensors = _open(collection.vectors)
        if metadata.get("encoder_id") != encoder_id:
            return {}
        paths = [str(collection.folder / name) for name in picture_names(collection)]
    except OSError:
        return {}
    return dict(zip(paths, tensors["vectors"].astype(np.float32, copy=False), strict=True))


def _files(collection: Collection, thumbnails: Arrays) -> list[tuple[SeenFile, NewPicture]]:
    data, ends = thumbnails["data"].tobytes(), thumbnails["ends"].tolist()
    rows = zip(
        picture_names(collection),
        thumbnails["sha256"],
        thumbnails["sizes"].tolist(),
        [0, *ends[:-1]],
        ends,
        strict=True,
    )
    return [
        (
            _seen(collection.folder / name),
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
    size, mtime_ns = numbers.stamp(path.stat())
    return SeenFile(path=str(path), size=size, mtime_ns=mtime_ns)


def _zeros(collection: Collection) -> dict[str, str]:
    if not disk.is_file(collection.zeros):
        return {}
    return {key: str(body) for key, body in read_object(collection.zeros).items()}


def _listed(text: str) -> tuple[str, ...]:
    """The texts in a JSON list. Raises ValueError."""
    found = parse_json(text)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError("no list of texts")
    return tuple(str(each) for each in found)


def _texts(texts: Sequence[str], tensors: Arrays) -> list[TextRecord]:
    rows = zip(texts, tensors["text_vectors"], tensors["tokens"].tolist(), strict=True)
    return [
        TextRecord(text=text, vector=vector, tokens=tokens, lost="", imported=False)
        for text, vector, tokens in rows
    ]


def _open(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """The metadata and tensors of a safetensors file."""
    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _damaged(collection: Collection, path: Path, error: Exception) -> EngineError:
    return EngineError(
        f"the {collection.name}'s files in {path} cannot be used: {error}",
        hint=f"Install t2itui again, or leave the {collection.name} out: {collection.leave_out}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionState:
    """Whether the built-in collection is in a cache."""

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


class BuiltInCollection:
    """Enters the built-in collection, keeps it up to date, and takes it out."""

    def __init__(self, cache: Cache, collection: Collection = BUILT_IN) -> None:
        self.about = collection
        self._cache = cache
        self._busy = asyncio.Lock()

    @property
    def folder(self) -> Path:
        """Where the pictures lie that ship."""
        return self.about.folder

    def is_named_by(self, folders: Iterable[Path]) -> bool:
        """Whether one of the folders is its own, or lies in it."""
        return any(folder.is_relative_to(self.folder) for folder in folders)

    async def state(self) -> CollectionState:
        """How things stand; one short read."""
        return await self._cache.read(_read_state)

    async def prepare(self, *, asked: bool = False) -> CollectionState:
        """See to it that the built-in collection is there where it belongs, and up to date.

        It belongs into a cache without pictures, or where it was `asked` for, unless a person
        left it out. Raises RequestError where it was asked for and is left out, CacheError where it
        cannot be written, EngineError where its files are damaged.
        """
        async with self._busy:
            state = await self.state()
            if state.is_left_out and asked:
                name, take_back = self.about.name, self.about.take_back
                raise RequestError(
                    f"the {name} is left out", hint=f"Take it back: {take_back}", field="folders"
                )
            if state.is_left_out or (state.folder is None and not (asked or state.is_alone)):
                return state
            version = await asyncio.to_thread(version_of, self.about)
            if state.version == version and state.pictures:
                return state
            return await self._enter()

    async def bring_back(self) -> CollectionState:
        """Enter the built-in collection, also where a person had left it out."""
        async with self._busy:
            return await self._enter()

    async def leave_out(self) -> int:
        """Take it out and remember that; returns how many pictures left the cache."""
        async with self._busy:
            return await self._cache.write(leave_collection_out)

    async def _enter(self) -> CollectionState:
        new = await asyncio.to_thread(read_collection, self.about)
        await self._cache.write(put_collection, new)
        return await self.state()


def _read_state(db: Database) -> CollectionState:
    record = find_collection(db)
    is_there = record is not None and bool(record.folder)
    return CollectionState(
        folder=Path(record.folder) if record is not None and is_there else None,
        is_left_out=record is not None and not is_there,
        is_alone=not has_own_pictures(db),
        version=record.version if record is not None else "",
        encoder_id=record.encoder_id if record is not None else "",
        pictures=len(collection_ids(db)),
    )
