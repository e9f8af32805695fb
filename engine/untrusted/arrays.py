"""Arrays that somebody else wrote: safetensors, `.npy` and `.npz`, looked at before they are read.

Nothing is unpickled, and no more is allocated than a file really holds or the machine has.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.untrusted.documents import Json, UntrustedError, open_file, parse_object

Array: TypeAlias = NDArray[np.generic]

HEADER_LIMIT = 100 << 20
"""Bytes of a safetensors header, as the library has it."""
_PREFIX = struct.Struct("<Q")
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL"), 8),
}
_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_MOST_DIMENSIONS = 32
_PLAIN_KINDS = "biufcUS"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """What a safetensors header says of one tensor; checked against its file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    """Of its bytes in the file."""
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorsHeader:
    """A safetensors header."""

    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]


def read_tensors_header(path: Path) -> TensorsHeader:
    """The header of a safetensors file. Raises OSError, UntrustedError."""
    with open_file(path) as file:
        return _header(file, os.fstat(file.fileno()).st_size)


def tensors_header(content: bytes) -> TensorsHeader:
    """The header of a whole safetensors file in memory. Raises UntrustedError."""
    return _header(BytesIO(content), len(content))


def read_tensors(content: bytes) -> tuple[dict[str, NDArray[np.float32]], Mapping[str, str]]:
    """The floating-point tensors of a whole safetensors file as float32, and its metadata.

    Raises UntrustedError.
    """
    header = tensors_header(content)
    found = {}
    for name, entry in header.tensors.items():
        if entry.dtype in _NUMPY:
            values = _values(entry.dtype, content[entry.start : entry.end])
            try:
                found[name] = values.reshape(entry.shape)
            except (ValueError, OverflowError) as error:
                raise UntrustedError(f"no array has the shape of {name[:60]}") from error
    return found, header.metadata


def read_scalar(path: Path, name: str) -> float | None:
    """One number out of a safetensors file; None where it has none of that name.

    Raises OSError, UntrustedError.
    """
    entry = read_tensors_header(path).tensors.get(name)
    if entry is None or entry.dtype not in _NUMPY or math.prod(entry.shape) != 1:
        return None
    with open_file(path) as file:
        file.seek(entry.start)
        return float(_values(entry.dtype, file.read(entry.end - entry.start))[0])


def _header(file: BinaryIO, size: int) -> TensorsHeader:
    prefix = file.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        raise UntrustedError(f"it has {len(prefix)} bytes")
    (length,) = _PREFIX.unpack(prefix)
    start = _PREFIX.size + length
    if length > HEADER_LIMIT or start > size:
        raise UntrustedError(f"its header should have {length} bytes")
    values = parse_object(file.read(length))
    metadata = values.pop("__metadata__", None)
    named = metadata.items() if isinstance(metadata, dict) else ()
    tensors = {name: _entry(name, value, start, size) for name, value in values.items()}
    _check_apart(tensors)
    return TensorsHeader(
        tensors=tensors,
        metadata={name: value for name, value in named if isinstance(value, str)},
    )


def _entry(name: str, value: Json, start: int, size: int) -> TensorEntry:
    if isinstance(value, dict):
        dtype, shape, offsets = (value.get(key) for key in ("dtype", "shape", "data_offsets"))
        sides, ends = _wholes(shape), _wholes(offsets)
        if isinstance(dtype, str) and sides is not None and ends is not None and len(ends) == 2:
            low, high = start + ends[0], start + ends[1]
            bits = _BITS.get(dtype)
            # Types of later versions are known by their offsets alone.
            fits = bits is None or math.prod(sides) * bits == 8 * (high - low)
            if low <= high <= size and fits and len(sides) <= _MOST_DIMENSIONS:
                return TensorEntry(dtype=dtype, shape=tuple(sides), start=low, end=high)
    raise UntrustedError(f"its header does not fit its content: {name[:60]}")


def _check_apart(tensors: Mapping[str, TensorEntry]) -> None:
    """Refuse tensors that share bytes: a small file would be as much in memory as it likes."""
    end = 0
    for name, entry in sorted(tensors.items(), key=lambda each: (each[1].start, each[1].end)):
        if entry.start < end:
            raise UntrustedError(f"its tensors lie over each other: {name[:60]}")
        end = entry.end


def _wholes(value: Json) -> list[int] | None:
    """The whole numbers from 0 that a list is; None for anything else."""
    if not isinstance(value, list):
        return None
    found = [each for each in value if isinstance(each, int) and not isinstance(each, bool)]
    return found if len(found) == len(value) and all(each >= 0 for each in found) else None


def _values(dtype: str, data: bytes) -> NDArray[np.float32]:
    values: Array = np.frombuffer(data, _NUMPY[dtype])
    if dtype == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def read_npz(path: Path, wanted: tuple[str, ...]) -> dict[str, Array]:
    """These arrays of a `.npz`, numbers or text. Raises FileNotFoundError, UntrustedError."""
    try:
        with open_file(path) as file:
            if not zipfile.is_zipfile(file):
                raise UntrustedError("it is something else, or cut short")
            file.seek(0)
            with zipfile.ZipFile(file) as archive:
                return _members(archive, wanted)
    except (FileNotFoundError, UntrustedError):
        raise
    except Exception as error:
        # numpy, zipfile and zlib raise anything on damaged files.
        raise UntrustedError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    """What an error says; more than a line is advice that does not hold here."""
    return str(error).partition("\n")[0] or type(error).__name__


_PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""How numpy packs. The others unpack a few kilobytes into gigabytes before anybody can look."""


def _members(archive: zipfile.ZipFile, wanted: tuple[str, ...]) -> dict[str, Array]:
    found = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
    sizes = {name: each.file_size for name, each in found.items()}
    if not set(wanted) <= set(sizes):
        listed = ", ".join(sorted(sizes)[:20])
        raise UntrustedError(
            f"it has the arrays {listed or 'none'};"
            f" {' and '.join(f'`{name}`' for name in wanted)} are needed"
        )
    if any(found[name].compress_type not in _PACKED for name in wanted):
        raise UntrustedError("it is packed otherwise than numpy does it")
    size = sum(sizes[name] for name in wanted)
    if size > machine_memory():
        raise UntrustedError(f"it unpacks to {size:,} bytes, more than this machine has")
    arrays = {}
    for name in wanted:
        with archive.open(f"{name}.npy") as member:
            _check_npy(member, sizes[name])
        with archive.open(f"{name}.npy") as member:
            arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class NpyFile:
    """The array of a `.npy` file, whose rows are read when they are asked for.

    Not mapped into memory: the end of a mapped file that was cut short since, or whose disk went,
    is a signal that ends the program.
    """

    path: Path
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    by_column: bool
    """Fortran's order: the rows do not lie one after the other."""
    at: int
    """Where the first number is in the file."""

    @property
    def ndim(self) -> int:
        """How many sides the shape has."""
        return len(self.shape)

    def __getitem__(self, rows: slice) -> Array:
        """Read some rows, one after the other. Raises OSError, UntrustedError."""
        start, stop, _ = rows.indices(self.shape[0])
        if self.by_column:
            turned = self._read(0, self.shape[::-1])
            return turned.T[start:stop]
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        return self._read(start * row, (max(0, stop - start), *self.shape[1:]))

    def _read(self, start: int, shape: tuple[int, ...]) -> Array:
        with open_file(self.path) as file:
            file.seek(self.at + start)
            data = file.read(math.prod(shape) * self.dtype.itemsize)
        try:
            return np.frombuffer(data, self.dtype).reshape(shape)
        except ValueError as error:
            raise UntrustedError("it ends before its header says so") from error


def open_npy(path: Path) -> NpyFile:
    """What a `.npy` file holds, of which nothing is read yet. Raises OSError, UntrustedError."""
    with open_file(path) as file:
        try:
            shape, by_column, dtype = _check_npy(file, os.fstat(file.fileno()).st_size)
        except UntrustedError:
            raise
        except Exception as error:
            # numpy raises anything on damaged files.
            raise UntrustedError(_first_line(error)) from error
        return NpyFile(path=path, dtype=dtype, shape=shape, by_column=by_column, at=file.tell())


def _check_npy(file: IO[bytes], size: int) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Read the header: shape, whether by column, type of the numbers.

    Refuses an array of Python objects, and one that is not as long as its header says.
    """
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, by_column, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise UntrustedError(f"version {version[0]}.{version[1]} of numpy's format is not known")
    if dtype.hasobject:
        raise UntrustedError("it holds Python objects, which are never loaded")
    if dtype.kind not in _PLAIN_KINDS or not dtype.itemsize:
        raise UntrustedError(f"it holds {dtype}, neither numbers nor text")
    if any(side < 0 for side in shape) or file.tell() + math.prod(shape) * dtype.itemsize != size:
        raise UntrustedError("its length does not fit its header")
    return shape, by_column, dtype


def machine_memory() -> int:
    """Bytes of this machine's memory, or 16 GB where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 16 << 30
