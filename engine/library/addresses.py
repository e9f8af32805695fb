"""Pictures on storage that is no folder of this machine, by fsspec addresses.

`s3://bucket/photos`, `gs://...`, `sftp://host/...`, `zip://::file:///photos.zip`: whatever fsspec
knows and has its package installed for. Files are copied, one at a time, to where the decoder
reads them, and are gone again afterwards. An address that comes with shards of somebody else is a
name and no more: nothing is fetched for showing it.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any

from engine import numbers
from engine.errors import RequestError
from engine.file_types import SUFFIXES
from engine.library.folders import ScannedFolder
from engine.library.left_out import is_never_a_picture, leaves_out, rules_of

_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
"""Under these names the file systems of fsspec say when a file was written."""
AT_ONCE = 16
"""Files on their way at a time: what makes up for a storage that answers late."""
LONGEST_S = 120.0
"""A file that has not come after so long is left for another run."""


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """A place that fsspec opens: its file system, and how its paths become addresses."""

    address: str
    files: Any
    root: str
    """What the file system calls the address."""

    def address_of(self, path: str) -> str:
        """The address of a path of the file system, at or below the root."""
        head, chain, rest = self.address.partition("::")
        if "://" not in head:
            head += "://"
        below = path[len(self.root) :].lstrip("/")
        joint = "" if not below or head.endswith("/") else "/"
        return f"{head}{joint}{below}{chain}{rest}"


def check_addresses(addresses: Sequence[str]) -> list[Storage]:
    """Open addresses, in order. Asks the storage, so run it on a thread.

    Raises RequestError for one that nothing here opens, or that is no folder.
    """
    return [_checked(address.rstrip("/") or address) for address in dict.fromkeys(addresses)]


def _checked(address: str) -> Storage:
    storage = open_storage(address)
    try:
        is_folder = not storage.root or storage.files.isdir(storage.root)
    except Exception as error:
        raise RequestError(
            f"{address} cannot be looked at: {_reason(error)}",
            hint="Check the address, and what gives access to it (keys, a profile, a network).",
            field="folders",
        ) from error
    if not is_folder:
        raise RequestError(
            f"there is no folder {address}",
            hint="Name a bucket, or a folder in it, that holds pictures.",
            field="folders",
        )
    return storage


@lru_cache(maxsize=64)
def open_storage(address: str) -> Storage:
    """What opens an address. Raises RequestError where nothing does."""
    try:
        from fsspec.core import url_to_fs

        files, root = url_to_fs(address)
    except (ImportError, ValueError, TypeError) as error:
        raise RequestError(
            f"{address} cannot be opened: {_reason(error)}",
            hint="Each kind of storage has a package: pip install s3fs for s3://, gcsfs for gs://,"
            " paramiko for sftp://, aiohttp for https://.",
            field="folders",
        ) from error
    except Exception as error:
        raise RequestError(
            f"{address} cannot be opened: {_reason(error)}",
            hint="Check the address, and what gives access to it (keys, a profile, a network).",
            field="folders",
        ) from error
    return Storage(address, files, root.rstrip("/"))


def walk_storage(storage: Storage, exclude: Sequence[str] = ()) -> Iterator[ScannedFolder]:
    """Yield every folder at or below an address as `folders.walk` does; ignore files are not read.

    Paths are addresses.
    """
    rules = rules_of(storage.address, exclude)
    waiting = [storage.root]
    while waiting:
        path = waiting.pop()
        folder = ScannedFolder(storage.address_of(path))
        below = []
        for entry in _listed(storage, path, folder):
            name = PurePosixPath(str(entry["name"])).name
            address, is_folder = storage.address_of(str(entry["name"])), _is_folder(entry)
            if is_never_a_picture(name) or leaves_out(rules, address, is_folder=is_folder):
                folder.left_out.append(address)
            elif is_folder and not name.startswith("."):
                folder.folders.append(address)
                below.append(str(entry["name"]))
            elif not name.startswith(".") and PurePosixPath(name).suffix.lower() in SUFFIXES:
                size = numbers.storable(int(entry.get("size") or 0))
                folder.files.append((address, size, _written(entry)))
        waiting += reversed(below)
        yield folder


def _listed(storage: Storage, path: str, folder: ScannedFolder) -> list[Mapping[str, Any]]:
    """What a folder of a storage holds, in the order of its names."""
    try:
        entries = storage.files.ls(path, detail=True)
    except Exception as error:  # noqa: BLE001 - each file system has errors of its own
        folder.error = _reason(error)
        return []
    within = [entry for entry in entries if str(entry["name"]).rstrip("/") != path]
    return sorted(within, key=lambda entry: str(entry["name"]))


def _is_folder(entry: Mapping[str, Any]) -> bool:
    return entry.get("type") == "directory"


def _written(entry: Mapping[str, Any]) -> int:
    """When a file was written, in nanoseconds; 0 where the storage does not say."""
    for name in _TIMES:
        value = entry.get(name)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, datetime):
            value = value.timestamp()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return numbers.storable(int(value * 1_000_000_000))
    return 0


@asynccontextmanager
async def fetched(addresses: Sequence[str]) -> AsyncIterator[Mapping[str, Path | str]]:
    """Yield copies of files by their addresses, for as long as the block lasts.

    In the place of one that does not come stands the reason.
    """
    if not addresses:
        yield {}
        return
    waiting, copies = iter(enumerate(addresses)), dict[str, Path | str]()

    async def work(folder: Path) -> None:
        for at, address in waiting:
            suffix = PurePosixPath(address.partition("::")[0]).suffix
            copies[address] = await _fetch(address, folder / f"{at}{suffix}")

    with tempfile.TemporaryDirectory(prefix="t2itui-", ignore_cleanup_errors=True) as folder:
        await asyncio.gather(*(work(Path(folder)) for _ in range(AT_ONCE)))
        yield copies


async def _fetch(address: str, copy: Path) -> Path | str:
    """Where the copy of a file lies, or why there is none."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Path | str] = loop.create_future()

    def tell(outcome: Path | str) -> None:
        if not done.done():
            done.set_result(outcome)

    def fetch() -> None:
        try:
            _copy(address, copy)
            outcome: Path | str = copy
        except Exception as error:  # noqa: BLE001 - as above
            outcome = f"it cannot be fetched: {_reason(error)}"
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, outcome)

    # Storage may hang for ever, and neither a cancelled job nor the program's end waits for it.
    Thread(target=fetch, name="fetch", daemon=True).start()
    try:
        async with asyncio.timeout(LONGEST_S):
            return await done
    except TimeoutError:
        return f"it did not come within {LONGEST_S:.0f} seconds"


def _copy(address: str, copy: Path) -> None:
    head, chain, rest = address.partition("::")
    if chain:
        # An archive is opened once, and asked for each of its files.
        scheme, _, path = head.partition("://")
        files = open_storage(f"{scheme}://{chain}{rest}").files
    else:
        storage = open_storage(address)
        files, path = storage.files, storage.root
    with files.open(path, "rb") as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _reason(error: Exception) -> str:
    """What a storage says of an error: each has errors of its own."""
    said = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0][:200]
    return said or type(error).__name__
