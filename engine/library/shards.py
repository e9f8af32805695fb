"""Shards on storage: pictures by the thousand, each shard whole or not there.

A folder of them is laid out as clip-retrieval does it, so that its tools read it, too: row by row
`img_emb/img_emb_N.npy` (float32, unit length) and `metadata/metadata_N.parquet`. Beside them lie
`thumbnails/` (one after the other, and where each begins), `failures/` (what gave no picture),
`plan/` (which files make up each shard), and the manifest, which says what made all of it.

A shard is written under temporary names, and its embeddings get theirs last: they say that it is
there. What is there is never written again.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np

from cache.embeddings import EncoderRecord, Vectors
from cache.files import FailureRecord
from cache.mapped import MANIFEST, starts_path, thumbnails_path, vectors_path
from engine import disk, numbers
from engine.errors import EngineError, VectorsError
from engine.library.plan import FileTask
from engine.untrusted.documents import Json, lines_of, parse_object, read_object, read_text
from engine.untrusted.values import read_as

FORMAT = 1
_PARTIAL = ".partial"
_VECTORS = re.compile(r"img_emb_(0|[1-9][0-9]{0,17})\.npy")
_LONGEST_ID = 1000
_PARTS = ("img_emb", "metadata", "thumbnails", "failures", "plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardManifest:
    """What made the shards of a folder, and how many there are to be."""

    format: int
    encoder: EncoderRecord
    shard_size: int
    planned: int = 0
    """Shards whose files are decided on."""
    files: int = 0
    """In them all."""
    max_pixels: int
    thumbnail_side: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRow:
    """A picture of a shard, as its metadata has it."""

    image_path: str
    sha256: str
    width: int
    height: int
    format: str
    partial: bool
    size: int
    mtime_ns: int


@dataclass(slots=True, kw_only=True, eq=False)
class ShardContent:
    """A shard that is being made, row by row."""

    rows: list[ShardRow] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    """Unit length, [dim] each."""
    thumbnails: list[bytes] = field(default_factory=list)
    failures: list[FailureRecord] = field(default_factory=list)


def metadata_path(folder: Path, number: int) -> Path:
    """The file that says what the rows of a shard are."""
    return folder / "metadata" / f"metadata_{number}.parquet"


def failures_path(folder: Path, number: int) -> Path:
    """The file that lists what of a shard gave no picture."""
    return folder / "failures" / f"failures_{number}.jsonl"


def plan_path(folder: Path, number: int) -> Path:
    """The file that lists the files of a shard."""
    return folder / "plan" / f"plan_{number}.json"


def is_done(folder: Path, number: int) -> bool:
    """Whether a shard is there."""
    return disk.is_file(vectors_path(folder, number))


def done_shards(folder: Path, manifest: ShardManifest) -> list[int]:
    """The numbers of the shards that are there."""
    digits = (_VECTORS.fullmatch(path.name) for path in disk.entries(folder / "img_emb"))
    return sorted(n for each in digits if each and (n := int(each[1])) < manifest.planned)


def read_manifest(folder: Path) -> ShardManifest | None:
    """The manifest of a folder; None where there is none.

    Raises VectorsError for one that cannot be understood.
    """
    path = folder / MANIFEST
    if not disk.is_file(path):
        return None
    try:
        manifest = read_as(ShardManifest, read_object(path))
        _check(manifest)
    except (OSError, ValueError, TypeError) as error:
        raise VectorsError(f"{path} cannot be read as the manifest of shards: {error}") from error
    if manifest.format != FORMAT:
        raise VectorsError(
            f"{path} is of the format {manifest.format}, and this program knows {FORMAT}",
            hint="Use the version of t2itui that wrote it.",
        )
    return manifest


def _check(manifest: ShardManifest) -> None:
    """Raise ValueError for what no folder of shards can say of itself."""
    encoder = manifest.encoder
    if not encoder.id.strip() or "\0" in encoder.id or len(encoder.id) > _LONGEST_ID:
        raise ValueError("its encoder has no name")
    for count, least in (
        (encoder.dim, 1),
        (manifest.shard_size, 1),
        (manifest.planned, 0),
        (manifest.files, 0),
        (manifest.max_pixels, 1),
        (manifest.thumbnail_side, 1),
    ):
        if not least <= count <= numbers.LARGEST:
            raise ValueError(f"{count} is below {least} or too large")


def write_manifest(folder: Path, manifest: ShardManifest) -> None:
    """Write the manifest, in one step. Raises EngineError."""
    with _whole(folder / MANIFEST) as file:
        file.write(json.dumps(asdict(manifest), indent=1).encode())


def make_folders(folder: Path) -> None:
    """Make what shards are written into. Raises EngineError."""
    try:
        for name in _PARTS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def is_partial(path: Path) -> bool:
    """Whether a file is what a kill left of one that was being written."""
    return path.name.startswith(".") and path.name.endswith(_PARTIAL)


def clean_up(folder: Path) -> None:
    """Delete what kills left behind, once every shard is there."""
    for part in (folder, *(folder / name for name in _PARTS)):
        for path in disk.entries(part):
            if is_partial(path):
                path.unlink(missing_ok=True)


def write_plan(folder: Path, number: int, tasks: Sequence[FileTask]) -> None:
    """Decide on the files of a shard. Raises EngineError."""
    with _whole(plan_path(folder, number)) as file:
        files = [[task.path, task.size, task.mtime_ns] for task in tasks]
        file.write(json.dumps({"files": files}, ensure_ascii=False).encode())


def read_plan(folder: Path, number: int) -> list[FileTask]:
    """The files of a shard. Raises VectorsError."""
    path = plan_path(folder, number)
    try:
        files = read_object(path)["files"]
        return [_task(entry) for entry in (files if isinstance(files, list) else [None])]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise VectorsError(f"{path} cannot be read as the plan of a shard: {error}") from error


def _task(entry: Json) -> FileTask:
    if isinstance(entry, list) and len(entry) == 3:
        path, size, mtime_ns = entry
        if isinstance(path, str) and isinstance(size, int) and isinstance(mtime_ns, int):
            return FileTask(path, size, mtime_ns, None, False, False)
    raise TypeError("a file is a path, a size and a time")


def write_shard(folder: Path, number: int, content: ShardContent, dim: int) -> None:
    """Write a shard; it is there once this has returned, and not before. Raises EngineError."""
    arrow, parquet = arrow_module("pyarrow"), arrow_module("pyarrow.parquet")
    with _whole(metadata_path(folder, number)) as file:
        columns = {name: [getattr(row, name) for row in content.rows] for name in _columns(arrow)}
        parquet.write_table(arrow.table(columns, schema=arrow.schema(_columns(arrow))), file)
    starts = np.zeros(len(content.thumbnails) + 1, "<i8")
    np.cumsum([len(each) for each in content.thumbnails], out=starts[1:])
    with _whole(starts_path(folder, number)) as file:
        _write_array(file, starts)
    with _whole(thumbnails_path(folder, number)) as file:
        _write_array(file, np.frombuffer(b"".join(content.thumbnails), np.uint8))
    with _whole(failures_path(folder, number)) as file:
        for record in content.failures:
            file.write(json.dumps(asdict(record)).encode() + b"\n")
    vectors = np.array(content.vectors, "<f4").reshape(len(content.vectors), dim)
    with _whole(vectors_path(folder, number)) as file:
        _write_array(file, vectors)


def read_failures(folder: Path, number: int) -> list[FailureRecord]:
    """What of a shard gave no picture; what cannot be read is left out."""
    found = []
    with suppress(OSError, ValueError):
        for line in lines_of(read_text(failures_path(folder, number))):
            with suppress(ValueError, TypeError):
                record = read_as(FailureRecord, parse_object(line))
                counts = (record.size, record.mtime_ns, record.attempts)
                if all(count == numbers.storable(count) for count in counts):
                    found.append(record)
    return found


def _columns(arrow: ModuleType) -> Mapping[str, Any]:
    """The columns of the metadata with their types."""
    kinds = {"str": arrow.string(), "int": arrow.int64(), "bool": arrow.bool_()}
    return {name: kinds[str(kind)] for name, kind in ShardRow.__annotations__.items()}


def _write_array(file: IO[bytes], array: np.ndarray[Any, Any]) -> None:
    np.lib.format.write_array(file, array, allow_pickle=False)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name once the block has succeeded and it is on the disk.

    Several machines may write one shard at a time, where one was taken for lost: each under a
    name of its own, and what they write is the same.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_PARTIAL}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> EngineError:
    return EngineError(
        f"{path} cannot be written: {error.strerror or error}",
        hint="Shards that are done are kept: run the same again once there is room and access.",
    )


def arrow_module(name: str) -> ModuleType:
    """A module of pyarrow. Raises VectorsError where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise VectorsError(
            "shards keep names in parquet files, and pyarrow is not installed",
            hint="Install it: pip install 't2itui[parquet]'",
        ) from error
