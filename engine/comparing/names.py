"""What a comparison calls its pictures: by path, or by name where the storybook ships them."""

from __future__ import annotations

from pathlib import Path, PurePath

from engine.storybook.shipped import GALLERY, STORYBOOK


def short_name(path: str) -> str:
    """What stands for a path in a sheet: `storybook/0004.webp` on every machine, else the path."""
    place = PurePath(path)
    return f"{STORYBOOK}/{place.name}" if place.parent == GALLERY else path


def long_name(name: str) -> str:
    """Where to look for a name: an existing file by its whole path; anything else as it stands.

    It looks at the disk.
    """
    path = Path(name).expanduser()
    if path.exists():
        return str(path.absolute())
    place = PurePath(name)
    return str(GALLERY / place.name) if str(place.parent) == STORYBOOK else name
