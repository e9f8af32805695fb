"""Files under the home folder that are named by the SHA-256 of what they hold."""

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cache import disk
from cache.connection import unwritable
from cache.home_files import list_folder, open_file, read_file, remove_file, write_file

FOLDER = "generated"
SUFFIX = ".png"
_PARTIAL = ".partial"
_NAME = re.compile(r"[0-9a-f]{64}(\.png|\.\d+\.partial)")


def content_path(home: Path, sha256: str) -> Path:
    """Where content of that hash lies: `generated/ab/<sha256>.png`."""
    return disk.from_root(home) / FOLDER / sha256[:2] / f"{sha256}{SUFFIX}"


def write_content(home: Path, data: bytes) -> Path:
    """Write content under its name, whole or not at all, and on the disk when this returns.

    What a person has put in the place of that content is kept beside it under another name.
    Raises CacheFullError or CacheReadOnlyError.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    path = content_path(home, sha256)
    try:
        if holds(home, sha256):
            return path
        _put_aside(path)
        partial = f"{sha256}.{os.getpid()}{_PARTIAL}"
        return write_file(disk.from_root(home), *_names_of(sha256), data=data, partial=partial)
    except OSError as error:
        raise unwritable(error, path) from error


def holds(home: Path, sha256: str) -> bool:
    """Whether the content of that hash lies where it should, and is it: its file is read."""
    try:
        data = open_file(disk.from_root(home), *_names_of(sha256), flags=os.O_RDONLY)
        with os.fdopen(data, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def read_content(home: Path, sha256: str) -> bytes:
    """Content by its hash. Raises OSError, or ValueError where the file holds something else."""
    data = read_file(disk.from_root(home), *_names_of(sha256))
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("its content is not what its name says")
    return data


def remove_content(home: Path, sha256: str) -> bool:
    """Delete the file of some content; False where something else lies there, which stays."""
    path = content_path(home, sha256)
    if not os.path.lexists(path):
        return True
    if not holds(home, sha256):
        return False
    try:
        remove_file(disk.from_root(home), *_names_of(sha256))
    except OSError as error:
        raise unwritable(error, path) from error
    return True


def remove_partial(home: Path, path: Path) -> None:
    """Delete what an ended writer left; what cannot be deleted now is left for the next time."""
    with suppress(OSError):
        remove_file(disk.from_root(home), FOLDER, path.parent.name, path.name)


def content_root(home: Path) -> str:
    """The folder of contents; of thousands of paths it is worth asking for once."""
    return str(disk.from_root(home) / FOLDER)


def path_in(root: str, sha256: str) -> str:
    """`content_path` below a known root."""
    return f"{root}/{sha256[:2]}/{sha256}{SUFFIX}"


def has_contents(home: Path) -> bool:
    """Whether something lies in the place of the folders of contents."""
    return os.path.lexists(content_root(home))


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in the folders of contents."""

    paths: set[str]
    """Of all files, unfinished ones too."""
    hidden: tuple[str, ...]
    """Beginnings of paths that cannot be looked at: what is below them may be there or not."""

    def lacks(self, path: str) -> bool:
        """Whether it is certain that a path is not there."""
        return path not in self.paths and not path.startswith(self.hidden)


def contents(home: Path) -> Contents:
    """Look at the folders of contents; a folder that may not be read, or is a link, is hidden."""
    root = content_root(home)
    try:
        folders = list_folder(disk.from_root(home), FOLDER)
    except OSError:
        return Contents(set(), (root + "/",))
    paths: set[str] = set()
    hidden: list[str] = []
    for folder in folders:
        try:
            names = list_folder(disk.from_root(home), FOLDER, folder)
        except OSError:
            hidden.append(f"{root}/{folder}/")
        else:
            paths.update(f"{root}/{folder}/{name}" for name in names)
    return Contents(paths, tuple(hidden))


def is_ours(path: Path) -> bool:
    """A place and name that `write_content` gives; anything else there is a person's."""
    return path.parent.parent.name == FOLDER and _NAME.fullmatch(path.name) is not None


def is_partial(path: Path) -> bool:
    """Left by a writer that was ended."""
    return path.suffix == _PARTIAL


def _names_of(sha256: str) -> tuple[str, str, str]:
    return FOLDER, sha256[:2], f"{sha256}{SUFFIX}"


def _put_aside(path: Path) -> None:
    """Give what lies in the place of content a free name beside it."""
    if not os.path.lexists(path) or disk.is_link(path.parent):
        return
    number = 1
    while os.path.lexists(aside := path.with_suffix(f".replaced-{number}{SUFFIX}")):
        number += 1
    path.rename(aside)
