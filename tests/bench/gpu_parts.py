"""The parts of tests/bench/on_gpu.py: what each measures, through the program's own processes."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import psutil
from numpy.typing import NDArray

from engine.models.encoders import EncoderPool, Encoders
from engine.models.generators import Generators
from engine.models.parameters import GenerationParameters
from engine.models.quantized import measured
from engine.scoring.columns import Columns
from engine.scoring.matcher import read_matcher
from engine.search.acceleration import hold, measure
from engine.settings import EngineSettings
from engine.states import Device

Pipeline: TypeAlias = Any
CALL = 32
"""Pictures of a call, as an index makes them."""
TOWERS = {
    "ViT-B/32": {"patch": 32, "vision": (768, 12, 12), "text": (512, 12, 8), "dim": 512},
    "ViT-L/14": {"patch": 14, "vision": (1024, 24, 16), "text": (768, 12, 12), "dim": 768},
}
"""Patch, and width, layers and heads of the towers."""


class Say(Protocol):
    """Takes figures by name, as soon as they are known."""

    def __call__(self, **figures: object) -> None: ...


async def encoder(folder: Path, device: str, small: bool, say: Say) -> None:
    """Pictures a second through the encoder's process, and by bare transformers, in its format."""
    for name, sizes in TOWERS.items():
        place = folder / name.replace("/", "-")
        source = str(await asyncio.to_thread(save_encoder, place, sizes, small))
        settings = EngineSettings(home=folder / "home", device=device)
        encoders = Encoders(settings)
        began = time.perf_counter()
        loaded = await encoders.load(source)
        loading = time.perf_counter() - began
        size = (CALL, loaded.info.spec.height, loaded.info.spec.width, 3)
        pixels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        pool, calls = EncoderPool([encoders]), 2 if loaded.device == Device.CPU else 64
        await embed(pool, source, pixels, 2)
        began = time.perf_counter()
        await embed(pool, source, pixels, calls)
        pace = calls * CALL / (time.perf_counter() - began)
        await encoders.aclose()
        found = {
            "device": loaded.device,
            "dtype": loaded.dtype,
            "cosine_to_fp32": loaded.agreement,
            "seconds_to_load": round(loading, 1),
            "pictures_a_second": round(pace, 1),
        }
        say(**{name: found})
        if loaded.device == Device.CPU and name == next(iter(TOWERS)):
            int8 = await measured(settings, loaded.info, lambda stage: None)
            found |= {"int8_gain": round(int8.gain, 2), "int8_cosine": round(int8.agreement, 5)}
        how = loaded.device, loaded.dtype
        bare = await asyncio.to_thread(bare_pace, source, how, pixels, calls)
        say(**{name: {**found, "bare_pictures_a_second": round(bare, 1)}})


async def embed(pool: EncoderPool, source: str, pixels: NDArray[np.uint8], calls: int) -> None:
    """Embed the same pictures again and again, in as many calls at a time as an index makes."""
    gate = asyncio.Semaphore(pool.at_once)

    async def one() -> None:
        async with gate:
            await pool.embed_pixels(source, pixels)

    await asyncio.gather(*(one() for _ in range(calls)))


def save_encoder(folder: Path, sizes: dict[str, Any], small: bool) -> Path:
    """Save a CLIP of random weights with the sizes of a real one, or small ones of its shape."""
    from tests.tiny_models import save_clip_of

    def tower(width: int, layers: int, heads: int) -> dict[str, int]:
        if small:
            width, layers, heads = width // 8, 2, 4
        return {
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
        }

    return save_clip_of(
        folder,
        text=tower(*sizes["text"]),
        vision=tower(*sizes["vision"]),
        patch_size=sizes["patch"],
        image_size=sizes["patch"] * 2 if small else 224,
        dim=sizes["dim"],
    )


def bare_pace(source: str, how: tuple[str, str], pixels: NDArray[np.uint8], calls: int) -> float:
    """Pictures a second of transformers alone, whose pictures lie on the device already.

    `how` is the device and the number format.
    """
    import torch
    from transformers.models.clip.modeling_clip import CLIPModel

    from engine.workers.device import DTYPES

    kind: Any = CLIPModel
    device, dtype = how[0], DTYPES[how[1]]
    model = kind.from_pretrained(source, dtype=dtype).to(device).eval()
    values = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).to(dtype) / 128 - 1
    with torch.inference_mode():
        for _ in range(2):
            model.get_image_features(values)
        _finish(device)
        began = time.perf_counter()
        for _ in range(calls):
            model.get_image_features(values)
        _finish(device)
    return calls * CALL / (time.perf_counter() - began)


async def matcher(folder: Path, device: str, small: bool, say: Say) -> None:
    """A matcher of 256 hidden units over a library: handing over, both ways, and how they agree."""
    from tests.bench.vectors import random_unit
    from tests.engine.matchers import random_matcher
    from tests.tiny_models import save_tiny_clip

    count, dim = (20_000 if small else 1_000_000), 512
    settings = EngineSettings(home=folder / "home", device=device)
    encoders, source = Encoders(settings), str(save_tiny_clip(folder / "clip"))
    await encoders.load(source)
    process = encoders.resident(source)
    assert process is not None
    rows = random_unit(count, 1)
    columns = Columns.of(rows.T)
    del rows
    began = time.perf_counter()
    held = await hold(process, columns, settings.home)
    handing = time.perf_counter() - began
    found = await measure(
        process, columns, read_matcher(random_matcher("e", dim, hidden=256), "e"), *held
    )
    await encoders.aclose()
    say(
        pictures=count,
        device=found.device,
        dtype=found.dtype,
        seconds_to_hand_over=round(handing, 2),
        times_as_fast_as_numpy=round(found.gain, 2),
        milliseconds=round(1000 * found.seconds, 1),
        error_in_standard_deviations=found.error,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Painting:
    """Sizes of what is painted."""

    side: int
    steps: int
    rounds: int

    @classmethod
    def of(cls, small: bool) -> Painting:
        return cls(side=64, steps=2, rounds=1) if small else cls(side=512, steps=20, rounds=3)

    def parameters(self, model_id: str) -> GenerationParameters:
        return GenerationParameters(
            model_id=model_id,
            prompt="a red horse",
            negative="",
            steps=self.steps,
            guidance=7.5,
            width=self.side,
            height=self.side,
            scheduler="dpm++",
            loras=(),
            start_picture=None,
            strength=0.5,
        )


async def generate(folder: Path, device: str, small: bool, say: Say) -> None:
    """Stable Diffusion 1.5's sizes at 512 px: steps a second in its process, and bare."""
    task = Painting.of(small)
    source = await asyncio.to_thread(save_pipeline, folder / "pipeline", device, small)
    settings = EngineSettings(home=folder / "home", generator=str(source), device=device)
    generators = Generators(settings)
    began = time.perf_counter()
    loaded = await generators.load(str(source))
    loading = time.perf_counter() - began
    parameters = task.parameters(loaded.info.id)

    async def ours() -> None:
        image = await generators.generate(str(source), parameters, 0)
        assert not image.memory_fallbacks, image.memory_fallbacks

    found = {"device": loaded.device, "dtype": loaded.dtype, "seconds_to_load": round(loading, 1)}
    pace = await shortest(ours, task.rounds)
    await generators.aclose()
    say(**found, steps_a_second=round(task.steps / pace, 2))
    pipe = await asyncio.to_thread(load_bare, source, loaded.device, loaded.dtype)

    async def bare() -> None:
        await asyncio.to_thread(paint_bare, pipe, task, loaded.device)

    floor = await shortest(bare, task.rounds)
    say(bare_steps_a_second=round(task.steps / floor, 2), times_bare=round(pace / floor, 3))


async def memory(folder: Path, device: str, small: bool, say: Say) -> None:
    """Peak memory and steps a second as it is, and after each memory fallback, in their order."""
    await asyncio.to_thread(_memory, device, small, say)


def _memory(device: str, small: bool, say: Say) -> None:
    from engine.workers.denoising import Denoiser
    from engine.workers.device import DTYPES, choose
    from engine.workers.pipelines import PipelineSource
    from engine.workers.savings import MAX_SHRINKS, MemorySavings, smaller

    choice = choose(device, "auto")
    if choice.device == Device.CPU:
        choice = replace(choice, dtype="fp32")
    pipe = full_size(choice.device, small).to(choice.device, DTYPES[choice.dtype])
    savings, task = MemorySavings(pipe, choice.device), Painting.of(small)
    source = PipelineSource(
        id="bench", path=Path(), config=Path(), pipeline="StableDiffusionPipeline",
        variant="", parts={}, multiple=8, smallest=16 if small else 64,
    )  # fmt: skip
    denoiser, parameters = Denoiser(pipe, choice, savings, source), task.parameters("bench")

    def measure_step(what: str) -> dict[str, object]:
        with peak_of(choice.device) as peak:
            began = time.perf_counter()
            denoiser.generate(parameters, 0, Silent(), None)
            took = time.perf_counter() - began
        found = {"what": what, "peak_gb": round(peak[0] / 1e9, 3)}
        return {**found, "steps_a_second": round(task.steps / took, 2)}

    denoiser.generate(parameters, 0, Silent(), None)
    ladder = [measure_step("as it is")]
    say(ladder=ladder)
    for is_decoding in (False, True, False):
        if (what := savings.save(is_decoding=is_decoding)) is not None:
            ladder.append(measure_step(what))
            say(ladder=ladder)
    for _ in range(1 if small else MAX_SHRINKS):
        shrunk = smaller(parameters, source.multiple, source.smallest)
        if shrunk is None:
            break
        parameters = shrunk
        ladder.append(measure_step(f"{parameters.width} x {parameters.height}"))
        say(ladder=ladder)


class Silent:
    """Takes news and does nothing with it."""

    def check(self) -> None: ...
    def step(self, step: int, total: int, seconds_a_step: float) -> None: ...
    def decoding(self) -> None: ...
    def fall_back(self, what: str, why: str) -> None: ...


@contextmanager
def peak_of(device: str) -> Iterator[list[float]]:
    """The most bytes in use in the block: of the GPU, or of this process, looked at often."""
    import torch

    gc.collect()
    peak = [0.0]
    if device == Device.CUDA:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        yield peak
        torch.cuda.synchronize()
        peak[0] = float(torch.cuda.max_memory_allocated())
        return
    over, process = threading.Event(), psutil.Process()

    def look() -> None:
        while not over.wait(0.01):
            peak[0] = max(peak[0], process.memory_info().rss)

    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield peak
    finally:
        over.set()
        watch.join()


async def shortest(work: Callable[[], Awaitable[None]], rounds: int) -> float:
    """Seconds of the shortest of some rounds, after one that warms up."""
    await work()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        found.append(time.perf_counter() - began)
    return min(found)


def full_size(device: str, small: bool) -> Pipeline:
    """A pipeline of Stable Diffusion 1.5's sizes with random weights, made on the device."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel

    from tests import tiny_diffusion

    if small:
        return tiny_diffusion.tiny_pipeline()
    unet: dict[str, Any] = {
        **tiny_diffusion.UNET,
        "sample_size": 64,
        "layers_per_block": 2,
        "block_out_channels": (320, 640, 1280, 1280),
        "norm_num_groups": 32,
        "cross_attention_dim": 768,
    }
    vae: dict[str, Any] = {
        **tiny_diffusion.VAE,
        "sample_size": 512,
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "block_out_channels": (128, 256, 512, 512),
    }
    pipe = tiny_diffusion.tiny_pipeline(text_width=768)
    unet_kind: Pipeline = UNet2DConditionModel
    vae_kind: Pipeline = AutoencoderKL
    with torch.device(device):
        parts = {**pipe.components, "unet": unet_kind(**unet), "vae": vae_kind(**vae)}
    full = type(pipe)(**parts, requires_safety_checker=False)
    full.set_progress_bar_config(disable=True)
    return full


def save_pipeline(folder: Path, device: str, small: bool) -> Path:
    """Save such a pipeline as a diffusers folder: in bf16, as large models come."""
    import torch

    from engine.workers.device import choose

    pipe = full_size(choose(device, "auto").device, small)
    pipe = pipe.to("cpu") if small else pipe.to("cpu", torch.bfloat16)
    pipe.save_pretrained(folder)
    del pipe
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return folder


def load_bare(source: Path, device: str, dtype: str) -> Pipeline:
    """The same pipeline by diffusers alone, in the number format that the process took."""
    from diffusers import StableDiffusionPipeline

    from engine.workers.device import DTYPES
    from engine.workers.stepping import make_scheduler

    kind: Pipeline = StableDiffusionPipeline
    parts = {"safety_checker": None, "feature_extractor": None}
    pipe = kind.from_pretrained(source, **parts, torch_dtype=DTYPES[dtype], local_files_only=True)
    pipe.scheduler = make_scheduler("dpm++", pipe.scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)


def paint_bare(pipe: Pipeline, task: Painting, device: str) -> None:
    """Paint a picture with diffusers alone."""
    import torch

    pipe(
        "a red horse",
        num_inference_steps=task.steps,
        guidance_scale=7.5,
        width=task.side,
        height=task.side,
        generator=torch.Generator().manual_seed(0),
    )
    _finish(device)


def _finish(device: str) -> None:
    """Wait for what the GPU was told to do."""
    import torch

    if device == Device.CUDA:
        torch.cuda.synchronize()


PARTS = {"encoder": encoder, "matcher": matcher, "generate": generate, "memory": memory}
