"""`.npz` files of names and vectors."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from engine.errors import VectorsError
from engine.vectors.atomic import replaced
from engine.vectors.parts import Array, Part, part_of, texts_of
from engine.vectors.pulse import Pulse

_UNREADABLE = (ValueError, EOFError, OSError, MemoryError, zipfile.BadZipFile, zlib.error)


def read_npz(path: Path, names: str) -> list[Part]:
    """The vectors of a `.npz` with an array `vector` and one of names; nothing is unpickled.

    Raises VectorsError for anything else.
    """
    arrays = _arrays(path, names)
    labels = texts_of(f"{path.name}, {names}", arrays[names])
    return [part_of(path.name, lambda: labels, arrays["vector"])]


def _arrays(path: Path, names: str) -> dict[str, Array]:
    wanted = (names, "vector")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = list(archive.files)
            if set(wanted) <= set(found):
                return {name: archive[name] for name in wanted}
    except FileNotFoundError as error:
        raise VectorsError(f"There is no file {path}") from error
    except (*_UNREADABLE, AttributeError, TypeError) as error:
        raise VectorsError(
            f"{path} cannot be read as a .npz file: {_reason(path, error)}",
            hint=f"Write it with numpy.savez(path, {names}=..., vector=...), names as text.",
        ) from error
    raise VectorsError(
        f"{path} has the arrays {', '.join(found) or 'none'}; `{names}` and `vector` are needed",
    )


def _reason(path: Path, error: BaseException) -> str:
    """Why numpy refused a file; its own words would advise to unpickle it."""
    if not zipfile.is_zipfile(path):
        return "it is something else, or cut short"
    if "pickle" in str(error):
        return "it holds Python objects, which are never loaded"
    return str(error)


def write_npz(path: Path, arrays: Mapping[str, Array], pulse: Pulse) -> None:
    """Write arrays as `numpy.savez` does, under a temporary name until they are on the disk."""
    with replaced(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                write_array(member, array, pulse)


def write_array(file: IO[bytes], array: Array, pulse: Pulse) -> None:
    """Write an array in numpy's own format, a piece at a time."""
    np.lib.format.write_array(pulse.file(file), np.ascontiguousarray(array), allow_pickle=False)
