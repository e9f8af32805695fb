"""Named vectors as files hold them, checked before anything is done with them.

clip-retrieval's layout: `img_emb/*.npy`, `text_emb/*.npy` and `metadata/*.parquet`.

The files of one number belong together, row by row.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from cache.embeddings import Vectors
from engine import disk
from engine.errors import VectorsError
from engine.files import replaced
from engine.jobs.progress import ThreadProgress
from engine.library.shards import arrow_module
from engine.untrusted import arrays
from engine.untrusted.arrays import Array, NpyFile
from engine.untrusted.documents import is_text, open_file

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile


_UNIT_ERROR = 1e-6
"""Vectors this close to unit length are taken as they are, so that a round trip changes no bit."""
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedVectors:
    """Names, of pictures or texts, with a unit vector each."""

    names: Sequence[str]
    vectors: Vectors
    """Unit length, [n, dim]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorArray:
    """One array of vectors in a file, read when its turn comes."""

    where: str
    """The file, for messages."""
    rows: int
    dim: int
    read: Callable[[ThreadProgress], NamedVectors]
    """Reads and checks all of it, counting rows; a matter of seconds for a million."""


def vector_array(
    where: str,
    names: Callable[[], Sequence[str]],
    vectors: Array | NpyFile,
    *,
    skip_unnamed: bool = False,
) -> VectorArray:
    """Describe an array that may still lie on the disk; `read` checks names and values.

    With `skip_unnamed`, rows whose name is blank are left out, else refused. Raises VectorsError
    unless it is a matrix of floating-point numbers.
    """
    if vectors.ndim != 2 or not np.issubdtype(vectors.dtype, np.floating):
        raise VectorsError(
            f"{where}: expected vectors as a matrix of floating-point numbers, found"
            f" {vectors.dtype} of shape {vectors.shape}"
        )
    rows, dim = vectors.shape
    if dim == 0:
        raise VectorsError(f"{where}: the vectors have no numbers")

    def read(pulse: ThreadProgress) -> NamedVectors:
        listed = names()
        if len(listed) != rows:
            raise VectorsError(f"{where}: {len(listed)} names for {rows} vectors")
        named = [row for row, name in enumerate(listed) if name.strip()]
        if skip_unnamed and len(named) < rows:
            kept, held = [listed[row] for row in named], _part_of(where, vectors, 0, rows)
            return NamedVectors(names=kept, vectors=unit(where, kept, held[named], pulse))
        check_names(where, listed)
        return NamedVectors(names=listed, vectors=unit(where, listed, vectors, pulse))

    return VectorArray(where=where, rows=rows, dim=dim, read=read)


def texts_of(where: str, array: Array) -> list[str]:
    """The strings of a one-dimensional array of text or UTF-8 bytes, or VectorsError."""
    if array.ndim != 1 or (array.dtype.kind not in "US" and array.size):
        raise VectorsError(
            f"{where}: expected names as a list of text, found {array.dtype} of shape {array.shape}"
        )
    names = array.tolist()
    try:
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
    except UnicodeDecodeError as error:
        raise VectorsError(f"{where}: a name is not valid UTF-8") from error


def check_names(where: str, names: Sequence[str]) -> None:
    """Refuse what cannot be stored as text or names nothing; raises VectorsError."""
    for row, name in enumerate(names):
        if not name.strip():
            raise VectorsError(f"{where}: row {row} has an empty name")
        if "\0" in name or not is_text(name):
            raise VectorsError(f"{where}: the name in row {row} is not valid text")


def unit(
    where: str, names: Sequence[str], vectors: Array | NpyFile, pulse: ThreadProgress
) -> Vectors:
    """The vectors as float32 of unit length; VectorsError names the first that has no direction."""
    units = np.empty(vectors.shape, np.float32)
    for start in range(0, len(units), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        found = _part_of(where, vectors, start, start + _ROWS_AT_ONCE)
        _unit_rows(where, names[part], start, found, units[part])
        pulse.advance(len(units[part]))
    return units


def _part_of(where: str, vectors: Array | NpyFile, start: int, stop: int) -> Array:
    try:
        return np.asarray(vectors[start:stop])
    except (OSError, ValueError) as error:
        raise VectorsError(f"{where} cannot be read: {error}") from error


def _unit_rows(
    where: str, names: Sequence[str], start: int, vectors: Array, units: Vectors
) -> None:
    exact = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    for wrong, what in (
        (~np.isfinite(lengths), "has values that are not finite"),
        (lengths < 1e-12, "is all zeros: it has no direction"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise VectorsError(
                f"{where}: the vector of {names[row]!r} (row {start + row}) {what}",
                hint="Leave such rows out and import again.",
            )
    off = np.abs(lengths - 1.0) > _UNIT_ERROR
    exact[off] /= lengths[off, None]
    units[:] = exact


def read_npz(path: Path, names: str) -> list[VectorArray]:
    """The vectors of a `.npz` with an array `vector` and one of names; nothing is unpickled.

    Raises VectorsError for anything else.
    """
    try:
        found = arrays.read_npz(path, (names, "vector"))
    except FileNotFoundError as error:
        raise VectorsError(f"There is no file {path}") from error
    except ValueError as error:
        raise VectorsError(
            f"{path} cannot be read as a .npz file: {error}",
            hint=f"Write it with numpy.savez(path, {names}=..., vector=...), names as text.",
        ) from error
    labels = texts_of(f"{path.name}, {names}", found[names])
    return [vector_array(path.name, lambda: labels, found["vector"])]


def write_npz(path: Path, held: Mapping[str, Array], pulse: ThreadProgress) -> None:
    """Write arrays as `numpy.savez` does, under a temporary name until they are on the disk."""
    with replaced(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in held.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                write_array(member, array, pulse)


def write_array(file: IO[bytes], array: Array, pulse: ThreadProgress) -> None:
    """Write an array in numpy's own format, a piece at a time."""
    np.lib.format.write_array(pulse.file(file), np.ascontiguousarray(array), allow_pickle=False)


ROWS_PER_FILE = 100_000
TEXTS_FILE = "texts.npz"
"""Texts that belong to no picture; clip-retrieval itself has no place for them."""

_PICTURE_COLUMNS = ("image_path", "url")
_TEXT_COLUMNS = ("caption",)


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorFolder:
    """What a folder holds."""

    pictures: Sequence[VectorArray]
    texts: Sequence[VectorArray]


def read_folder(folder: Path) -> VectorFolder:
    """Find the vectors of a folder and check that each file has its names.

    Raises VectorsError where something is missing or does not fit, or where pyarrow is.
    """
    if not disk.is_folder(folder / "img_emb") and not disk.is_folder(folder / "text_emb"):
        raise VectorsError(
            f"{folder} has neither img_emb nor text_emb",
            hint="Name the folder that clip-retrieval wrote, the one that holds img_emb.",
        )
    texts = _parts(folder, "text_emb", _TEXT_COLUMNS)
    if disk.is_file(folder / TEXTS_FILE):
        texts += read_npz(folder / TEXTS_FILE, "text")
    return VectorFolder(pictures=_parts(folder, "img_emb", _PICTURE_COLUMNS), texts=texts)


def write_folder(
    folder: Path, pictures: NamedVectors, texts: NamedVectors | None, pulse: ThreadProgress
) -> None:
    """Write pictures, and texts where there are any, into an existing empty folder."""
    arrow, parquet = arrow_module("pyarrow"), arrow_module("pyarrow.parquet")
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir()
    for number, start in enumerate(range(0, len(pictures.names), ROWS_PER_FILE)):
        part = slice(start, start + ROWS_PER_FILE)
        with (folder / "img_emb" / f"img_emb_{number}.npy").open("wb") as file:
            write_array(file, pictures.vectors[part], pulse)
        table = arrow.table({"image_path": list(pictures.names[part])})
        parquet.write_table(table, folder / "metadata" / f"metadata_{number}.parquet")
    if texts is not None:
        held: dict[str, Array] = {"text": np.array(texts.names), "vector": texts.vectors}
        write_npz(folder / TEXTS_FILE, held, pulse)


def _parts(folder: Path, kind: str, columns: Sequence[str]) -> list[VectorArray]:
    return [_part(folder, kind, path, columns) for path in _numbered(folder / kind, ".npy")]


def _part(folder: Path, kind: str, path: Path, columns: Sequence[str]) -> VectorArray:
    number = path.stem.removeprefix(f"{kind}_")
    metadata = folder / "metadata" / f"metadata_{number}.parquet"
    where = f"{kind}/{path.name}"
    if not disk.is_file(metadata):
        raise VectorsError(f"{where} has no names: {metadata} is missing")
    column = _column(metadata, columns)
    try:
        found = arrays.open_npy(path)
        vectors = found[:] if found.by_column else found
    except (ValueError, OSError) as error:
        raise VectorsError(f"{path} cannot be read as a .npy file: {error}") from error
    skip_unnamed = kind == "text_emb"
    return vector_array(where, lambda: _names(metadata, column), vectors, skip_unnamed=skip_unnamed)


def _column(metadata: Path, columns: Sequence[str]) -> str:
    found = _parquet(metadata).schema_arrow.names
    for column in columns:
        if column in found:
            return column
    raise VectorsError(
        f"{metadata} has no column {' or '.join(columns)}; it has {', '.join(found) or 'none'}"
    )


def read_columns(metadata: Path, names: Sequence[str]) -> dict[str, list[object]]:
    """Some columns of a parquet file. Raises VectorsError where one is missing."""
    file, arrow = _parquet(metadata), arrow_module("pyarrow")
    if absent := [name for name in names if name not in file.schema_arrow.names]:
        raise VectorsError(f"{metadata} has no column {absent[0]}")
    try:
        table = file.read(columns=list(names))
        return {name: table.column(name).to_pylist() for name in names}
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise VectorsError(f"{metadata} cannot be read as a parquet file: {error}") from error


def _names(metadata: Path, column: str) -> list[str]:
    values = read_columns(metadata, [column])[column]
    if not all(value is None or isinstance(value, str) for value in values):
        raise VectorsError(f"{metadata}: the column {column} holds something other than text")
    return [value if isinstance(value, str) else "" for value in values]


def _parquet(metadata: Path) -> ParquetFile:
    arrow = arrow_module("pyarrow")
    try:
        with open_file(metadata):
            return arrow_module("pyarrow.parquet").ParquetFile(metadata)
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise VectorsError(f"{metadata} cannot be read as a parquet file: {error}") from error


def _numbered(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder by the number in their names, which sorts 10 after 9."""
    if not disk.is_folder(folder):
        return []

    def number(path: Path) -> tuple[int, str]:
        digits = re.search(r"(\d+)$", path.stem)
        return (int(digits[1]) if digits else -1, path.name)

    return sorted((path for path in disk.entries(folder) if path.suffix == suffix), key=number)
