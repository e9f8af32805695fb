"""The process that downloads a model: `python -m engine.workers.fetcher CACHE`.

Its one call, `fetch`, takes `model` and `revision` and reports `done`, `total` and newly
`fetched` bytes.
"""

import contextlib
import errno
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine import disk
from engine.errors import DownloadError
from engine.models.families import family_of
from engine.models.generator_info import need_known_classes
from engine.models.messages import Reply
from engine.models.paths import INDEX, read_json
from engine.workers.loop import Call, serve

if TYPE_CHECKING:
    from engine.workers.hub import DownloadPlan

CONFIG = "config.json"
_REPORT_S = 0.1
_RESERVE = 64 << 20


class DownloadProgress:
    """Counts bytes, reports them a few times a second, and stops where the call was cancelled."""

    def __init__(self, call: Call, total: int) -> None:
        self._call = call
        self._total = total
        self._done = 0
        self._skipped = 0
        self._reported = 0.0
        self.name = ""

    def add(self, count: int) -> None:
        """Take note of `count` new bytes; raise CallCancelled if nobody wants them any more."""
        self._call.check()
        self._done += count
        now = time.monotonic()
        if now - self._reported >= _REPORT_S or self._done >= self._total:
            self._reported = now
            self._call.report(
                done=self._done,
                total=self._total,
                fetched=self._done - self._skipped,
                name=self.name,
            )

    def skip(self, count: int) -> None:
        """Take note of bytes that were here before; else as `add`."""
        self._skipped += count
        self.add(count)


def fetch(call: Call) -> Reply:
    """Bring all files of a model into the hub's cache."""
    from huggingface_hub import HfApi, constants

    from engine.workers.hub import fetch_file, plan_download

    cache, model = Path(sys.argv[1]), call.request.text("model")
    with _translated(model, constants.ENDPOINT):
        found = plan_download(HfApi(), model, call.request.text("revision"))
        call.check()
        if INDEX in found.sizes:
            first = DownloadProgress(call, found.sizes[INDEX])
            index = fetch_file(model, INDEX, found.commit, cache, first)
            content = read_json(index) or {}
            need_known_classes(content, index.parent)
            found = found.of_parts(content)
        _need_room(found, cache)
        progress = DownloadProgress(call, found.total)
        for name in found.sizes:
            progress.name = name
            path = fetch_file(model, name, found.commit, cache, progress)
            if name == CONFIG:
                # A model of another kind is refused before its gigabytes come.
                family_of(read_json(path) or {}, {})
        _name_revision(cache, found)
    folder = path.parents[name.count("/")]
    return Reply(fields={"folder": str(folder), "bytes": found.total, "note": found.note})


def _need_room(found: "DownloadPlan", cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / ("models--" + found.model.replace("/", "--"))
    present = sum(file.stat().st_size for file in disk.matching(folder, "blobs/*"))
    needed, free = found.total - present + _RESERVE, shutil.disk_usage(cache).free
    if needed > free:
        raise DownloadError(
            f"{found.model} needs {needed / 1e6:.0f} MB more, and the disk with {cache} has "
            f"{free / 1e6:.0f} MB left",
            hint="Make room, or set HF_HOME to a folder on a larger disk.",
        )


def _name_revision(cache: Path, found: "DownloadPlan") -> None:
    """Let the branch that was asked for point at the commit that was fetched."""
    if found.revision == found.commit:
        return
    refs = cache / ("models--" + found.model.replace("/", "--")) / "refs"
    ref = refs / found.revision
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(found.commit, encoding="ascii")


@contextlib.contextmanager
def _translated(model: str, endpoint: str) -> Iterator[None]:
    """Say what went wrong, and what to do, in the engine's own errors."""
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise DownloadError(
            f"the owner of {model} wants its terms to be accepted first",
            hint=f"Accept them at {endpoint}/{model}, then log in with: hf auth login",
        ) from error
    except RepositoryNotFoundError as error:
        raise DownloadError(
            f"{endpoint} has no model {model}, or does not show it to you",
            hint="Check the spelling; for a private model, log in with: hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise DownloadError(f"{model} has no such revision") from error
    except OfflineModeIsEnabled as error:
        raise DownloadError(
            "HF_HUB_OFFLINE is set, so nothing is fetched", hint="Unset HF_HUB_OFFLINE."
        ) from error
    except HfHubHTTPError as error:
        raise DownloadError(
            f"{endpoint} answered with status {error.response.status_code}", hint="Try again later."
        ) from error
    except httpx2.HTTPError as error:
        raise DownloadError(
            f"{endpoint} cannot be reached ({error or type(error).__name__})",
            hint="Check the network and HTTPS_PROXY, or name a mirror in HF_ENDPOINT; what has "
            "arrived is kept.",
        ) from error
    except OSError as error:
        raise DownloadError(_disk_trouble(error), hint="What has arrived is kept.") from error


def _disk_trouble(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full"
    return f"the download failed: {error}"


def main() -> None:
    """Serve until the parent goes away."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    serve({"fetch": fetch})


if __name__ == "__main__":
    main()
