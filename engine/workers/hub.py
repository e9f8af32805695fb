"""Fetches one file into the hub's cache, going on where an earlier attempt stopped.

The hub's client throws a partial file away when it stops. Here it stays under a name of its own
beside the finished ones, is completed by range requests, checked, and handed to the client's cache.
"""

import hashlib
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeAlias

from huggingface_hub import (
    HfApi,
    HfFileMetadata,
    ModelInfo,
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

from engine import disk
from engine.errors import DownloadError, ModelUnusableError
from engine.models.paths import LEFT_OUT

Ignored: TypeAlias = Any

_TAG = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
# The client looks at its progress bar, and with it at a cancel, once a chunk.
constants.DOWNLOAD_CHUNK_SIZE = 1 << 18


class ByteCounter(Protocol):
    """Is told of bytes; each method may raise to stop, and what has arrived stays."""

    def add(self, count: int) -> None:
        """Take note of bytes that came just now; negative where the server starts again."""

    def skip(self, count: int) -> None:
        """Take note of bytes that were here before."""


class Meter:
    """Stands where the client wants a progress bar, and passes on the bytes."""

    def __init__(self, progress: ByteCounter) -> None:
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


def fetch_file(model: str, name: str, commit: str, cache: Path, progress: ByteCounter) -> Path:
    """Bring one file of a commit into the cache and return its place in the snapshot.

    Raises DownloadError where the content is not what the hub announced.
    """
    folder = cache / ("models--" + model.replace("/", "--"))
    pointer = folder / "snapshots" / commit / name
    if disk.is_file(pointer):
        progress.skip(pointer.stat().st_size)
        return pointer
    url = hf_hub_url(model, name, revision=commit)
    metadata = get_hf_file_metadata(url, token=get_token(), retry_on_errors=True)
    if metadata.size is None or _TAG.fullmatch(metadata.etag or "") is None:
        raise DownloadError(f"{constants.ENDPOINT} does not say what {name} of {model} is")
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    locks = cache / ".locks" / folder.name
    locks.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(locks / f"{metadata.etag}.partial.lock"):
        blob = blobs / str(metadata.etag)
        if disk.is_file(blob):
            progress.skip(metadata.size)
        else:
            _complete(blob, metadata, url, progress)
    return Path(hf_hub_download(model, name, revision=commit, cache_dir=cache))


def _complete(blob: Path, metadata: HfFileMetadata, url: str, progress: ByteCounter) -> None:
    partial = blob.with_name(f"{blob.name}.partial")
    size = metadata.size or 0
    have = partial.stat().st_size if disk.is_file(partial) else 0
    if have > size:
        partial.unlink()
        have = 0
    progress.skip(have)
    with partial.open("ab") as file:
        http_get(
            metadata.location,
            file,
            resume_size=have,
            headers=_headers(url, metadata.location),
            expected_size=size,
            tqdm_class=Meter(progress),  # type: ignore[arg-type]
        )
    _check(partial, blob.name, progress)
    partial.replace(blob)


def _headers(asked: str, location: str) -> dict[str, str]:
    """Keep the person's token from every host but the one that was asked."""
    is_same = asked.split("/")[:3] == location.split("/")[:3]
    return build_hf_headers(token=get_token() if is_same else False)


def _check(partial: Path, etag: str, progress: ByteCounter) -> None:
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


_TEXTS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
)
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_PIPELINE = "model_index.json"
_WEIGHTS_OF_PARTS = re.compile(
    r"(\w+)/(?:model|diffusion_pytorch_model)(\.fp16)?(?:-\d+-of-\d+)?\.safetensors"
)
_TEXTS_OF_PARTS = re.compile(r"(\w+)/[^/]+\.(?:json|txt|model|jinja)")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")

# The hub's own converter offers a safetensors version to many a model whose owner never took it.
_CONVERTER = "SFconvertbot"
_ORIGINAL = "pytorch_model.bin"
_COMMIT = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadPlan:
    """The files of one revision that make up a model, small ones first."""

    model: str
    revision: str
    """Branch, tag, commit or pull request, as the hub calls it."""
    commit: str
    sizes: Mapping[str, int]
    """Bytes by file name, in the order of fetching."""
    note: str = ""

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())

    def of_parts(self, parts: Container[str]) -> "DownloadPlan":
        """Return the plan without the folders that a pipeline's index does not name."""
        sizes = {
            name: size
            for name, size in self.sizes.items()
            if "/" not in name or name.partition("/")[0] in parts
        }
        return replace(self, sizes=sizes)


def plan_download(api: HfApi, model: str, revision: str) -> DownloadPlan:
    """Find the files of a model that can be used without unpickling.

    Raises ModelUnusableError where there are none, and what the hub's client raises.
    """
    main = api.model_info(model, revision=revision or None, files_metadata=True)
    if names := _usable(_sizes(main)):
        return _plan(model, revision or "main", main, names)
    converted = None if revision else _conversion(api, model, main)
    if converted is not None:
        return converted
    pickled = sorted(name for name in _sizes(main) if name.endswith(_PICKLED))
    if pickled:
        raise ModelUnusableError(
            f"{model} has its weights only in {pickled[0]}, a format that can run any program when "
            "it is loaded; it is not fetched",
            hint="Look on the hub for a version of the model with model.safetensors.",
        )
    raise ModelUnusableError(
        f"{model} is no model in Hugging Face format: it has neither config.json with "
        "model.safetensors nor model_index.json with the parts of a pipeline"
    )


def _usable(sizes: Mapping[str, int]) -> list[str]:
    """Return the names to fetch, weights last so that an unfinished copy is never a whole one."""
    if _PIPELINE in sizes:
        return _usable_pipeline(sizes)
    texts = [name for name in _TEXTS if name in sizes]
    if "config.json" not in sizes:
        return []
    if _WEIGHTS in sizes:
        return [*texts, _WEIGHTS]
    parts = sorted(name for name in sizes if name.startswith("model-0") and _is_safe(name))
    return [*texts, *parts, _INDEX] if parts and _INDEX in sizes else []


def _usable_pipeline(sizes: Mapping[str, int]) -> list[str]:
    """Return the names of a diffusers pipeline, each part in half precision where it is offered so.

    Its safety checker, as large as the rest of some, is left out.
    """
    named = {name: found for name in sizes if (found := _TEXTS_OF_PARTS.fullmatch(name))}
    texts = [name for name, found in named.items() if found[1] not in LEFT_OUT]
    networks = {found[1] for name, found in named.items() if name == f"{found[1]}/config.json"}
    plain: dict[str, list[str]] = {part: [] for part in networks - {*LEFT_OUT}}
    half: dict[str, list[str]] = {part: [] for part in plain}
    for name in sizes:
        if (found := _WEIGHTS_OF_PARTS.fullmatch(name)) and found[1] in plain:
            (half if found[2] else plain)[found[1]].append(name)
    weights = [half[part] or plain[part] for part in plain]
    if not weights or not all(weights):
        return []
    return [_PIPELINE, *sorted(texts), *sorted(name for names in weights for name in names)]


def _conversion(api: HfApi, model: str, main: ModelInfo) -> DownloadPlan | None:
    """Return the plan of the hub's own conversion, if it was made from the weights of `main`."""
    for offer in api.get_repo_discussions(model, discussion_type="pull_request"):
        if not offer.is_pull_request or offer.author != _CONVERTER:
            continue
        reference = f"refs/pr/{offer.num}"
        info = api.model_info(model, revision=reference, files_metadata=True)
        names = _usable(_sizes(info))
        if names and _digest(info) and _digest(info) == _digest(main):
            note = (
                f"{model} has no safetensors of its own; the hub's conversion ({reference}) is used"
            )
            return _plan(model, reference, info, names, note)
    return None


def _plan(
    model: str, revision: str, info: ModelInfo, names: Iterable[str], note: str = ""
) -> DownloadPlan:
    sizes, commit = _sizes(info), info.sha or ""
    if _COMMIT.fullmatch(commit) is None:
        raise DownloadError(f"the hub names no commit of {model}, but {commit!r}")
    return DownloadPlan(
        model=model,
        revision=revision,
        commit=commit,
        sizes={name: sizes[name] for name in names},
        note=note,
    )


def _sizes(info: ModelInfo) -> dict[str, int]:
    return {file.rfilename: file.size or 0 for file in info.siblings or []}


def _digest(info: ModelInfo) -> str:
    for file in info.siblings or []:
        if file.rfilename == _ORIGINAL and file.lfs is not None:
            return str(file.lfs.sha256)
    return ""


def _is_safe(name: str) -> bool:
    return name.endswith(".safetensors") and "/" not in name
