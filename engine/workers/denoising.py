"""What happens at the end of every denoising step: news, previews, and a stop where one is due."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline
from numpy.typing import NDArray
from PIL import Image, ImageOps

from engine.errors import OutOfMemoryError, PictureError
from engine.states import OutputCheck
from engine.workers import decoder as picture_files
from engine.workers.device import Choice, free_cache, is_out_of_memory
from engine.workers.pipelines import LoraFile, Loras, Pipeline, make_interruptible
from engine.workers.previews import Previewer
from engine.workers.schedulers import Glimpse, make_scheduler

Tensors: TypeAlias = dict[str, Any]

_RECENT = 8


class Watcher(Protocol):
    """Is told how a picture gets on; `check` raises to stop it."""

    def check(self) -> None: ...
    def step(self, step: int, total: int, seconds_a_step: float) -> None: ...
    def decoding(self) -> None: ...
    def stepped_down(self, what: str, why: str) -> None: ...


class Steps:
    """Counts the steps of one run and measures their time."""

    def __init__(
        self, watcher: Watcher, glimpse: Glimpse | None, previewer: Previewer | None
    ) -> None:
        self._watcher = watcher
        self._glimpse = glimpse
        self._previewer = previewer
        self._times = deque([time.perf_counter()], maxlen=_RECENT)

    def done(self, pipe: Pipeline, index: int, timestep: object, tensors: Tensors) -> Tensors:
        """Take note of a step, as diffusers' `callback_on_step_end`."""
        self._watcher.check()
        self._times.append(time.perf_counter())
        pace = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        self._watcher.step(index + 1, pipe.num_timesteps, pace)
        if self._previewer and self._glimpse and self._glimpse.latents is not None:
            self._previewer.offer(self._glimpse.latents)
        return {}


PAINTING = "painting"
DECODING = "decoding"

SHRINK = math.sqrt(0.5)
MAX_SHRINKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Pixels of a picture."""

    width: int
    height: int

    @property
    def words(self) -> str:
        """What is told of a picture that was made this small."""
        return f"a smaller picture: {self.width} x {self.height}"

    def smaller(self, multiple: int, smallest: int) -> "Size | None":
        """Return half the area in the same shape, in multiples; None below `smallest`."""
        width = _rounded(self.width * SHRINK, multiple)
        height = _rounded(self.height * SHRINK, multiple)
        if min(width, height) < smallest or (width, height) == (self.width, self.height):
            return None
        return Size(width=width, height=height)


class Ladder:
    """Steps down for one pipeline; what costs only time is kept for the pictures that follow."""

    def __init__(self, pipe: Pipeline, device: str) -> None:
        self._pipe = pipe
        self._device = device
        self.taken: list[str] = []
        """The steps in force, in the words for people."""

    def step_down(self, phase: str) -> str | None:
        """Give up some speed for memory in `phase`; return what, or None at the foot."""
        if phase == PAINTING and self._take("attention in slices"):
            self._pipe.enable_attention_slicing("auto")
        elif phase == DECODING and self._take("the picture decoded in tiles"):
            self._pipe.vae.enable_tiling()
        elif self._device == "cuda" and self._take("models kept in the machine's memory"):
            self._pipe.enable_model_cpu_offload()
        else:
            return None
        return self.taken[-1]

    def offload(self) -> str | None:
        """Leave the models in the machine's memory, for a pipeline that does not fit the GPU."""
        if self._device != "cuda" or not self._take("models kept in the machine's memory"):
            return None
        self._pipe.enable_model_cpu_offload()
        return self.taken[-1]

    def _take(self, what: str) -> bool:
        if what in self.taken:
            return False
        self.taken.append(what)
        return True


def _rounded(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


Texts: TypeAlias = "tuple[torch.Tensor, torch.Tensor | None]"
"""Embeddings of the prompt and of the negative prompt; the latter None without guidance."""

_KEPT_TEXTS = 16
_MAX_PIXELS = 200_000_000
_BLACK_LEVEL = 3
_HINT = "Paint a smaller picture, close other programs, or take a smaller model."


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One picture to paint; all values are checked and settled."""

    prompt: str
    negative: str
    seed: int
    steps: int
    guidance: float
    size: Size
    scheduler: str
    loras: tuple[LoraFile, ...]
    start: Path | None
    strength: float
    multiple: int
    """Pixels that a smaller picture's sides are multiples of."""
    smallest: int


@dataclass(slots=True, kw_only=True, eq=False)
class Result:
    """A painted picture and how it came about."""

    pixels: NDArray[np.uint8]
    verdict: OutputCheck
    seconds: float
    size: Size
    steps_down: list[str]
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class _Draft:
    """How far a picture is."""

    size: Size
    latents: torch.Tensor | None = None
    """None until all steps are done."""
    shrinks: int = 0


class Painter:
    """A pipeline on its device; texts that were read before are not read again."""

    def __init__(self, pipe: Pipeline, choice: Choice, ladder: Ladder) -> None:
        self.pipe = pipe
        self.choice = choice
        self._ladder = ladder
        self._loras = Loras(pipe)
        self._scheduler = dict(pipe.scheduler.config)
        self._texts: OrderedDict[tuple[str, str, bool], Texts] = OrderedDict()
        self._from_picture: Pipeline | None = None
        self._check: Callable[[], None] = _never
        make_interruptible(pipe, lambda: self._check())

    def paint(self, task: Task, watcher: Watcher, previewer: Previewer | None) -> Result:
        """Paint one picture; OutOfMemoryError comes after the last step down.

        What `watcher.check` raises stops the work before the next block of the network.
        """
        self._check = watcher.check
        try:
            if self._loras.use(task.loras):
                self._texts.clear()
            return self._paint(task, watcher, previewer)
        finally:
            self._check = _never

    def _paint(self, task: Task, watcher: Watcher, previewer: Previewer | None) -> Result:
        start, draft, notes = time.perf_counter(), _Draft(size=task.size), self._notes(task)
        while True:
            trouble = ""
            try:
                if draft.latents is None:
                    draft.latents = self._denoise(task, draft.size, watcher, previewer)
                watcher.decoding()
                watcher.check()
                pixels, verdict = self._decode(draft.latents, notes)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                trouble = str(error).strip().split("\n")[0] or "there was not enough memory"
            # Out of the handler, whose traceback holds on to the tensors.
            free_cache(self.choice.device)
            watcher.stepped_down(self._step_down(task, draft, trouble), trouble)
        down = [*self._ladder.taken]
        if draft.size != task.size:
            down.append(draft.size.words)
        return Result(
            pixels=pixels,
            verdict=verdict,
            seconds=time.perf_counter() - start,
            size=draft.size,
            steps_down=down,
            notes=notes,
        )

    def _step_down(self, task: Task, draft: "_Draft", trouble: str) -> str:
        """Give up something, at last half the picture's area, and return what."""
        what = self._ladder.step_down(PAINTING if draft.latents is None else DECODING)
        if what is not None:
            return what
        smaller = draft.size.smaller(task.multiple, task.smallest)
        if smaller is None or draft.shrinks == MAX_SHRINKS:
            raise OutOfMemoryError(
                f"there is not enough memory to paint even {draft.size.width} x "
                f"{draft.size.height} pixels: {trouble}",
                hint=_HINT,
            )
        draft.size, draft.latents, draft.shrinks = smaller, None, draft.shrinks + 1
        return smaller.words

    @torch.inference_mode()
    def _denoise(
        self, task: Task, size: Size, watcher: Watcher, previewer: Previewer | None
    ) -> torch.Tensor:
        texts, negative = self._read(task.prompt, task.negative, guided=task.guidance > 1)
        pipe: Pipeline = self.pipe
        where: dict[str, Any] = {"width": size.width, "height": size.height}
        if task.start is not None:
            pipe = self._image_to_image()
            where = {"image": _start_picture(task.start, size), "strength": task.strength}
        pipe.scheduler = make_scheduler(task.scheduler, self._scheduler)
        steps = Steps(watcher, Glimpse(pipe.scheduler) if previewer else None, previewer)
        output = pipe(
            prompt_embeds=texts,
            negative_prompt_embeds=negative,
            num_inference_steps=task.steps,
            guidance_scale=task.guidance,
            # Noise from the CPU's generator is the same on every device.
            generator=torch.Generator().manual_seed(task.seed),
            output_type="latent",
            callback_on_step_end=steps.done,
            **where,
        )
        latents: torch.Tensor = output.images
        return latents

    @torch.inference_mode()
    def _decode(
        self, latents: torch.Tensor, notes: list[str]
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
            notes.append("the picture was decoded in fp32, where half precision overflowed")
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
        key = (prompt, negative if guided else "", guided)
        if key not in self._texts:
            pipe = self.pipe
            self._texts[key] = pipe.encode_prompt(
                prompt, pipe._execution_device, 1, guided, negative
            )
            if len(self._texts) > _KEPT_TEXTS:
                self._texts.popitem(last=False)
        self._texts.move_to_end(key)
        return self._texts[key]

    def _notes(self, task: Task) -> list[str]:
        notes = []
        for name, text in (("prompt", task.prompt), ("negative prompt", task.negative)):
            read = self.pipe.tokenizer(
                text, truncation=False, verbose=False, return_offsets_mapping=True
            )
            limit = int(self.pipe.tokenizer.model_max_length)
            if len(read.input_ids) > limit:
                lost = text[read.offset_mapping[limit - 1][0] :].strip()
                notes.append(
                    f"the {name} is too long for the text tower, which did not read: {lost}"
                )
        return notes

    def _image_to_image(self) -> Pipeline:
        if self._from_picture is None:
            parts: dict[str, Any] = dict(self.pipe.components)
            kind: Pipeline = StableDiffusionImg2ImgPipeline
            self._from_picture = kind(**parts, requires_safety_checker=False)
            self._from_picture.set_progress_bar_config(disable=True)
        return self._from_picture


def _start_picture(path: Path, size: Size) -> Image.Image:
    """Return the picture in `path`, filling `size` without changing its shape."""
    try:
        with path.open("rb") as file:
            enough = max(size.width, size.height)
            decoded = picture_files.decode(file, max_pixels=_MAX_PIXELS, enough=enough)
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error}") from error
    except PictureError as error:
        raise PictureError(f"{path} cannot be read: {error.message}") from error
    return ImageOps.fit(decoded.image, (size.width, size.height), Image.Resampling.LANCZOS)


def _nothing(latents: torch.Tensor, factor: int) -> NDArray[np.uint8]:
    height, width = latents.shape[2:]
    return np.zeros((height * factor, width * factor, 3), np.uint8)


def _never() -> None:
    return None
