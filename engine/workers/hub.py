"""What to fetch of a model on the hub, and from which of its revisions."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from huggingface_hub import HfApi, ModelInfo

from engine.errors import DownloadError, ModelUnusableError

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
_PARTS = ("text_encoder", "vae", "unet")
_FOLDERS = (*_PARTS, "tokenizer", "scheduler")
_VARIANTS = (r"\.fp16", "")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")

# The hub's own converter offers a safetensors version to many a model whose owner never took it.
_CONVERTER = "SFconvertbot"
_ORIGINAL = "pytorch_model.bin"
_COMMIT = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
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


def plan(api: HfApi, model: str, revision: str) -> Plan:
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
    """Return the names of a diffusers pipeline, in half precision where the whole is offered so.

    Its safety checker, as large as the rest, is left out.
    """
    texts = [
        name
        for name in sizes
        if name.endswith((".json", ".txt")) and name.partition("/")[0] in _FOLDERS
    ]
    for variant in _VARIANTS:
        weights = [
            name
            for part in _PARTS
            for name in sizes
            if re.fullmatch(
                rf"{part}/(model|diffusion_pytorch_model){variant}(-\d+-of-\d+)?\.safetensors",
                name,
            )
        ]
        if {name.partition("/")[0] for name in weights} == set(_PARTS):
            return [_PIPELINE, *sorted(texts), *weights]
    return []


def _conversion(api: HfApi, model: str, main: ModelInfo) -> Plan | None:
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


def _plan(model: str, revision: str, info: ModelInfo, names: Iterable[str], note: str = "") -> Plan:
    sizes, commit = _sizes(info), info.sha or ""
    if _COMMIT.fullmatch(commit) is None:
        raise DownloadError(f"the hub names no commit of {model}, but {commit!r}")
    return Plan(
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
