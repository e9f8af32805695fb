"""What painting in a process of its own costs over bare diffusers, and how soon a cancel works.

`python -m tests.bench.bench_generate [FOLDER]`; without a folder, a small pipeline of random
weights. On a GPU: tests/bench/on_gpu.py.
"""

# ruff: noqa: E402 - what a process rests by is said before numpy is imported, as the program does
from engine.patience import rest_soon

rest_soon()

import asyncio
import functools
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
import psutil

from engine.collections import BUILT_IN
from engine.engine import Engine
from engine.events import GenerationProgress, JobEvent
from engine.generation.request import GenerateRequest
from engine.models.generator_info import GeneratorInfo
from engine.models.generators import Generators
from engine.settings import EngineSettings
from engine.sheets.prompts import SheetPrompt
from engine.sheets.request import Axis, SheetRequest
from engine.states import AxisName, GenerationPhase
from tests.bench.bench_encoder import Stalls
from tests.engine.generation.pipelines.asking import generate, phase_of

Pipeline: TypeAlias = Any
P = ParamSpec("P")
T = TypeVar("T")

ROUNDS = 7
STEPS = 20
CANCELS = 5
CELLS, SHEETS = 20, 3
_BARE = ThreadPoolExecutor(max_workers=1)


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
        asyncio.run(sheet(str(source), home))


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
    bare = await by_itself(bare_pipeline, info)
    times: dict[str, list[float]] = {"bare diffusers": [], "no preview": [], "linear preview": []}
    for seed in range(ROUNDS):
        times["bare diffusers"].append(await by_itself(timed, bare, seed, info))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a sheet took."""

    seconds: float
    processor: float
    """Seconds of all cores that took part: what a machine with other work can be compared by."""


async def sheet(source: str, home: Path) -> None:
    """Print what a sheet of CELLS cells costs beside bare diffusers painting the same ones.

    Both paint one picture at a time, in turns. The whole job stores and scores as well.
    """
    settings = EngineSettings(home=home / "sheets", generator=source, device="cpu", dtype="fp32")
    async with Engine.open(settings) as engine:
        info = await engine.generators.describe(source)
        bare = await by_itself(bare_pipeline, info)
        calls = _count_calls(bare.text_encoder)
        await _painted_sheet(engine, source, range(1))
        costs: dict[str, list[Cost]] = {}
        for number in range(1, SHEETS + 1):
            seeds = range(number * CELLS, (number + 1) * CELLS)
            calls[0] = 0
            for name, cost in (await _round(engine, source, bare, info, seeds)).items():
                costs.setdefault(name, []).append(cost)
    read = await asyncio.to_thread(_calls_of_a_sheet, source, home)
    print(
        f"a sheet of {CELLS} cells calls its text encoder {read} times, bare diffusers {calls[0]}"
    )
    least = {
        name: Cost(
            seconds=min(each.seconds for each in found),
            processor=min(each.processor for each in found),
        )
        for name, found in costs.items()
    }
    bare_cost = least["bare diffusers"]
    for name, cost in least.items():
        goal = " (goal 1.03)" if name == "painting" else ""
        print(
            f"{name:15} {cost.seconds:.2f} s, {cost.seconds / bare_cost.seconds:.3f} of bare;"
            f" processor {cost.processor:.2f} s,"
            f" {cost.processor / bare_cost.processor:.3f} of bare{goal}"
        )


async def _round(
    engine: Engine, source: str, bare: Pipeline, info: GeneratorInfo, seeds: range
) -> dict[str, Cost]:
    """Paint the same cells by both, one after the other."""
    pid = engine.generators.state().pid
    assert pid is not None
    generator, this = psutil.Process(pid), psutil.Process()
    used, seconds = _processor(this), 0.0
    for seed in seeds:
        seconds += await by_itself(timed, bare, seed, info)
    by_bare = Cost(seconds=seconds, processor=_processor(this) - used)
    everyone = [this, *this.children(recursive=True)]
    start, used = time.perf_counter(), _processor(generator)
    used_by_all = sum(map(_processor, everyone))
    painting = await _painted_sheet(engine, source, seeds)
    whole = time.perf_counter() - start
    return {
        "bare diffusers": by_bare,
        "painting": Cost(seconds=painting, processor=_processor(generator) - used),
        "whole job": Cost(seconds=whole, processor=sum(map(_processor, everyone)) - used_by_all),
    }


def _processor(process: psutil.Process) -> float:
    """Seconds that a process has used so far."""
    used = process.cpu_times()
    return float(used.user + used.system)


def _calls_of_a_sheet(source: str, home: Path) -> int:
    """How often a sheet's cells have the text encoder called, through the same denoiser here."""
    from tests.engine.generation.pipelines.test_denoising import CPU, TASK, Notes, denoiser_of, load

    pipe = load(Path(source), home)
    # Inside of what remembers texts, which stands in the place of `forward`.
    read, calls = pipe.text_encoder.forward, [0]

    @functools.wraps(read)
    def counted(*args: object, **kwargs: object) -> object:
        calls[0] += 1
        return read(*args, **kwargs)

    pipe.text_encoder.forward = counted
    denoiser = denoiser_of(pipe, CPU)
    for seed in range(CELLS):
        denoiser.generate(replace(TASK, guidance=7.5), seed, Notes(), None)
    return calls[0]


async def _painted_sheet(engine: Engine, source: str, seeds: range) -> float:
    """Paint a sheet of one prompt over some seeds; the seconds that its pictures took."""
    asked = SheetRequest(
        prompts=(SheetPrompt(prompt="a red horse in the snow"),),
        axes=(Axis(name=AxisName.SEED, values=tuple(map(str, seeds))),),
        settings=GenerateRequest(prompt="", steps=STEPS, model=source),
        library=BUILT_IN.name,
    )
    job = await engine.sheets.start(await engine.sheets.prepare(asked, BUILT_IN.name))
    await job.wait()
    found = engine.sheets.of_job(job.id)
    assert found is not None and found.done == len(seeds)
    return sum(cell.picture.seconds for cell in found.cells if cell.picture is not None)


def _count_calls(module: Pipeline) -> list[int]:
    """How often a model is called from now on."""
    calls = [0]

    def count(*_: object) -> None:
        calls[0] += 1

    module.register_forward_pre_hook(count)
    return calls


async def cancels(generators: Generators, request: GenerateRequest) -> None:
    """Print how long a cancel takes to free the caller, and until the process is idle."""
    freed, idle = [], []
    for seed in range(CANCELS):
        stepping = asyncio.Event()

        def listen(event: JobEvent, stepping: asyncio.Event = stepping) -> None:
            is_step = phase_of(event) is GenerationPhase.STEP
            if is_step and isinstance(event, GenerationProgress) and event.done >= 3:
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


async def by_itself(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something on the one thread of bare diffusers.

    OpenMP keeps a team of threads for each thread that ever called it, and those that wait get in
    the way of those that work: on the threads of asyncio a picture took three times as long.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_BARE, functools.partial(call, *args, **kwargs))


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
