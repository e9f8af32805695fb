"""Text-to-image pipelines of diffusers, from a folder or from one checkpoint, safetensors alone."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import diffusers
import torch
import transformers
from diffusers.loaders.single_file_utils import SingleFileComponentError
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError, safe_open
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.modeling_clip import CLIPTextModel
from transformers.utils import logging as transformers_logging

from engine import disk
from engine.errors import ModelUnusableError, OutOfMemoryError
from engine.models.parameters import GenerationParameters
from engine.models.paths import CHECKER, INDEX, LEFT_OUT, classes_of, read_json
from engine.models.pipeline_classes import LIBRARIES
from engine.states import Device, NumberFormat
from engine.workers.device import DTYPES, Choice, is_native, is_out_of_memory
from engine.workers.invocation import Invocation, network_of

Pipeline: TypeAlias = Any
Part: TypeAlias = Any
"""A model of the pipeline."""
Output: TypeAlias = Any

MIN_AGREEMENT = 0.999
"""Cosine between what a network predicts in bf16 and in fp32 on a CPU; below it fp32 is used."""

_HINT = "Fetch the model again."
_NEEDS_CHECKER = "requires_safety_checker"
"""The argument of old pipelines that complain of a checker that is left out."""
LOADING_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    ImportError,
    AttributeError,
    SafetensorError,
    SingleFileComponentError,
)


class Report(Protocol):
    """Is told of the loading; may raise to stop it."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSource:
    """Where a pipeline comes from; the parent has looked at the files before."""

    id: str
    path: Path
    """A diffusers folder, or one checkpoint in the original layout."""
    config: Path
    """A diffusers folder with at least the configurations and the tokenizers."""
    pipeline: str
    """The class of diffusers."""
    variant: str
    """Between `diffusion_pytorch_model.` and `.safetensors`; empty for the plain files."""
    parts: Mapping[str, int]
    """Bytes of the weights of each part that is to be loaded; empty for a checkpoint."""
    multiple: int
    """Pixels that a picture's sides are multiples of."""
    smallest: int
    """Pixels of the shortest side that the network can work on."""


def load_pipeline(source: PipelineSource, dtype: str, report: Report) -> Pipeline:
    """Load a pipeline into the machine's memory, all its models in one number format.

    Raises ModelUnusableError where the files are of another kind, damaged or incomplete.
    """
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        if disk.is_file(source.path):
            pipe = _from_file(source, DTYPES[dtype], report)
        else:
            pipe = _from_folder(source, DTYPES[dtype], report)
    except LOADING_ERRORS as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError(
                f"there is not enough memory to load {source.id}: {error}",
                hint="Close other programs, or take a smaller model.",
            ) from error
        raise ModelUnusableError(f"{source.path} cannot be loaded: {error}", hint=_HINT) from error
    _need_all_weights(pipe, source)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def load_fitting(
    source: PipelineSource, choice: Choice, report: Report
) -> tuple[Pipeline, Choice, tuple[str, ...]]:
    """Load a pipeline in the number format of `choice`; return how it was loaded, and warnings.

    A CPU gets one that it has of its own, and fp32 where that finds something else.
    """
    if choice.device != Device.CPU or choice.dtype == NumberFormat.FP32:
        return load_pipeline(source, choice.dtype, report), choice, ()
    whole = replace(choice, dtype=NumberFormat.FP32)
    pipe = load_pipeline(source, whole.dtype, report)
    if not is_native(choice.dtype):
        return pipe, whole, (f"this CPU has no {choice.dtype} of its own, so fp32 is used",)
    report(f"checking {choice.dtype}", 0, 0)
    expected = _prediction(pipe, source)
    pipe.to(DTYPES[choice.dtype])
    found = _prediction(pipe, source)
    agreement = float(torch.nn.functional.cosine_similarity(expected, found, dim=0))
    if agreement >= MIN_AGREEMENT:
        return pipe, choice, ()
    warning = f"{choice.dtype} agrees with fp32 only to {agreement:.4f} here, so fp32 is used"
    return load_pipeline(source, whole.dtype, report), whole, (warning,)


def networks(pipe: Pipeline) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yield the models of a pipeline, by the names of their parts."""
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module):
            yield name, part


def make_interruptible(pipe: Pipeline, check: Callable[[], None]) -> None:
    """Call `check`, which may raise, before every block of every model: a step can take minutes."""
    blocks = {
        block
        for _, network in networks(pipe)
        for each in network.modules()
        if isinstance(each, torch.nn.ModuleList)
        for block in each
        # A level without attention has none in its place.
        if block is not None
    }
    for block in blocks:
        block.register_forward_pre_hook(lambda *_: check())


def with_same_parts(pipe: Pipeline, name: str) -> Pipeline:
    """Return a pipeline of diffusers' class `name` that shares the parts of another."""
    kind = getattr(diffusers, name)
    takes = inspect.signature(kind.__init__).parameters
    parts = {part: found for part, found in pipe.components.items() if part in takes}
    if _NEEDS_CHECKER in takes:
        parts[_NEEDS_CHECKER] = False
    other = kind(**parts)
    other.set_progress_bar_config(disable=True)
    return other


def _left_out(kind: Pipeline) -> dict[str, Part]:
    """The parts that a class of pipelines takes, and does without here."""
    takes = inspect.signature(kind.__init__).parameters
    parts: dict[str, Part] = {name: None for name in LEFT_OUT if name in takes}
    return parts | ({_NEEDS_CHECKER: False} if _NEEDS_CHECKER in takes else {})


def _from_folder(source: PipelineSource, dtype: torch.dtype, report: Report) -> Pipeline:
    kind = getattr(diffusers, source.pipeline)
    classes = classes_of(read_json(source.path / INDEX) or {})
    total, done = sum(source.parts.values()), 0
    parts = _left_out(kind)
    for name, size in source.parts.items():
        report(f"loading {name.replace('_', ' ')}", done, total)
        parts[name] = _load_part(source, name, *classes[name], dtype)
        done += size
    if parts.get(CHECKER) is not None:
        # By its own class: older models name one that transformers no longer has.
        extractor: Part = CLIPImageProcessorPil
        folder = source.path / "feature_extractor"
        parts["feature_extractor"] = extractor.from_pretrained(folder, local_files_only=True)
    if _NEEDS_CHECKER in parts:
        parts[_NEEDS_CHECKER] = parts.get(CHECKER) is not None
    report("putting the pipeline together", done, total)
    return kind.from_pretrained(
        source.path, **parts, torch_dtype=dtype, local_files_only=True, use_safetensors=True
    )


def _load_part(
    source: PipelineSource, name: str, library: str, kind: str, dtype: torch.dtype
) -> Part:
    part, info = _class_of(library, kind).from_pretrained(
        source.path / name,
        **{"dtype" if library == transformers.__name__ else "torch_dtype": dtype},
        variant=_variant_of(source, name),
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
    )
    missing = sorted(info["missing_keys"]) + sorted(str(key) for key in info["mismatched_keys"])
    missing = [key for key in missing if not key.endswith("position_ids")]
    if missing:
        raise ModelUnusableError(
            f"the weights in {source.path / name} are incomplete: {len(missing)} are missing or of "
            f"another shape, such as {missing[0]}",
            hint=_HINT,
        )
    return part.eval()


def _class_of(library: str, name: str) -> Part:
    if library == transformers.__name__:
        return getattr(transformers, name)
    if library in LIBRARIES:
        return getattr(diffusers, name)
    return getattr(getattr(diffusers.pipelines, library), name)


def _variant_of(source: PipelineSource, name: str) -> str | None:
    """The variant of a part's files; None for plain ones."""
    files = disk.matching(source.path / name, f"*.{source.variant}*.safetensors")
    return source.variant if source.variant and files else None


def _from_file(source: PipelineSource, dtype: torch.dtype, report: Report) -> Pipeline:
    total = source.path.stat().st_size
    report("loading the checkpoint", 0, total)
    kind = getattr(diffusers, source.pipeline)
    parts = _left_out(kind)
    text_encoder = _renamed_text_encoder(source, dtype)
    if text_encoder is not None:
        parts["text_encoder"] = text_encoder
    pipe = kind.from_single_file(
        str(source.path),
        **parts,
        config=str(source.config),
        torch_dtype=dtype,
        local_files_only=True,
    )
    report("putting the pipeline together", total, total)
    return pipe


_TEXT = "cond_stage_model.transformer."


def _renamed_text_encoder(source: PipelineSource, dtype: torch.dtype) -> Part | None:
    """The text encoder of a checkpoint whose names lack `text_model.`, as NovelAI's first ones do.

    diffusers does not know these names. None for any other checkpoint.
    """
    with safe_open(source.path, "pt") as file:
        names = [name for name in file.keys() if name.startswith(_TEXT)]  # noqa: SIM118
        if not any(name.startswith(f"{_TEXT}embeddings.") for name in names):
            return None
        weights = {name.removeprefix(_TEXT): file.get_tensor(name) for name in names}
    kind: Part = CLIPTextConfig
    config = kind.from_pretrained(source.config / "text_encoder", local_files_only=True)
    model: Part = CLIPTextModel(config)
    own = model.state_dict().keys()
    if any(name.startswith("text_model.") for name in own):
        weights = {f"text_model.{name}": weight for name, weight in weights.items()}
    lacking = [name for name in own if name not in weights and "position_ids" not in name]
    if lacking:
        raise ModelUnusableError(
            f"{source.path} has no weights for {lacking[0]} of its text encoder", hint=_HINT
        )
    model.load_state_dict(weights, strict=False)
    return model.to(dtype).eval()


def _need_all_weights(pipe: Pipeline, source: PipelineSource) -> None:
    """Refuse a checkpoint that left weights without values."""
    for name, network in networks(pipe):
        for key, weight in network.named_parameters():
            if weight.is_meta:
                raise ModelUnusableError(
                    f"{source.path} has no weights for {key} of its {name}", hint=_HINT
                )


class _Seen(Exception):
    """Raised where enough of a picture was denoised."""


@torch.inference_mode()
def _prediction(pipe: Pipeline, source: PipelineSource) -> torch.Tensor:
    """Return what the network makes of the same noise in the second of two steps, in fp32."""
    found: list[torch.Tensor] = []

    def note(network: torch.nn.Module, inputs: object, output: Output) -> None:
        found.append(_flat(output))
        if len(found) > 1:
            raise _Seen

    # Two cells on a side where a UNet sees the picture smallest: more take longer for no more.
    side = 2 * source.smallest
    asked = GenerationParameters(
        model_id=source.id,
        prompt="a picture",
        negative="",
        steps=2,
        guidance=1.0,
        width=side,
        height=side,
        scheduler="",
        loras=(),
        start_picture=None,
        strength=1.0,
    )
    own, hook = pipe.scheduler, network_of(pipe).register_forward_hook(note)
    try:
        fields = Invocation(pipe).fields(asked, [torch.Generator().manual_seed(0)])
        pipe(**fields)
    except _Seen:
        pass
    finally:
        hook.remove()
        pipe.scheduler = type(own).from_config(own.config)
    return found[-1]


def _flat(output: Output) -> torch.Tensor:
    """All numbers of a network's output, whatever its shape."""
    if isinstance(output, torch.Tensor):
        return output.float().flatten()
    values = output.values() if isinstance(output, Mapping) else output
    return torch.cat([_flat(each) for each in values])
