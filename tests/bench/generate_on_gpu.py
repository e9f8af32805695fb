"""Stable Diffusion 1.5's sizes on a GPU, random weights: speed, and memory after each saving."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Pipeline: TypeAlias = Any

SIDE = 512
STEPS = 20


def measure_gpu() -> None:
    """Print steps a second in bf16 against bare diffusers, and the peak memory by saving."""
    import torch

    if not torch.cuda.is_available():
        print("no GPU: the measurements at Stable Diffusion 1.5's size are left out")
        return
    from engine.workers.denoising import Denoiser
    from engine.workers.device import Choice
    from engine.workers.pipelines import PipelineSource
    from engine.workers.savings import MemorySavings

    pipe = full_size().to("cuda", torch.bfloat16)
    bare_pace = pace(lambda: paint_bare(pipe))
    savings = MemorySavings(pipe, "cuda")
    name = torch.cuda.get_device_name()
    source = PipelineSource(
        id="bench",
        path=Path(),
        config=Path(),
        pipeline="StableDiffusionPipeline",
        variant="",
        parts={},
        multiple=8,
        smallest=64,
    )
    choice = Choice(device="cuda", dtype="bf16", name=name)
    denoiser = Denoiser(pipe, choice, savings, source)
    ours = pace(lambda: generate(denoiser))
    print(
        f"{name}, {SIDE} px, bf16: bare diffusers {bare_pace:.1f} steps/s, here {ours:.1f} steps/s"
    )
    print(f"{bare_pace / ours:.3f} of bare (goal 1.03)")
    for is_decoding in (None, False, True, False):
        what = "as it is" if is_decoding is None else savings.save(is_decoding=is_decoding)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        found = pace(lambda: generate(denoiser))
        peak = torch.cuda.max_memory_allocated() / 1e9
        print(f"  {what:40} {peak:6.2f} GB at the peak, {found:6.1f} steps/s")


def full_size() -> Pipeline:
    """Return a pipeline of Stable Diffusion 1.5's sizes with random weights."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel

    from tests import tiny_diffusion

    sizes: dict[str, Any] = {
        **tiny_diffusion.UNET,
        "sample_size": 64,
        "layers_per_block": 2,
        "block_out_channels": (320, 640, 1280, 1280),
        "norm_num_groups": 32,
        "cross_attention_dim": 768,
    }
    vae: dict[str, Any] = {
        **tiny_diffusion.VAE,
        "sample_size": SIDE,
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "block_out_channels": (128, 256, 512, 512),
    }
    pipe = tiny_diffusion.tiny_pipeline(text_width=768)
    torch.manual_seed(0)
    unet_kind: Pipeline = UNet2DConditionModel
    vae_kind: Pipeline = AutoencoderKL
    with torch.device("cuda"):
        parts = {**pipe.components, "unet": unet_kind(**sizes), "vae": vae_kind(**vae)}
    full = type(pipe)(**parts, requires_safety_checker=False)
    full.set_progress_bar_config(disable=True)
    return full


def paint_bare(pipe: Pipeline) -> None:
    """Paint with diffusers alone, with the same scheduler."""
    import torch

    from engine.workers.stepping import make_scheduler

    pipe.scheduler = make_scheduler("dpm++", pipe.scheduler)
    pipe(
        "a red horse",
        num_inference_steps=STEPS,
        width=SIDE,
        height=SIDE,
        generator=torch.Generator().manual_seed(0),
    )


def generate(denoiser: Any) -> None:  # noqa: ANN401
    """Generate as the generator's process does."""
    from engine.models.parameters import GenerationParameters

    parameters = GenerationParameters(
        model_id="bench",
        prompt="a red horse",
        negative="",
        steps=STEPS,
        guidance=7.5,
        width=SIDE,
        height=SIDE,
        scheduler="dpm++",
        loras=(),
        start_picture=None,
        strength=0.5,
    )
    denoiser.generate(parameters, 0, Silent(), None)


class Silent:
    """Takes news and does nothing with it."""

    def check(self) -> None: ...
    def step(self, step: int, total: int, seconds_a_step: float) -> None: ...
    def decoding(self) -> None: ...
    def fall_back(self, what: str, why: str) -> None: ...


def pace(work: Callable[[], None]) -> float:
    """Return steps a second, the best of three after one to warm up."""
    import torch

    work()
    seconds = []
    for _ in range(3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return STEPS / min(seconds)
