"""Files under the home folder that are named by the SHA-256 of what they hold."""

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

from cache import disk
from cache.connection import unwritable

FOLDER = "generated"
SUFFIX = ".png"
_PARTIAL = ".partial"
_NAME = re.compile(r"[0-9a-f]{64}(\.png|\.\d+\.partial)")


def content_path(home: Path, sha256: str) -> Path:
    """Where content of that hash lies: `generated/ab/<sha256>.png`."""
    return disk.from_root(home) / FOLDER / sha256[:2] / f"{sha256}{SUFFIX}"


def write_content(home: Path, data: bytes) -> Path:
    """Write content under its name, whole or not at all, and on the disk when this returns.

    Raises CacheFullError or CacheReadOnlyError.
    """
    path = content_path(home, hashlib.sha256(data).hexdigest())
    partial = path.with_suffix(f".{os.getpid()}{_PARTIAL}")
    try:
        if _holds(path, data):
            return path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write(partial, data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise unwritable(error, path) from error
    return path


def content_root(home: Path) -> str:
    """The folder of contents; of thousands of paths it is worth asking for once."""
    return str(disk.from_root(home) / FOLDER)


def path_in(root: str, sha256: str) -> str:
    """`content_path` below a known root."""
    return f"{root}/{sha256[:2]}/{sha256}{SUFFIX}"


def contents(home: Path) -> set[str]:
    """The paths of all files in the folders of contents, unfinished ones too."""
    root = content_root(home)
    return {
        f"{root}/{folder}/{name}" for folder in _names(root) for name in _names(f"{root}/{folder}")
    }


def is_ours(path: Path) -> bool:
    """A place and name that `write_content` gives; anything else there is a person's."""
    return path.parent.parent.name == FOLDER and _NAME.fullmatch(path.name) is not None


def is_partial(path: Path) -> bool:
    """Left by a writer that was ended."""
    return path.suffix == _PARTIAL


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - a tenth of the time of paths
    except OSError:
        return []


def _holds(path: Path, data: bytes) -> bool:
    return disk.is_file(path) and path.stat().st_size == len(data) and path.read_bytes() == data


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk; not every file system can be asked to."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
