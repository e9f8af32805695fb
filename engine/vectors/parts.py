"""Named vectors as files hold them, checked before anything is done with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.records import Vectors
from engine.errors import VectorsError
from engine.vectors.pulse import Pulse

Array: TypeAlias = NDArray[np.generic]

_UNIT_ERROR = 1e-6
"""Vectors this close to unit length are taken as they are, so that a round trip changes no bit."""
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Named:
    """Names, of pictures or texts, with a unit vector each."""

    names: Sequence[str]
    vectors: Vectors
    """Unit length, [n, dim]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One array of vectors in a file, read when its turn comes."""

    where: str
    """The file, for messages."""
    rows: int
    dim: int
    read: Callable[[Pulse], Named]
    """Reads and checks all of it, counting rows; a matter of seconds for a million."""


def part_of(
    where: str,
    names: Callable[[], Sequence[str]],
    vectors: Array,
    *,
    skip_unnamed: bool = False,
) -> Part:
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

    def read(pulse: Pulse) -> Named:
        listed = names()
        if len(listed) != rows:
            raise VectorsError(f"{where}: {len(listed)} names for {rows} vectors")
        named = [row for row, name in enumerate(listed) if name.strip()]
        if skip_unnamed and len(named) < rows:
            kept = [listed[row] for row in named]
            return Named(names=kept, vectors=unit(where, kept, vectors[named], pulse))
        check_names(where, listed)
        return Named(names=listed, vectors=unit(where, listed, vectors, pulse))

    return Part(where=where, rows=rows, dim=dim, read=read)


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
        if "\0" in name or not _is_text(name):
            raise VectorsError(f"{where}: the name in row {row} is not valid text")


def unit(where: str, names: Sequence[str], vectors: Array, pulse: Pulse) -> Vectors:
    """The vectors as float32 of unit length; VectorsError names the first that has no direction."""
    units = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        _unit_rows(where, names[part], start, np.asarray(vectors[part]), units[part])
        pulse.advance(len(units[part]))
    return units


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


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
