"""Names of pictures: a path of this machine, or an address of other storage as fsspec has it."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def is_address(path: str) -> bool:
    """Whether a path is an address: `s3://bucket/a.png`, `zip://a.png::file:///photos.zip`."""
    return _SCHEME.search(path) is not None


def file_name(path: str) -> str:
    """The file's own name."""
    return _parts(path)[1]


def folder_name(path: str) -> str:
    """Where the file lies; empty for a name alone."""
    return _parts(path)[0]


def _parts(path: str) -> tuple[str, str]:
    """The folder and the name; in an archive the folder is the archive with what leads there."""
    inner, chain, archive = path.partition("::") if is_address(path) else (path, "", "")
    folder, slash, name = inner.rpartition("/")
    root = slash if not folder or folder.endswith("/") else ""
    return f"{folder}{root}{chain}{archive}", name
