"""The generator in its process, from the first call to the last; one process serves the module."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import pytest_asyncio

from engine.errors import ModelMissingError, OutOfMemoryError, RequestError, WorkerDiedError
from engine.events import GenerationProgress, JobEvent, JobPreview, MemoryFallback
from engine.generation.request import GenerateRequest
from engine.models.generators import Generators
from engine.models.process import GRACE_S
from engine.settings import EngineSettings
from engine.states import GenerationPhase, OutputCheck
from tests.engine.generation.pipelines.asking import generate, phase_of
from tests.engine.models.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRAIL = "tests.engine.generation.pipelines.frail_generator"


@pytest.fixture(scope="module")
def settings(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    home = tmp_path_factory.mktemp("home")
    plain = str(tiny / "plain")
    return EngineSettings(home=home, device="cpu", generator=plain, idle_seconds=0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def generators(settings: EngineSettings) -> AsyncIterator[Generators]:
    generators = Generators(settings, module=FRAIL)
    yield generators
    await generators.aclose()


def request(**changes: object) -> GenerateRequest:
    values: dict[str, object] = {"prompt": "a red horse", "steps": 3} | changes
    return GenerateRequest(**values)  # type: ignore[arg-type]


def is_alive(pid: int) -> bool:
    """Tell whether the process runs; one that nobody has fetched the status of does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_loading_weights(event: JobEvent) -> bool:
    """A model is on its way, and some of it is there."""
    is_loading = phase_of(event) is GenerationPhase.LOADING
    return is_loading and isinstance(event, GenerationProgress) and event.done > 0


async def cancelled_at(
    generators: Generators,
    wanted: GenerateRequest,
    moment: Callable[[JobEvent], bool],
) -> list[JobEvent]:
    """Start to paint, cancel at the first event that is `moment`, and return all events."""
    events: list[JobEvent] = []
    reached = asyncio.Event()

    def listen(event: JobEvent) -> None:
        events.append(event)
        if moment(event):
            reached.set()

    painting = asyncio.create_task(generate(generators, wanted, 1, listen))
    async with asyncio.timeout(120):
        await reached.wait()
    painting.cancel()
    await asyncio.wait([painting], timeout=GRACE_S / 2)
    assert painting.cancelled(), "cancelling frees the caller at once"
    return events


async def test_what_makes_no_sense_is_refused_before_a_process_starts(
    generators: Generators,
) -> None:
    with pytest.raises(RequestError):
        await generate(generators, request(width=65), 1)
    with pytest.raises(ModelMissingError):
        await generate(generators, request(model="/nowhere/model"), 1)
    assert generators.state().state == "off"
    assert generators.locate(generators.configured) == Path(generators.configured)
    assert generators.locate("/nowhere/model") is None


async def test_the_first_picture_tells_of_loading_steps_previews_and_decoding(
    generators: Generators, settings: EngineSettings
) -> None:
    events: list[JobEvent] = []
    states: set[str] = set()

    def listen(event: JobEvent) -> None:
        events.append(event)
        states.add(generators.state().state)

    painted = await generate(generators, request(), 7, listen)
    assert (painted.check, painted.pixels.shape, painted.seed) == (
        OutputCheck.FINE,
        (64, 64, 3),
        7,
    )
    assert (painted.device, painted.dtype, painted.parameters.steps) == ("cpu", "fp32", 3)
    assert painted.parameters.model_id == (await generators.describe(generators.configured)).id

    progress = [event for event in events if isinstance(event, GenerationProgress)]
    loading = [each for each in progress if each.phase is GenerationPhase.LOADING]
    assert loading[0].stage == "starting the model process"
    assert any(0 < event.done < event.total for event in loading)
    steps = [each for each in progress if each.phase is GenerationPhase.STEP]
    counted = [(step.done, step.total) for step in steps]
    # The one between is not told where it comes too soon after the first.
    assert [one for one in counted if one != (2, 3)] == [(1, 3), (3, 3)] and len(counted) <= 3
    assert steps[0].eta_s and steps[-1].eta_s == 0
    previews = [event for event in events if isinstance(event, JobPreview)]
    assert previews and all(len(p.rgb) == p.width * p.height * 3 for p in previews)
    assert phase_of(events[-1]) is GenerationPhase.DECODING
    assert states == {"loading", "busy"}
    assert generators.state().state == "ready"
    assert (settings.home / "previews.json").is_file()


async def test_a_warm_model_paints_the_same_for_a_seed_without_previews(
    generators: Generators,
) -> None:
    pid, events = generators.state().pid, list[JobEvent]()
    first = await generate(generators, request(), 7)
    second = await generate(generators, request(preview=False), 7, events.append)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert generators.state().pid == pid
    assert {phase_of(event) for event in events} == {GenerationPhase.STEP, GenerationPhase.DECODING}


async def test_cancelling_at_a_step_stops_the_work_and_keeps_the_model(
    generators: Generators,
) -> None:
    pid = generators.state().pid
    long = request(steps=500)

    def is_third_step(event: JobEvent) -> bool:
        is_step = phase_of(event) is GenerationPhase.STEP
        return is_step and isinstance(event, GenerationProgress) and event.done >= 3

    events = await cancelled_at(generators, long, is_third_step)
    assert GenerationPhase.DECODING not in map(phase_of, events)
    assert (await generate(generators, request(), 7)).check == OutputCheck.FINE
    assert generators.state().pid == pid


async def test_cancelling_while_another_model_loads_keeps_the_process(
    generators: Generators, tiny: Path
) -> None:
    pid, other = generators.state().pid, str(tiny / "other")
    await cancelled_at(generators, request(model=other), is_loading_weights)
    assert generators.state().state == "off"
    events = list[JobEvent]()
    painted = await generate(generators, request(model=other), 7, events.append)
    assert any(map(is_loading_weights, events)), "it had stopped"
    assert (painted.check, generators.state().pid) == (OutputCheck.FINE, pid)
    assert generators.state().model_id == painted.parameters.model_id
    assert painted.parameters.model_id.startswith("other@")


async def test_cancelling_while_it_decodes_frees_the_caller(generators: Generators) -> None:
    await cancelled_at(
        generators, request(), lambda event: phase_of(event) is GenerationPhase.DECODING
    )
    assert (await generate(generators, request(), 7)).check == OutputCheck.FINE


async def test_a_want_of_memory_is_told_and_the_picture_comes_smaller(
    generators: Generators,
) -> None:
    events: list[JobEvent] = []
    wanted = request(prompt="out of memory 2 times", width=128, height=96)
    painted = await generate(generators, wanted, 7, events.append)
    fallbacks = [event for event in events if isinstance(event, MemoryFallback)]
    smaller = "a smaller picture: 88 x 64"
    assert [event.what for event in fallbacks] == ["attention in slices", smaller]
    assert "8 MiB" in fallbacks[0].message
    assert painted.memory_fallbacks == ("attention in slices", smaller)
    assert (painted.parameters.width, painted.parameters.height) == (88, 64)
    assert painted.pixels.shape == (64, 88, 3)


async def test_a_want_of_memory_while_decoding_gives_other_things_up(
    generators: Generators,
) -> None:
    events: list[JobEvent] = []
    wanted = request(prompt="out of memory 2 times while decoding", width=128, height=96)
    painted = await generate(generators, wanted, 7, events.append)
    fallbacks = [event.what for event in events if isinstance(event, MemoryFallback)]
    assert fallbacks == ["the picture decoded in tiles", "a smaller picture: 88 x 64"]
    assert painted.pixels.shape == (64, 88, 3)
    with pytest.raises(OutOfMemoryError, match="even 64 x 64"):
        await generate(generators, request(prompt="out of memory 9 times"), 7)
    assert (await generate(generators, request(), 7)).check == OutputCheck.FINE


async def test_latents_that_are_no_numbers_are_labelled(generators: Generators) -> None:
    assert (
        await generate(generators, request(prompt="not a number"), 7)
    ).check == OutputCheck.NOT_FINITE


async def test_a_process_that_is_killed_fails_its_picture_and_comes_again(
    generators: Generators,
) -> None:
    def kill(event: JobEvent) -> None:
        pid = generators.state().pid
        if phase_of(event) is GenerationPhase.STEP and pid is not None:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(WorkerDiedError, match="killed"):
        await generate(generators, request(), 1, kill)
    assert generators.state().state == "off"
    assert (await generate(generators, request(), 7)).check == OutputCheck.FINE


async def test_unloading_shows_what_it_gave_back(generators: Generators) -> None:
    pid = generators.state().pid
    assert pid is not None
    freed = await generators.unload()
    assert freed.before.process > 100_000_000
    assert (freed.after.process, freed.after.device) == (0, 0)
    assert freed.after.free > 0
    assert not is_alive(pid)
    assert generators.state().state == "off"
    assert (await generators.unload()).before.process == 0


async def test_killing_the_program_leaves_no_generator_behind(
    settings: EngineSettings,
) -> None:
    program = f"""
        import asyncio
        from pathlib import Path
        from engine.models.generator_messages import EventBridge
        from engine.models.generators import Generators
        from engine.settings import EngineSettings

        async def main():
            settings = EngineSettings(home=Path({str(settings.home)!r}), device="cpu")
            generators = Generators(settings)
            tell = lambda event: print(generators.state().pid, flush=True)
            await generators.load({settings.generator!r}, EventBridge(report=tell))

        asyncio.run(main())
    """
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert is_alive(pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    async with asyncio.timeout(2):
        await until(lambda: not is_alive(pid))
