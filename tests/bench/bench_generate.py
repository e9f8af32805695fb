"""What painting in a process of its own costs over bare diffusers, and how soon a cancel works.

`python -m tests.bench.bench_generate [FOLDER]`; without a folder, a small pipeline of random
weights. With a GPU, also Stable Diffusion 1.5's sizes with random weights, and each step down.
"""

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from engine.events import GenerationProgress, JobEvent
from engine.generation.request import GenerateRequest
from engine.models.generator_info import GeneratorInfo
from engine.models.generators import Generators
from engine.settings import EngineSettings
from engine.states import GenerationPhase
from tests.bench.bench_encoder import Stalls
from tests.engine.generation.pipelines.asking import generate, phase_of

Pipeline: TypeAlias = Any

ROUNDS = 7
STEPS = 20
CANCELS = 5


def main() -> None:
    """Measure the model named on the command line, or a small one."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if len(sys.argv) > 1:
            source = Path(sys.argv[1])
        else:
            from tests.tiny_diffusion import save_tiny_diffusion

            source = save_tiny_diffusion(home / "tiny")
        asyncio.run(measure(str(source), home))
    from tests.bench.generate_on_gpu import measure_gpu

    measure_gpu()


async def measure(source: str, home: Path) -> None:
    """Print the figures of one generator."""
    # Both sides on the CPU, in the same number format, whatever the weights were saved in.
    settings = EngineSettings(home=home, generator=source, device="cpu", dtype="fp32")
    generators = Generators(settings)
    info = await generators.describe(source)
    request = GenerateRequest(prompt="a red horse in the snow", steps=STEPS)
    loading = Stalls()
    start = time.perf_counter()
    await loading.during(generate(generators, request, 0))
    print(f"{info.id}: first picture after {time.perf_counter() - start:.2f} s")
    print(f"loop stall, loading: {loading}")
    await compare(generators, request, info)
    painting = Stalls()
    await painting.during(generate(generators, replace(request, steps=5 * STEPS), 0))
    print(f"loop stall, painting with previews (goal p99 10 ms): {painting}")
    await cancels(generators, request)
    await generators.aclose()


async def compare(generators: Generators, request: GenerateRequest, info: GeneratorInfo) -> None:
    """Time pictures in turns, so that a busy machine is busy for all alike."""
    bare = await asyncio.to_thread(bare_pipeline, info)
    times: dict[str, list[float]] = {"bare diffusers": [], "no preview": [], "linear preview": []}
    for seed in range(ROUNDS):
        times["bare diffusers"].append(await asyncio.to_thread(timed, bare, seed, info))
        for name, preview in (("no preview", False), ("linear preview", True)):
            start = time.perf_counter()
            await generate(generators, replace(request, preview=preview), seed)
            times[name].append(time.perf_counter() - start)
    floor = min(times["bare diffusers"])
    for name, seconds in times.items():
        best = min(seconds)
        goal = "" if name == "bare diffusers" else " (goal 1.03)"
        print(
            f"{name:15} {best:.3f} s a picture of {STEPS} steps, {best / floor:.3f} of bare{goal}"
        )


async def cancels(generators: Generators, request: GenerateRequest) -> None:
    """Print how long a cancel takes to free the caller, and until the process is idle."""
    freed, idle = [], []
    for seed in range(CANCELS):
        stepping = asyncio.Event()

        def listen(event: JobEvent, stepping: asyncio.Event = stepping) -> None:
            is_step = phase_of(event) is GenerationPhase.STEP
            if is_step and isinstance(event, GenerationProgress) and event.done == 3:
                stepping.set()

        task = asyncio.create_task(generate(generators, replace(request, steps=500), seed, listen))
        await stepping.wait()
        start = time.perf_counter()
        task.cancel()
        await asyncio.wait([task])
        freed.append(time.perf_counter() - start)
        # The next call is answered when the one before it has stopped.
        await generators.load(generators.configured)
        idle.append(time.perf_counter() - start)
    print(f"cancel to a free caller: {np.median(freed) * 1e3:.1f} ms")
    print(f"cancel to an idle process: {np.median(idle) * 1e3:.1f} ms")


def bare_pipeline(info: GeneratorInfo) -> Pipeline:
    """Load the same pipeline with diffusers alone, and the same scheduler."""
    import torch
    from diffusers import StableDiffusionPipeline

    from engine.workers.stepping import make_scheduler

    kind: Pipeline = StableDiffusionPipeline
    parts = {"safety_checker": None, "feature_extractor": None}
    pipe = kind.from_pretrained(
        info.path, **parts, torch_dtype=torch.float32, local_files_only=True
    )
    pipe.scheduler = make_scheduler(info.defaults.scheduler, pipe.scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def timed(pipe: Pipeline, seed: int, info: GeneratorInfo) -> float:
    """Return the seconds that bare diffusers takes for a picture."""
    import torch

    start = time.perf_counter()
    pipe(
        "a red horse in the snow",
        num_inference_steps=STEPS,
        guidance_scale=info.defaults.guidance,
        width=info.defaults.width,
        height=info.defaults.height,
        generator=torch.Generator().manual_seed(seed),
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
