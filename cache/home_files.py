"""Folders and files of the home: a person's alone whatever the umask, and never behind a link.

The home itself may be a link, which is a person's own choice. What lies in it the program made,
so what a link there leads to it did not make: nothing is read, written or deleted through one.
Everything raises OSError, with the path and words for a person in it.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cache import disk
from cache.errors import HomeError

FILE_NAME = "cache.sqlite3"
"""The cache of a library."""
FOLDER_MODE = 0o700
FILE_MODE = 0o600
MEMORY_LIMIT = 16 << 20
"""Bytes of a file in which a part remembers what it worked out; a larger one is not its own."""

# A folder that may be entered but not listed can be worked in where the system has this flag.
_ENTER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
# Without waiting: a pipe in the place of a file would keep whoever opens it for ever.
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def make_home(home: Path) -> None:
    """Make the home and what is missing above it, for its owner alone."""
    missing = [home]
    while not os.path.lexists(missing[-1].parent):
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        try:
            folder.mkdir(FOLDER_MODE)
        except FileExistsError:
            if not disk.is_folder(folder):
                raise _refusal(folder, errno.ENOTDIR, _why_no_folder(folder)) from None
        else:
            close_to_others(folder)


def close_to_others(folder: Path) -> None:
    """Let nobody but the owner into a folder; a disk that knows no modes (FAT) may refuse."""
    with suppress(OSError):
        folder.chmod(FOLDER_MODE)


def make_folder(home: Path, *names: str) -> Path:
    """Make a folder below the home and return its path."""
    with _inside(home, names, make=True):
        return home.joinpath(*names)


def open_file(home: Path, *names: str, flags: int) -> int:
    """Open a regular file below the home; with O_CREAT it and its folders are made where missing.

    Nothing is emptied by opening: whoever has the descriptor knows that it is a file of ours.
    """
    *folders, name = names
    path = home.joinpath(*names)
    with _inside(home, folders, make=bool(flags & os.O_CREAT)) as folder:
        descriptor = _open(folder, name, flags, path)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _refusal(path, errno.EINVAL, "it is no file")
    return descriptor


def check_file(home: Path, *names: str, mode: int) -> None:
    """Raise OSError unless a regular file is there that may be used so (os.R_OK, os.W_OK).

    It is not opened. Whoever closes a descriptor of a file takes away all the locks that their
    process has on it (POSIX): those of SQLite too, and then another process, which believes that
    it is alone, writes over what this one reads.
    """
    *folders, name = names
    path = home.joinpath(*names)
    with _inside(home, folders, make=False) as folder:
        try:
            kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        except OSError as error:
            raise _refusal(path, error.errno, error.strerror) from error
        if stat.S_ISLNK(kind):
            raise _refusal(path, errno.ELOOP, _LINK)
        if not stat.S_ISREG(kind):
            raise _refusal(path, errno.EINVAL, "it is no file")
        if not _may(name, mode, folder):
            is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
            code = errno.EROFS if is_read_only else errno.EACCES
            raise _refusal(path, code, os.strerror(code))


def open_log(home: Path, *names: str, limit: int) -> int:
    """Open a log for appending, emptied when it has grown beyond `limit` bytes.

    One that has a second name (a hard link, as some backups make them) gives its name to a new
    file, so that the other is neither written into nor cut off.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = open_file(home, *names, flags=flags)
    status = os.fstat(descriptor)
    if status.st_nlink > 1:
        os.close(descriptor)
        remove_file(home, *names)
        return open_file(home, *names, flags=flags)
    with suppress(OSError):
        os.fchmod(descriptor, FILE_MODE)
    if status.st_size > limit:
        os.ftruncate(descriptor, 0)
    return descriptor


def read_file(home: Path, *names: str, limit: int | None = None) -> bytes:
    """Read a file below the home, whole; one larger than `limit` bytes is refused."""
    with os.fdopen(open_file(home, *names, flags=os.O_RDONLY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if limit is not None and size > limit:
            raise _refusal(home.joinpath(*names), errno.EFBIG, f"it has {size} bytes")
        return file.read()


def write_file(home: Path, *names: str, data: bytes, partial: str = "") -> Path:
    """Write a file below the home, whole or not at all, on the disk when this returns.

    Until it is whole it bears the name `partial`, which an ended writer leaves behind.
    """
    *folders, name = names
    partial = partial or f".{name}.{os.getpid()}.partial"
    path = home.joinpath(*names)
    with _inside(home, folders, make=True) as folder, _named(path):
        with suppress(FileNotFoundError):
            os.unlink(partial, dir_fd=folder)
        descriptor = _open(folder, partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(partial, dir_fd=folder)
            raise
    _sync_folder(path.parent)
    return path


def remove_file(home: Path, *names: str) -> None:
    """Delete a file below the home; one that is not there is no error, a folder is."""
    *folders, name = names
    path = home.joinpath(*names)
    with (
        suppress(FileNotFoundError),
        _inside(home, folders, make=False) as folder,
        _named(path),
    ):
        os.unlink(name, dir_fd=folder)


def list_folder(home: Path, *names: str) -> list[str]:
    """The names in a folder below the home; none where there is no such folder.

    Raises OSError for a link in its place, or where it may not be read.
    """
    try:
        with _inside(home, names, make=False) as folder:
            # A descriptor that only enters cannot be listed.
            listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
            try:
                return os.listdir(listed)  # noqa: PTH208 - no path leads to a descriptor
            finally:
                os.close(listed)
    except (FileNotFoundError, NotADirectoryError):
        return []


def blame(path: Path) -> str:
    """Say which folder keeps a file from being used, and from what; empty where none does."""
    nearest = path.parent
    for folder in [*reversed(path.parents)]:
        if disk.is_link(folder):
            continue
        if not os.path.lexists(folder):
            break
        if not disk.is_folder(folder):
            return f"{folder} is no folder"
        if not _may(folder, os.X_OK):
            return f"the folder {folder} may not be entered"
        nearest = folder
    if disk.is_folder(nearest) and not _may(nearest, os.W_OK):
        return f"the folder {nearest} may not be written"
    return ""


def _may(path: Path | str, mode: int, folder: int | None = None) -> bool:
    effective = os.access in os.supports_effective_ids
    return os.access(path, mode, dir_fd=folder, effective_ids=effective)


def unreadable(error: OSError, path: Path) -> HomeError:
    """The error for a file or folder of the home that cannot be read."""
    why = blame(path)
    message = f"{path} cannot be read: {error.strerror or error}" + (f"; {why}" if why else "")
    if error.errno == errno.ELOOP:
        hint = "Put the file itself there. The home as a whole may be a link: --home, T2ITUI_HOME."
    else:
        hint = "Make the folder and what is in it yours to read, or choose another with --home."
    return HomeError(message, hint=hint)


@contextmanager
def _inside(home: Path, names: Sequence[str], *, make: bool) -> Iterator[int]:
    """Yield a descriptor of a folder below the home, reached through no link."""
    if make:
        make_home(home)
    descriptor = os.open(home, _ENTER)
    try:
        path = home
        for name in names:
            path = path / name
            inner = _step(descriptor, name, path, make=make)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _step(folder: int, name: str, path: Path, *, make: bool) -> int:
    if make:
        with suppress(FileExistsError), _named(path):
            os.mkdir(name, FOLDER_MODE, dir_fd=folder)
            with suppress(OSError):
                os.chmod(name, FOLDER_MODE, dir_fd=folder)
    try:
        return os.open(name, _ENTER | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            code = errno.ELOOP if disk.is_link(path) else errno.ENOTDIR
            raise _refusal(path, code, _why_no_folder(path)) from error
        raise _refusal(path, error.errno, error.strerror) from error


def _open(folder: int, name: str, flags: int, path: Path) -> int:
    try:
        if flags & os.O_CREAT:
            with suppress(FileExistsError):
                made = os.open(name, flags | os.O_EXCL | _SAFELY, FILE_MODE, dir_fd=folder)
                with suppress(OSError):
                    os.fchmod(made, FILE_MODE)
                return made
            if flags & os.O_EXCL:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        return os.open(name, flags & ~os.O_CREAT | _SAFELY, dir_fd=folder)
    except OSError as error:
        why = _LINK if error.errno == errno.ELOOP else error.strerror
        raise _refusal(path, error.errno, why) from error


_LINK = "it is a link, and links in the home folder are not followed"


def _why_no_folder(path: Path) -> str:
    if disk.is_link(path):
        return _LINK if disk.is_folder(path) else "it is a link that leads nowhere"
    return "it is no folder"


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have an error name the file by its path: the system knows it by its folder's descriptor."""
    try:
        yield
    except OSError as error:
        if error.filename == str(path):
            raise
        raise _refusal(path, error.errno, error.strerror) from error


def _refusal(path: Path, code: int | None, why: str | None) -> OSError:
    return OSError(code or errno.EIO, why or "it cannot be used", str(path))


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk; not every file system can be asked to."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
