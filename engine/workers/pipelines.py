"""Stable Diffusion through diffusers, from a folder or from one checkpoint, safetensors alone."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import diffusers
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.loaders.single_file_utils import SingleFileComponentError
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError, safe_open
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.modeling_clip import CLIPTextModel
from transformers.utils import logging as transformers_logging

from engine import disk
from engine.errors import ModelUnusableError, OutOfMemoryError
from engine.models.parameters import Lora
from engine.models.schedulers import SCHEDULERS
from engine.states import Device, NumberFormat
from engine.untrusted.arrays import read_tensors_header
from engine.workers.device import DTYPES, Choice, is_native, is_out_of_memory

Pipeline: TypeAlias = Any
"""A StableDiffusionPipeline."""
Part: TypeAlias = Any
"""A model of the pipeline."""

MIN_AGREEMENT = 0.999
"""Cosine between what the UNet predicts in bf16 and in fp32 on a CPU, below which fp32 is used."""

_CLASSES: dict[str, Part] = {
    "text_encoder": CLIPTextModel,
    "unet": UNet2DConditionModel,
    "vae": AutoencoderKL,
    "safety_checker": StableDiffusionSafetyChecker,
}
_HINT = "Fetch the model again."
_LOADING_ERRORS = (
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
    """A diffusers folder with at least the configurations and the tokenizer."""
    variant: str
    """Between `diffusion_pytorch_model.` and `.safetensors`; empty for the plain files."""
    parts: Mapping[str, int]
    """Bytes of the weights of each part that is to be loaded; empty for a checkpoint."""
    multiple: int
    """Pixels that a picture's sides are multiples of."""
    smallest: int
    """Pixels of the shortest side that the UNet can work on."""


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
    except _LOADING_ERRORS as error:
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
    expected = _prediction(pipe.unet)
    pipe.to(DTYPES[choice.dtype])
    found = _prediction(pipe.unet)
    agreement = float(torch.nn.functional.cosine_similarity(expected, found, dim=0))
    if agreement >= MIN_AGREEMENT:
        return pipe, choice, ()
    warning = f"{choice.dtype} agrees with fp32 only to {agreement:.4f} here, so fp32 is used"
    return load_pipeline(source, whole.dtype, report), whole, (warning,)


def make_interruptible(pipe: Pipeline, check: Callable[[], None]) -> None:
    """Call `check`, which may raise, before every block of every model: a step can take minutes."""
    blocks = [
        *pipe.text_encoder.modules(),
        *pipe.unet.down_blocks,
        pipe.unet.mid_block,
        *pipe.unet.up_blocks,
        *pipe.vae.encoder.down_blocks,
        *pipe.vae.decoder.up_blocks,
    ]
    for block in blocks:
        if block is not None:
            block.register_forward_pre_hook(lambda *_: check())


def _from_folder(source: PipelineSource, dtype: torch.dtype, report: Report) -> Pipeline:
    total, done = sum(source.parts.values()), 0
    parts: dict[str, Part] = {"safety_checker": None, "feature_extractor": None}
    for name, size in source.parts.items():
        report(f"loading {name.replace('_', ' ')}", done, total)
        parts[name] = _load_part(source, name, dtype)
        done += size
    if parts["safety_checker"] is not None:
        # By its own class: older models name one that transformers no longer has.
        extractor: Part = CLIPImageProcessorPil
        folder = source.path / "feature_extractor"
        parts["feature_extractor"] = extractor.from_pretrained(folder, local_files_only=True)
    report("putting the pipeline together", done, total)
    kind: Pipeline = StableDiffusionPipeline
    return kind.from_pretrained(
        source.path,
        **parts,
        requires_safety_checker=parts["safety_checker"] is not None,
        image_encoder=None,
        local_files_only=True,
        use_safetensors=True,
    )


def _load_part(source: PipelineSource, name: str, dtype: torch.dtype) -> Part:
    part, info = _CLASSES[name].from_pretrained(
        source.path / name,
        **{"dtype" if name in ("text_encoder", "safety_checker") else "torch_dtype": dtype},
        variant=source.variant or None,
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


def _from_file(source: PipelineSource, dtype: torch.dtype, report: Report) -> Pipeline:
    total = source.path.stat().st_size
    report("loading the checkpoint", 0, total)
    text_encoder = _renamed_text_encoder(source, dtype)
    pipe = StableDiffusionPipeline.from_single_file(
        str(source.path),
        **({} if text_encoder is None else {"text_encoder": text_encoder}),
        config=str(source.config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
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
    for name in ("text_encoder", "unet", "vae"):
        for key, weight in getattr(pipe, name).named_parameters():
            if weight.is_meta:
                raise ModelUnusableError(
                    f"{source.path} has no weights for {key} of its {name}", hint=_HINT
                )


@torch.inference_mode()
def _prediction(unet: Part) -> torch.Tensor:
    """Return what the UNet makes of the same noise, in fp32."""
    noise = torch.Generator().manual_seed(0)
    # Two cells on a side where the UNet sees the picture smallest: more take longer for no more.
    side = 2 ** len(unet.config.down_block_types)
    latents = torch.randn(1, unet.config.in_channels, side, side, generator=noise)
    texts = torch.randn(1, 77, unet.config.cross_attention_dim, generator=noise)
    found: torch.Tensor = unet(
        latents.to(unet.dtype), 500, encoder_hidden_states=texts.to(unet.dtype)
    ).sample
    return found.float().flatten()


class Loras:
    """Keeps track of what a pipeline has been given."""

    def __init__(self, pipe: Pipeline) -> None:
        self._pipe = pipe
        self._names: dict[tuple[Path, int, int], str] = {}
        self._notes: dict[str, str] = {}
        self._active: list[tuple[str, float]] = []

    def use(self, wanted: tuple[Lora, ...]) -> bool:
        """Put these files to use and set the others aside; tell whether anything changed.

        Raises ModelUnusableError for a file that is damaged or made for another model.
        """
        loaded: list[tuple[str, float]] = []
        for lora in wanted:
            try:
                loaded.append((self._name(lora.path), lora.weight))
            except (*_LOADING_ERRORS, AssertionError) as error:
                self.clear()
                raise ModelUnusableError(
                    f"{lora.path} cannot be added to this model: {str(error)[:400]}",
                    hint="Take a LoRA that was made for Stable Diffusion 1.5, or for the model's "
                    "own family.",
                ) from error
        if loaded == self._active:
            return False
        if loaded:
            names, weights = [name for name, _ in loaded], [weight for _, weight in loaded]
            self._pipe.enable_lora()
            self._pipe.set_adapters(names, weights)
        else:
            self.clear()
        self._active = loaded
        return True

    @property
    def warnings(self) -> list[str]:
        """What of the files in use is left out."""
        return [self._notes[name] for name, _ in self._active if name in self._notes]

    def clear(self) -> None:
        """Take every LoRA out of the pipeline."""
        if self._names:
            self._pipe.unload_lora_weights()
        self._names.clear()
        self._notes.clear()
        self._active = []

    def _name(self, path: Path) -> str:
        """Return the name of the file in the pipeline, loading it where it is new or changed."""
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns)
        if key not in self._names:
            name = f"lora{len(self._names)}"
            tensors = read_tensors_header(path).tensors
            if not tensors:
                raise ValueError("it holds no weights")
            try:
                self._pipe.load_lora_weights(
                    path.parent,
                    weight_name=path.name,
                    adapter_name=name,
                    local_files_only=True,
                    use_safetensors=True,
                )
            except ValueError as error:
                raise ValueError(f"{str(error)[:300]}{_made_for(tensors)}") from error
            loaded = self._pipe.get_list_adapters().values()
            if not any(name in names for names in loaded):
                raise ValueError(f"none of its weights have a place there{_made_for(tensors)}")
            self._names[key] = name
            if any("dora_scale" in each or "magnitude" in each for each in tensors):
                self._notes[name] = (
                    f"{path.name} is a DoRA: its magnitudes are left out, so that it acts as a LoRA"
                )
        return self._names[key]


_FOREIGN = (
    (("transformer.", "lora_transformer_", "double_blocks", "diffusion_model."), "Flux or SD 3"),
    (("lora_te2_", "text_encoder_2."), "Stable Diffusion XL"),
    (("lora_prior_", "lora_te_prior"), "Stable Cascade"),
)


def _made_for(names: Iterable[str]) -> str:
    """What a LoRA with such names of weights was made for; empty where that is not known."""
    names = list(names)
    for starts, family in _FOREIGN:
        if any(name.startswith(starts) for name in names):
            return f": it was made for {family}"
    if any(".processor." in name for name in names):
        return ": it is of the first form that diffusers wrote, without the parts' names"
    return ""


DiffusersScheduler: TypeAlias = Any
Result: TypeAlias = Any


def make_scheduler(name: str, config: Mapping[str, Any]) -> DiffusersScheduler:
    """Return the scheduler `name` for a model whose own scheduler has `config`.

    Betas, prediction type and zero terminal SNR are the model's.
    """
    scheduler = SCHEDULERS[name]
    wanted: dict[str, Any] = dict(scheduler.options)
    if scheduler.has_karras_sigmas:
        # They would spend the steps between 14 and the 4096 of a zero terminal SNR.
        wanted["use_karras_sigmas"] = not config.get("rescale_betas_zero_snr", False)
    return getattr(diffusers, scheduler.class_name).from_config(config, **wanted)


class Foresight:
    """Keeps what the scheduler expects the finished latents to be, after every step."""

    def __init__(self, scheduler: DiffusersScheduler) -> None:
        self.latents: torch.Tensor | None = None
        """In the pipeline's scale; None before the first step."""
        step = scheduler.step

        @functools.wraps(step)
        def watched(*args: Result, return_dict: bool = True, **kwargs: Result) -> Result:
            output = step(*args, return_dict=True, **kwargs)
            self.latents = _expected(scheduler, output)
            return output if return_dict else (output.prev_sample,)

        scheduler.step = watched


def _expected(scheduler: DiffusersScheduler, output: Result) -> torch.Tensor | None:
    """The finished latents as the last step foresees them; None where a scheduler says nothing."""
    for name in ("pred_original_sample", "denoised"):
        found: torch.Tensor | None = getattr(output, name, None)
        if found is not None:
            return found
    # DPM-Solver++ keeps its data predictions for the next step.
    predictions: list[torch.Tensor | None] = getattr(scheduler, "model_outputs", [])
    return predictions[-1] if predictions else None
