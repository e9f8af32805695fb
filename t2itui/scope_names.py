"""Folders that searches are scoped to, as a person names them: the storybook goes by its name."""

from pathlib import Path

from engine.storybook.shipped import GALLERY

STORYBOOK = "storybook"
"""Names the built-in library wherever a folder is asked for; `./storybook` names a folder."""


def scope_folder(name: Path) -> Path:
    """Return the absolute folder that a name stands for."""
    return GALLERY if str(name) == STORYBOOK else name.absolute()


def scope_name(folder: Path) -> str:
    """Return what stands for an absolute folder in a command."""
    return STORYBOOK if folder == GALLERY else str(folder)
