"""clip-retrieval's layout: `img_emb/*.npy`, `text_emb/*.npy` and `metadata/*.parquet`.

The files of one number belong together, row by row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import VectorsError
from engine.vectors.npz import read_npz, write_array, write_npz
from engine.vectors.parts import Array, Named, Part, part_of
from engine.vectors.pulse import Pulse

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

ROWS_PER_FILE = 100_000
TEXTS_FILE = "texts.npz"
"""Texts that belong to no picture; clip-retrieval itself has no place for them."""

_PICTURE_COLUMNS = ("image_path", "url")
_TEXT_COLUMNS = ("caption",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a folder holds."""

    pictures: Sequence[Part]
    texts: Sequence[Part]


def read_folder(folder: Path) -> Layout:
    """Find the vectors of a folder and check that each file has its names.

    Raises VectorsError where something is missing or does not fit, or where pyarrow is.
    """
    if not (folder / "img_emb").is_dir() and not (folder / "text_emb").is_dir():
        raise VectorsError(
            f"{folder} has neither img_emb nor text_emb",
            hint="Name the folder that clip-retrieval wrote, the one that holds img_emb.",
        )
    texts = _parts(folder, "text_emb", _TEXT_COLUMNS)
    if (folder / TEXTS_FILE).is_file():
        texts += read_npz(folder / TEXTS_FILE, "text")
    return Layout(pictures=_parts(folder, "img_emb", _PICTURE_COLUMNS), texts=texts)


def write_folder(folder: Path, pictures: Named, texts: Named | None, pulse: Pulse) -> None:
    """Write pictures, and texts where there are any, into an existing empty folder."""
    arrow, parquet = _arrow("pyarrow"), _arrow("pyarrow.parquet")
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir()
    for number, start in enumerate(range(0, len(pictures.names), ROWS_PER_FILE)):
        part = slice(start, start + ROWS_PER_FILE)
        with (folder / "img_emb" / f"img_emb_{number}.npy").open("wb") as file:
            write_array(file, pictures.vectors[part], pulse)
        table = arrow.table({"image_path": list(pictures.names[part])})
        parquet.write_table(table, folder / "metadata" / f"metadata_{number}.parquet")
    if texts is not None:
        arrays: dict[str, Array] = {"text": np.array(texts.names), "vector": texts.vectors}
        write_npz(folder / TEXTS_FILE, arrays, pulse)


def _parts(folder: Path, kind: str, columns: Sequence[str]) -> list[Part]:
    return [_part(folder, kind, path, columns) for path in _numbered(folder / kind, ".npy")]


def _part(folder: Path, kind: str, path: Path, columns: Sequence[str]) -> Part:
    number = path.stem.removeprefix(f"{kind}_")
    metadata = folder / "metadata" / f"metadata_{number}.parquet"
    where = f"{kind}/{path.name}"
    if not metadata.is_file():
        raise VectorsError(f"{where} has no names: {metadata} is missing")
    column = _column(metadata, columns)
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise VectorsError(f"{path} cannot be read as a .npy file: {error}") from error
    skip_unnamed = kind == "text_emb"
    return part_of(where, lambda: _names(metadata, column), vectors, skip_unnamed=skip_unnamed)


def _column(metadata: Path, columns: Sequence[str]) -> str:
    found = _parquet(metadata).schema_arrow.names
    for column in columns:
        if column in found:
            return column
    raise VectorsError(
        f"{metadata} has no column {' or '.join(columns)}; it has {', '.join(found) or 'none'}"
    )


def _names(metadata: Path, column: str) -> list[str]:
    values = _parquet(metadata).read(columns=[column]).column(0).to_pylist()
    return ["" if value is None else str(value) for value in values]


def _parquet(metadata: Path) -> ParquetFile:
    arrow = _arrow("pyarrow")
    try:
        return _arrow("pyarrow.parquet").ParquetFile(metadata)
    except (arrow.ArrowException, OSError) as error:
        raise VectorsError(f"{metadata} cannot be read as a parquet file: {error}") from error


def _arrow(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise VectorsError(
            "clip-retrieval keeps names in parquet files, and pyarrow is not installed",
            hint="Install it: pip install 't2itui[parquet]'",
        ) from error


def _numbered(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder by the number in their names, which sorts 10 after 9."""
    if not folder.is_dir():
        return []

    def number(path: Path) -> tuple[int, str]:
        digits = re.search(r"(\d+)$", path.stem)
        return (int(digits[1]) if digits else -1, path.name)

    return sorted((path for path in folder.iterdir() if path.suffix == suffix), key=number)
