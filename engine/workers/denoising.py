"""From parameters to a picture: denoising, decoding, and less memory where it runs out."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline
from numpy.typing import NDArray
from PIL import Image, ImageOps

from engine.errors import OutOfMemoryError, PictureError
from engine.language import fold_widths
from engine.models.generator_messages import GeneratedImage
from engine.models.parameters import GenerationParameters
from engine.states import Device, OutputCheck
from engine.workers import decoder as picture_files
from engine.workers.device import Choice, free_cache, is_out_of_memory
from engine.workers.pipelines import (
    Foresight,
    Loras,
    Pipeline,
    PipelineSource,
    make_interruptible,
    make_scheduler,
)
from engine.workers.previews import Previewer

Tensors: TypeAlias = dict[str, Any]

_RECENT = 8


class Watcher(Protocol):
    """Takes what a denoiser reports of a picture; `check` raises to stop it."""

    def check(self) -> None: ...
    def step(self, step: int, total: int, seconds_a_step: float) -> None: ...
    def decoding(self) -> None: ...
    def fall_back(self, what: str, why: str) -> None: ...


class Steps:
    """Counts the steps of one run and measures their time."""

    def __init__(
        self, watcher: Watcher, foresight: Foresight | None, previewer: Previewer | None
    ) -> None:
        self._watcher = watcher
        self._foresight = foresight
        self._previewer = previewer
        self._times = deque([time.perf_counter()], maxlen=_RECENT)

    def done(self, pipe: Pipeline, index: int, timestep: object, tensors: Tensors) -> Tensors:
        """Take note of a step, as diffusers' `callback_on_step_end`."""
        self._watcher.check()
        self._times.append(time.perf_counter())
        pace = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        self._watcher.step(index + 1, pipe.num_timesteps, pace)
        if self._previewer and self._foresight and self._foresight.latents is not None:
            self._previewer.show(self._foresight.latents)
        return {}


SHRINK = math.sqrt(0.5)
MAX_SHRINKS = 4


def smaller(
    parameters: GenerationParameters, multiple: int, smallest: int
) -> GenerationParameters | None:
    """Return half the area in the same shape, in multiples; None below `smallest`."""
    width = _rounded(parameters.width * SHRINK, multiple)
    height = _rounded(parameters.height * SHRINK, multiple)
    is_same = (width, height) == (parameters.width, parameters.height)
    if min(width, height) < smallest or is_same:
        return None
    return parameters.sized(width, height)


def _rounded(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


def _size_words(parameters: GenerationParameters) -> str:
    return f"a smaller picture: {parameters.width} x {parameters.height}"


class MemorySavings:
    """What a pipeline does without for want of memory; it stays so for the next pictures."""

    def __init__(self, pipe: Pipeline, device: str) -> None:
        self._pipe = pipe
        self._device = device
        self.taken: list[str] = []
        """The savings in force, in the words for people."""

    def save(self, *, is_decoding: bool) -> str | None:
        """Give up some speed for memory; return what, or None where nothing is left to give up."""
        if not is_decoding and self._take("attention in slices"):
            self._pipe.enable_attention_slicing("auto")
        elif is_decoding and self._take("the picture decoded in tiles"):
            self._pipe.vae.enable_tiling()
        else:
            return self.offload()
        return self.taken[-1]

    def offload(self) -> str | None:
        """Leave the models in the machine's memory, for a pipeline that does not fit the GPU."""
        if self._device != Device.CUDA or not self._take("models kept in the machine's memory"):
            return None
        self._pipe.enable_model_cpu_offload()
        return self.taken[-1]

    def _take(self, what: str) -> bool:
        if what in self.taken:
            return False
        self.taken.append(what)
        return True


Texts: TypeAlias = "tuple[torch.Tensor, torch.Tensor | None]"
"""Embeddings of the prompt and of the negative prompt; the latter None without guidance."""

_MOST_TEXTS = 16
_MAX_PIXELS = 200_000_000
_BLACK_LEVEL = 3
_HINT = "Paint a smaller picture, close other programs, or take a smaller model."


@dataclass(slots=True, kw_only=True, eq=False)
class _Draft:
    """How far a picture is."""

    parameters: GenerationParameters
    """At the size that is being tried."""
    seed: int
    latents: torch.Tensor | None = None
    """None until all steps are done."""
    shrinks: int = 0


class Denoiser:
    """A pipeline on its device; texts that were read before are not read again."""

    def __init__(
        self, pipe: Pipeline, choice: Choice, savings: MemorySavings, source: PipelineSource
    ) -> None:
        self.pipe = pipe
        self.choice = choice
        self._savings = savings
        self._source = source
        self._loras = Loras(pipe)
        self._scheduler = dict(pipe.scheduler.config)
        self._texts: OrderedDict[tuple[str, str, bool], Texts] = OrderedDict()
        self._from_picture: Pipeline | None = None
        self._check: Callable[[], None] = _never
        make_interruptible(pipe, lambda: self._check())

    def generate(
        self,
        parameters: GenerationParameters,
        seed: int,
        watcher: Watcher,
        previewer: Previewer | None,
    ) -> GeneratedImage:
        """Generate one picture; OutOfMemoryError comes after the last memory fallback.

        What `watcher.check` raises stops the work before the next block of the network.
        """
        self._check = watcher.check
        try:
            if self._loras.use(parameters.loras):
                self._texts.clear()
            return self._generate(parameters, seed, watcher, previewer)
        finally:
            self._check = _never

    def _generate(
        self,
        parameters: GenerationParameters,
        seed: int,
        watcher: Watcher,
        previewer: Previewer | None,
    ) -> GeneratedImage:
        start, warnings = time.perf_counter(), self._warnings(parameters)
        draft = _Draft(parameters=parameters, seed=seed)
        while True:
            trouble = ""
            try:
                if draft.latents is None:
                    draft.latents = self._denoise(draft, watcher, previewer)
                watcher.decoding()
                watcher.check()
                pixels, check = self._decode(draft.latents, warnings)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                trouble = str(error).strip().split("\n")[0] or "there was not enough memory"
            # Out of the handler, whose traceback holds on to the tensors.
            free_cache(self.choice.device)
            watcher.fall_back(self._fall_back(draft, trouble), trouble)
        fallbacks = [*self._savings.taken]
        if draft.parameters != parameters:
            fallbacks.append(_size_words(draft.parameters))
        return GeneratedImage(
            pixels=pixels,
            check=check,
            parameters=draft.parameters,
            seed=seed,
            device=self.choice.device,
            dtype=self.choice.dtype,
            seconds=time.perf_counter() - start,
            memory_fallbacks=tuple(fallbacks),
            warnings=tuple(warnings),
        )

    def _fall_back(self, draft: _Draft, trouble: str) -> str:
        """Give up something, at last half the picture's area, and return what."""
        what = self._savings.save(is_decoding=draft.latents is not None)
        if what is not None:
            return what
        size = smaller(draft.parameters, self._source.multiple, self._source.smallest)
        if size is None or draft.shrinks == MAX_SHRINKS:
            raise OutOfMemoryError(
                f"there is not enough memory to paint even {draft.parameters.width} x "
                f"{draft.parameters.height} pixels: {trouble}",
                hint=_HINT,
            )
        draft.parameters, draft.latents, draft.shrinks = size, None, draft.shrinks + 1
        return _size_words(size)

    @torch.inference_mode()
    def _denoise(
        self, draft: _Draft, watcher: Watcher, previewer: Previewer | None
    ) -> torch.Tensor:
        asked = draft.parameters
        texts, negative = self._read(asked.prompt, asked.negative, guided=asked.guidance > 1)
        pipe: Pipeline = self.pipe
        where: dict[str, Any] = {"width": asked.width, "height": asked.height}
        if asked.start_picture is not None:
            pipe = self._image_to_image()
            image = _start_picture(asked.start_picture, asked.width, asked.height)
            where = {"image": image, "strength": asked.strength}
        pipe.scheduler = make_scheduler(asked.scheduler, self._scheduler)
        steps = Steps(watcher, Foresight(pipe.scheduler) if previewer else None, previewer)
        output = pipe(
            prompt_embeds=texts,
            negative_prompt_embeds=negative,
            num_inference_steps=asked.steps,
            guidance_scale=asked.guidance,
            # Noise from the CPU's generator is the same on every device.
            generator=torch.Generator().manual_seed(draft.seed),
            output_type="latent",
            callback_on_step_end=steps.done,
            **where,
        )
        latents: torch.Tensor = output.images
        return latents

    @torch.inference_mode()
    def _decode(
        self, latents: torch.Tensor, warnings: list[str]
    ) -> tuple[NDArray[np.uint8], OutputCheck]:
        """Return the picture and what was found in it."""
        if not torch.isfinite(latents).all():
            return _nothing(latents, self.pipe.vae_scale_factor), OutputCheck.NOT_FINITE
        picture = self._picture(latents)
        if not torch.isfinite(picture).all() and self.pipe.vae.dtype != torch.float32:
            # Some models' decoders overflow in half precision.
            dtype = self.pipe.vae.dtype
            self.pipe.vae.to(torch.float32)
            picture = self._picture(latents)
            self.pipe.vae.to(dtype)
            warnings.append("the picture was decoded in fp32, where half precision overflowed")
        if not torch.isfinite(picture).all():
            return _nothing(latents, self.pipe.vae_scale_factor), OutputCheck.NOT_FINITE
        blocked = self._is_blocked(picture)
        values = (picture[0].float() / 2 + 0.5).clamp(0, 1) * 255
        pixels = values.round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
        if blocked:
            return np.zeros_like(pixels), OutputCheck.BLOCKED
        is_black = int(pixels.max()) <= _BLACK_LEVEL
        return pixels, OutputCheck.BLACK if is_black else OutputCheck.FINE

    def _picture(self, latents: torch.Tensor) -> torch.Tensor:
        vae = self.pipe.vae
        scaled = latents.to(vae.dtype) / vae.config.scaling_factor
        decoded: torch.Tensor = vae.decode(scaled, return_dict=False)[0]
        return decoded

    def _is_blocked(self, picture: torch.Tensor) -> bool:
        if self.pipe.safety_checker is None:
            return False
        device, dtype = self.pipe._execution_device, self.pipe.unet.dtype
        found = self.pipe.run_safety_checker(picture.clone(), device, dtype)[1]
        return bool(found is not None and any(found))

    def _read(self, prompt: str, negative: str, *, guided: bool) -> Texts:
        """Return the embeddings of the texts, from before where they were read already."""
        prompt, negative = fold_widths(prompt), fold_widths(negative)
        key = (prompt, negative if guided else "", guided)
        if key not in self._texts:
            pipe = self.pipe
            self._texts[key] = pipe.encode_prompt(
                prompt, pipe._execution_device, 1, guided, negative
            )
            if len(self._texts) > _MOST_TEXTS:
                self._texts.popitem(last=False)
        self._texts.move_to_end(key)
        return self._texts[key]

    def _warnings(self, parameters: GenerationParameters) -> list[str]:
        warnings = self._loras.warnings
        for name, text in (
            ("prompt", parameters.prompt),
            ("negative prompt", parameters.negative),
        ):
            text = fold_widths(text)
            read = self.pipe.tokenizer(
                text, truncation=False, verbose=False, return_offsets_mapping=True
            )
            limit = int(self.pipe.tokenizer.model_max_length)
            if len(read.input_ids) > limit:
                lost = text[read.offset_mapping[limit - 1][0] :].strip()
                warnings.append(
                    f"the {name} is too long for the text tower, which did not read: {lost}"
                )
        return warnings

    def _image_to_image(self) -> Pipeline:
        if self._from_picture is None:
            parts: dict[str, Any] = dict(self.pipe.components)
            kind: Pipeline = StableDiffusionImg2ImgPipeline
            self._from_picture = kind(**parts, requires_safety_checker=False)
            self._from_picture.set_progress_bar_config(disable=True)
        return self._from_picture


def _start_picture(path: Path, width: int, height: int) -> Image.Image:
    """Return the picture in `path`, filling the size without changing its shape."""
    try:
        with path.open("rb") as file:
            enough = max(width, height)
            decoded = picture_files.decode(file, max_pixels=_MAX_PIXELS, enough=enough)
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error}") from error
    except PictureError as error:
        raise PictureError(f"{path} cannot be read: {error.message}") from error
    return ImageOps.fit(decoded.image, (width, height), Image.Resampling.LANCZOS)


def _nothing(latents: torch.Tensor, factor: int) -> NDArray[np.uint8]:
    height, width = latents.shape[2:]
    return np.zeros((height * factor, width * factor, 3), np.uint8)


def _never() -> None:
    return None
