"""From parameters to a picture: denoising, decoding, and less memory where it runs out."""

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import OutOfMemoryError
from engine.language import fold_widths
from engine.models.generator_messages import GeneratedImage
from engine.models.parameters import GenerationParameters, Texts
from engine.models.pipeline_classes import pipeline_class
from engine.states import OutputCheck
from engine.workers.device import Choice, free_cache, is_out_of_memory
from engine.workers.editing import Edit, read_edit, start_picture
from engine.workers.invocation import Invocation, network_of
from engine.workers.loras import Loras
from engine.workers.pipelines import Pipeline, PipelineSource, make_interruptible, with_same_parts
from engine.workers.previews import Previewer
from engine.workers.savings import (
    MAX_SHRINKS,
    Autoencoder,
    MemorySavings,
    autoencoder_of,
    smaller,
)
from engine.workers.stepping import RestoredSurroundings, Steps, make_scheduler
from engine.workers.text_memory import TextMemory

_BLACK_LEVEL = 3
_USUAL_LATENTS = 4
"""Channels, of Stable Diffusion's latents."""
_HINT = "Paint a smaller picture, close other programs, or take a smaller model."


class Watcher(Protocol):
    """Takes what a denoiser reports of a picture; `check` raises to stop it."""

    def check(self) -> None: ...
    def step(self, step: int, total: int, seconds_a_step: float) -> None: ...
    def decoding(self) -> None: ...
    def fall_back(self, what: str, why: str) -> None: ...


@dataclass(slots=True, kw_only=True, eq=False)
class _Draft:
    """How far a picture is."""

    parameters: GenerationParameters
    """At the size that is being tried."""
    seeds: tuple[int, ...]
    """Of the pictures that are painted together."""
    texts: tuple[Texts, ...] = ()
    """Of each of them, where they differ."""
    latents: torch.Tensor | None = None
    """None until all steps are done."""
    edit: Edit | None = None
    """The part of a picture that is painted; None where all of it is."""
    shrinks: int = 0


def _size_words(parameters: GenerationParameters) -> str:
    return f"a smaller picture: {parameters.width} x {parameters.height}"


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
        self._scheduler = pipe.scheduler
        self._texts = TextMemory(pipe)
        self._vae_dtype = autoencoder_of(pipe).dtype
        self._invocation = Invocation(pipe)
        self._others: dict[str, Pipeline] = {}
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
        return self.generate_batch(parameters, (seed,), watcher, previewer)[0]

    def generate_batch(
        self,
        parameters: GenerationParameters,
        seeds: Sequence[int],
        watcher: Watcher,
        previewer: Previewer | None,
        texts: Sequence[Texts] = (),
    ) -> list[GeneratedImage]:
        """Generate a picture of each seed, together where the pipeline and the memory allow it.

        Each has noise of its own, and where `texts` has those of each, texts; but sums over several
        pictures are rounded in another order, so that single pixels may come out a level from what
        they are alone.
        """
        each = [parameters.saying(own) for own in texts] or [parameters] * len(seeds)
        self._check = watcher.check
        try:
            if self._loras.use(parameters.loras):
                self._texts.clear()
            found = None
            if len(seeds) > 1 and parameters.start_picture is None and self._invocation.batches:
                found = self._together(each, tuple(seeds), watcher, previewer)
            if found is None:
                found = [
                    self._generate(own, seed, watcher, previewer)
                    for own, seed in zip(each, seeds, strict=True)
                ]
            return found
        finally:
            self._check = _never

    def _together(
        self,
        each: Sequence[GenerationParameters],
        seeds: tuple[int, ...],
        watcher: Watcher,
        previewer: Previewer | None,
    ) -> list[GeneratedImage] | None:
        """All pictures at once, decoded one by one; None where there is not enough memory."""
        start, warnings = time.perf_counter(), [*map(self._warnings, each)]
        texts = tuple(own.texts for own in each)
        trouble = ""
        try:
            differ = texts if len({*texts}) > 1 else ()
            draft = _Draft(parameters=each[0], seeds=seeds, texts=differ)
            latents = self._denoise(draft, watcher, previewer)
            watcher.decoding()
            found = []
            for one, its in zip(latents[:, None], warnings, strict=True):
                watcher.check()
                found.append(self._decode(one, its))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            trouble = str(error).strip().split("\n")[0] or "there was not enough memory"
        if trouble:
            free_cache(self.choice.device)
            watcher.fall_back("one picture at a time", trouble)
            return None
        seconds = (time.perf_counter() - start) / len(seeds)
        return [
            self._image(pixels, check, own, seed, seconds, its, self._savings.taken)
            for own, seed, its, (pixels, check) in zip(each, seeds, warnings, found, strict=True)
        ]

    def _generate(
        self,
        parameters: GenerationParameters,
        seed: int,
        watcher: Watcher,
        previewer: Previewer | None,
    ) -> GeneratedImage:
        start, warnings = time.perf_counter(), self._warnings(parameters)
        draft = _Draft(parameters=parameters, seeds=(seed,))
        while True:
            trouble = ""
            try:
                if draft.latents is None:
                    draft.latents = self._denoise(draft, watcher, previewer)
                watcher.decoding()
                watcher.check()
                found, check = self._decode(draft.latents, warnings)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                trouble = str(error).strip().split("\n")[0] or "there was not enough memory"
            # Out of the handler, whose traceback holds on to the tensors.
            free_cache(self.choice.device)
            watcher.fall_back(self._fall_back(draft, trouble), trouble)
        if draft.edit is not None and found is not None:
            found = draft.edit.put_back(found)
        fallbacks = [*self._savings.taken]
        if draft.parameters != parameters:
            fallbacks.append(_size_words(draft.parameters))
        seconds = time.perf_counter() - start
        return self._image(found, check, draft.parameters, seed, seconds, warnings, fallbacks)

    def _image(
        self,
        pixels: NDArray[np.uint8] | None,
        check: OutputCheck,
        parameters: GenerationParameters,
        seed: int,
        seconds: float,
        warnings: Sequence[str],
        fallbacks: Sequence[str],
    ) -> GeneratedImage:
        """A picture with what really made it; black where there is nothing to see."""
        blank = np.zeros((parameters.height, parameters.width, 3), np.uint8)
        return GeneratedImage(
            pixels=blank if pixels is None else pixels,
            check=check,
            parameters=parameters,
            seed=seed,
            device=self.choice.device,
            dtype=self.choice.dtype,
            seconds=seconds,
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
        """Return the latents as the autoencoder takes them."""
        asked = draft.parameters
        pipe, image, mask, surroundings = self.pipe, None, None, None
        if asked.is_inpainting:
            draft.edit = draft.edit or read_edit(asked)
            image, mask = draft.edit.inputs(asked.width, asked.height)
            if self._has_inpainting():
                pipe = self._paired("inpainting")
            else:
                pipe, surroundings = self._paired("image_to_image"), RestoredSurroundings(mask)
        elif asked.start_picture is not None:
            pipe = self._paired("image_to_image")
            image = start_picture(asked.start_picture, asked.width, asked.height)
        pipe.scheduler = make_scheduler(asked.scheduler, self._scheduler)
        if previewer is not None:
            previewer.begin(asked.width, asked.height)
        Steps(pipe, watcher, previewer, surroundings)
        # Noise from the CPU's generator is the same on every device.
        noise = [torch.Generator().manual_seed(seed) for seed in draft.seeds]
        fields = Invocation(pipe).fields(asked, noise, image, mask, draft.texts)
        try:
            with _undecoded(autoencoder_of(self.pipe)):
                pipe(**fields)
        except _Denoised as done:
            return done.latents
        finally:
            # The pipeline was left before it could do so itself.
            self.pipe.maybe_free_model_hooks()
        raise ValueError(f"a {type(pipe).__name__} hands nothing to its autoencoder")

    @torch.inference_mode()
    def _decode(
        self, latents: torch.Tensor, warnings: list[str]
    ) -> tuple[NDArray[np.uint8] | None, OutputCheck]:
        """Return the picture and what was found in it; None where there is nothing to see."""
        if not torch.isfinite(latents).all():
            return None, OutputCheck.NOT_FINITE
        vae = autoencoder_of(self.pipe)
        picture = _picture(vae, latents)
        if not torch.isfinite(picture).all() and vae.dtype != torch.float32:
            # Some models' decoders overflow in half precision.
            picture = _picture(vae.to(torch.float32), latents)
            warnings.append("the picture was decoded in fp32, where half precision overflowed")
        if vae.dtype != self._vae_dtype:
            # Pipelines that know of it have changed it before.
            vae.to(self._vae_dtype)
        if not torch.isfinite(picture).all():
            return None, OutputCheck.NOT_FINITE
        blocked = self._is_blocked(picture)
        values = (picture[0].float() / 2 + 0.5).clamp(0, 1) * 255
        pixels = values.round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
        if blocked:
            return np.zeros_like(pixels), OutputCheck.BLOCKED
        is_black = int(pixels.max()) <= _BLACK_LEVEL
        return pixels, OutputCheck.BLACK if is_black else OutputCheck.FINE

    def _is_blocked(self, picture: torch.Tensor) -> bool:
        if getattr(self.pipe, "safety_checker", None) is None:
            return False
        device, dtype = self.pipe._execution_device, self.pipe.unet.dtype
        found = self.pipe.run_safety_checker(picture.clone(), device, dtype)[1]
        return bool(found is not None and any(found))

    def _warnings(self, parameters: GenerationParameters) -> list[str]:
        warnings = [*self._loras.warnings, *self._invocation.warnings(parameters)]
        for name, text in (
            ("prompt", parameters.prompt),
            ("negative prompt", parameters.negative),
        ):
            lost = self._unread(fold_widths(text))
            if lost:
                warnings.append(
                    f"the {name} is too long for the text tower, which did not read: {lost}"
                )
        return warnings

    def _unread(self, text: str) -> str:
        """The end of a text that not even the tower for the longest texts reads; mostly nothing."""
        most = self._invocation.most_tokens
        limits = [
            (min(int(part.model_max_length), most), part)
            for part in self.pipe.components.values()
            if getattr(part, "is_fast", False)
        ]
        if not limits:
            return ""
        limit, tokenizer = max(limits, key=lambda each: each[0])
        read = tokenizer(text, truncation=False, verbose=False, return_offsets_mapping=True)
        if len(read.input_ids) <= limit:
            return ""
        return text[read.offset_mapping[limit - 1][0] :].strip()

    def _has_inpainting(self) -> bool:
        """Whether diffusers' inpainting pipeline takes the network: of UNets those of the usual."""
        kind, network = pipeline_class(type(self.pipe).__name__), network_of(self.pipe)
        is_usual = hasattr(self.pipe, "transformer") or network.config.in_channels == _USUAL_LATENTS
        return kind is not None and bool(kind.inpainting) and is_usual

    def _paired(self, task: str) -> Pipeline:
        """The pipeline that diffusers pairs with this one for a task, with the same parts."""
        if task not in self._others:
            kind = pipeline_class(type(self.pipe).__name__)
            self._others[task] = with_same_parts(self.pipe, getattr(kind, task, ""))
        return self._others[task]


class _Denoised(Exception):
    """Raised where a pipeline hands its latents to the autoencoder: decoding is done apart.

    There they are unpacked and scaled as the autoencoder takes them, whatever the pipeline.
    """

    def __init__(self, latents: torch.Tensor) -> None:
        super().__init__("denoised")
        self.latents = latents


@contextmanager
def _undecoded(vae: Autoencoder) -> Iterator[None]:
    """Have an autoencoder raise _Denoised in place of decoding."""

    def caught(latents: torch.Tensor, *_: object, **__: object) -> None:
        raise _Denoised(latents)

    before = vae.__dict__.get("decode")
    vae.decode = caught
    try:
        yield
    finally:
        del vae.decode
        if before is not None:
            vae.decode = before


def _picture(vae: Autoencoder, latents: torch.Tensor) -> torch.Tensor:
    """Return what latents decode to, [1, 3, height, width] in -1..1."""
    options: dict[str, Any] = {"return_dict": False}
    if "force_not_quantize" in inspect.signature(vae.decode).parameters:
        options["force_not_quantize"] = True
    decoded: torch.Tensor = vae.decode(latents.to(vae.dtype), **options)[0]
    # Autoencoders that were made for films have a picture as their first frame.
    return decoded[:, :, 0] if decoded.ndim == 5 else decoded


def _never() -> None:
    return None
