"""Questions to the file system about paths that come from a person, a file or the database.

Before Python 3.14 `Path.is_file`, `exists`, `glob`, `expanduser`, `absolute` and their like raise
for a folder that may not be entered, a name that is too long, a link to itself, a person without
a home, a current folder that is gone. Here that is an answer: nothing is there, and `refusal` has
the reason. So nothing else asks a `Path` (`tests/test_disk_questions.py`).
"""

import errno
import os
from pathlib import Path

_PLAINLY_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})


def is_file(path: Path | str) -> bool:
    """Whether a file can be seen there, also through a link."""
    return os.path.isfile(path)


def is_folder(path: Path | str) -> bool:
    """Whether a folder can be seen there, also through a link."""
    return os.path.isdir(path)


def exists(path: Path | str) -> bool:
    """Whether anything can be seen there."""
    return os.path.exists(path)


def is_link(path: Path | str) -> bool:
    """Whether it is a link, wherever that leads."""
    return os.path.islink(path)


def refusal(path: Path | str) -> str:
    """Why the system does not say what is there; empty where it does, even if that is nothing."""
    try:
        os.stat(path)
    except OSError as error:
        return "" if error.errno in _PLAINLY_ABSENT else error.strerror or str(error)
    except ValueError:
        return "a name cannot hold a zero byte"
    return ""


def is_denied(path: Path | str) -> bool:
    """Whether something may be there that may not be looked at: a folder above is locked."""
    try:
        os.stat(path)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False


def absence(path: Path | str, otherwise: str) -> str:
    """A sentence on a path at which nothing usable is seen: the system's reason, or `otherwise`."""
    reason = refusal(path)
    return f"{path} cannot be read: {reason}" if reason else otherwise


def expanded(path: Path | str) -> Path:
    """The path with the home folder for a leading `~` or `~name`; as it is where nobody has one."""
    return Path(os.path.expanduser(path))


def from_root(path: Path | str) -> Path:
    """The path from the root, links kept; as it is where the current folder is gone."""
    try:
        return Path(path).absolute()
    except OSError:
        return Path(path)


def matching(folder: Path, pattern: str) -> list[Path]:
    """What in a folder fits a pattern, sorted; nothing where the folder cannot be read."""
    try:
        return sorted(folder.glob(pattern))
    except (OSError, RuntimeError, ValueError):
        return []


def entries(folder: Path) -> list[Path]:
    """What a folder holds, sorted; nothing where it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError):
        return []


def below(folder: Path) -> list[Path]:
    """All files below a folder, sorted; what cannot be read is left out."""
    if not is_folder(folder):
        return []
    return sorted(Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
