"""Fetches one file into the hub's cache, going on where an earlier attempt stopped.

The hub's client throws a partial file away when it stops. Here it stays under a name of its own
beside the finished ones, is completed by range requests, checked, and handed to the client's cache.
"""

import hashlib
import re
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeAlias

from huggingface_hub import (
    HfFileMetadata,
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    WeakFileLock,
    build_hf_headers,
    get_token,
)

from engine.errors import DownloadError

Ignored: TypeAlias = Any

_TAG = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
# The client looks at its progress bar, and with it at a cancel, once a chunk.
constants.DOWNLOAD_CHUNK_SIZE = 1 << 18


class Progress(Protocol):
    """Is told of bytes; each method may raise to stop, and what has arrived stays."""

    def add(self, count: int) -> None:
        """Take note of bytes that came just now; negative where the server starts again."""

    def skip(self, count: int) -> None:
        """Take note of bytes that were here before."""


class Meter:
    """Stands where the client wants a progress bar, and passes on the bytes."""

    def __init__(self, progress: Progress) -> None:
        self.update = progress.add

    def __call__(self, *_: Ignored, **__: Ignored) -> "Meter":
        return self

    def __enter__(self) -> "Meter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


def fetch_file(model: str, name: str, commit: str, cache: Path, progress: Progress) -> Path:
    """Bring one file of a commit into the cache and return its place in the snapshot.

    Raises DownloadError where the content is not what the hub announced.
    """
    folder = cache / ("models--" + model.replace("/", "--"))
    pointer = folder / "snapshots" / commit / name
    if pointer.is_file():
        progress.skip(pointer.stat().st_size)
        return pointer
    url = hf_hub_url(model, name, revision=commit)
    facts = get_hf_file_metadata(url, token=get_token(), retry_on_errors=True)
    if facts.size is None or _TAG.fullmatch(facts.etag or "") is None:
        raise DownloadError(f"{constants.ENDPOINT} does not say what {name} of {model} is")
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    locks = cache / ".locks" / folder.name
    locks.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(locks / f"{facts.etag}.partial.lock"):
        blob = blobs / str(facts.etag)
        if blob.is_file():
            progress.skip(facts.size)
        else:
            _complete(blob, facts, url, progress)
    return Path(hf_hub_download(model, name, revision=commit, cache_dir=cache))


def _complete(blob: Path, facts: HfFileMetadata, url: str, progress: Progress) -> None:
    partial = blob.with_name(f"{blob.name}.partial")
    size = facts.size or 0
    have = partial.stat().st_size if partial.is_file() else 0
    if have > size:
        partial.unlink()
        have = 0
    progress.skip(have)
    with partial.open("ab") as file:
        http_get(
            facts.location,
            file,
            resume_size=have,
            headers=_headers(url, facts.location),
            expected_size=size,
            tqdm_class=Meter(progress),  # type: ignore[arg-type]
        )
    _check(partial, blob.name, progress)
    partial.replace(blob)


def _headers(asked: str, location: str) -> dict[str, str]:
    """Keep the person's token from every host but the one that was asked."""
    is_same = asked.split("/")[:3] == location.split("/")[:3]
    return build_hf_headers(token=get_token() if is_same else False)


def _check(partial: Path, etag: str, progress: Progress) -> None:
    """Compare a large file with its SHA-256, which is its tag on the hub."""
    if _SHA256.fullmatch(etag) is None:
        return
    digest = hashlib.sha256()
    with partial.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            progress.skip(0)
    if digest.hexdigest() != etag:
        partial.unlink()
        raise DownloadError(
            "a file arrived damaged and was thrown away", hint="Try again; only it is fetched anew."
        )
