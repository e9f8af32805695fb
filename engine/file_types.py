"""The kinds of file that can be read, pictures and captions: one table each, read by all else."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True, kw_only=True)
class FileType:
    """A kind of picture file."""

    name: str
    """What people call it."""
    suffixes: tuple[str, ...]
    """Lower-case endings of names that promise it; what a file holds decides how it is read."""
    formats: tuple[str, ...]
    """The Pillow plugins that may see a file."""
    reduced_as: tuple[str, ...] = ()
    """The formats, as Pillow names them, that can be decoded at a fraction of their size."""


FILE_TYPES = (
    FileType(
        name="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        formats=("JPEG",),
        # Several JPEGs in one file: Pillow finds out after it has opened the first.
        reduced_as=("JPEG", "MPO"),
    ),
    FileType(name="PNG", suffixes=(".png", ".apng"), formats=("PNG",)),
    FileType(name="WebP", suffixes=(".webp",), formats=("WEBP",)),
    FileType(name="GIF", suffixes=(".gif",), formats=("GIF",)),
    FileType(name="BMP", suffixes=(".bmp", ".dib"), formats=("BMP", "DIB")),
    FileType(name="TIFF", suffixes=(".tif", ".tiff"), formats=("TIFF",)),
    FileType(name="AVIF", suffixes=(".avif",), formats=("AVIF",)),
    FileType(name="HEIF", suffixes=(".heic", ".heif", ".hif"), formats=("HEIF",)),
)


def _all(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(entry for part in parts for entry in part)


SUFFIXES = _all(kind.suffixes for kind in FILE_TYPES)
FORMATS = _all(kind.formats for kind in FILE_TYPES)
REDUCED = frozenset(_all(kind.reduced_as for kind in FILE_TYPES))


@cache
def register_openers() -> None:
    """Have Pillow open every kind in this process: HEIF is not among those it knows itself.

    Called wherever files of people are opened, and not on import, which would take Pillow along.
    """
    try:
        import pillow_heif
    except ImportError:
        return
    pillow_heif.register_heif_opener(thumbnails=False)


CAPTION_SUFFIXES = (".token", ".txt", ".json", ".csv", ".tsv")
"""Of files of captions; engine/evaluation/readers.py reads them by what is in them."""
