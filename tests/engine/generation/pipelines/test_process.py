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
from engine.generation.request import GenerateRequest
from engine.models.generators import Generators
from engine.models.process import GRACE_S
from engine.models.progress import Decoding, Loading, PaintEvent, Preview, Step, SteppedDown
from engine.settings import EngineSettings
from engine.states import OutputCheck
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


async def cancelled_at(
    generators: Generators,
    wanted: GenerateRequest,
    moment: Callable[[PaintEvent], bool],
) -> list[PaintEvent]:
    """Start to paint, cancel at the first event that is `moment`, and return all events."""
    events: list[PaintEvent] = []
    reached = asyncio.Event()

    def listen(event: PaintEvent) -> None:
        events.append(event)
        if moment(event):
            reached.set()

    painting = asyncio.create_task(generators.paint(wanted, 1, listen))
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
        await generators.paint(request(width=65), 1)
    with pytest.raises(ModelMissingError):
        await generators.paint(request(model="/nowhere/model"), 1)
    assert generators.state().state == "off"
    assert generators.locate(generators.configured) == Path(generators.configured)
    assert generators.locate("/nowhere/model") is None


async def test_the_first_picture_tells_of_loading_steps_previews_and_decoding(
    generators: Generators, settings: EngineSettings
) -> None:
    events: list[PaintEvent] = []
    states: set[str] = set()

    def listen(event: PaintEvent) -> None:
        events.append(event)
        states.add(generators.state().state)

    painted = await generators.paint(request(), 7, listen)
    assert (painted.verdict, painted.pixels.shape, painted.seed) == (
        OutputCheck.FINE,
        (64, 64, 3),
        7,
    )
    assert (painted.device, painted.dtype, painted.steps) == ("cpu", "fp32", 3)
    assert painted.model_id == (await generators.describe(generators.configured)).id

    loading = [event for event in events if isinstance(event, Loading)]
    assert loading[0].stage == "starting the model process"
    assert any(0 < event.done < event.total for event in loading)
    steps = [event for event in events if isinstance(event, Step)]
    assert [(step.step, step.total) for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert steps[-1].eta_s == 0 < steps[0].eta_s
    previews = [event for event in events if isinstance(event, Preview)]
    assert previews and all(len(p.rgb) == p.width * p.height * 3 for p in previews)
    assert isinstance(events[-1], Decoding)
    assert states == {"loading", "busy"}
    assert generators.state().state == "ready"
    assert (settings.home / "previews.json").is_file()


async def test_a_warm_model_paints_the_same_for_a_seed_without_previews(
    generators: Generators,
) -> None:
    pid, events = generators.state().pid, list[PaintEvent]()
    first = await generators.paint(request(), 7)
    second = await generators.paint(request(preview=False), 7, events.append)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert generators.state().pid == pid
    assert {type(event) for event in events} == {Step, Decoding}


async def test_cancelling_at_a_step_stops_the_work_and_keeps_the_model(
    generators: Generators,
) -> None:
    pid = generators.state().pid
    long = request(steps=500)
    events = await cancelled_at(
        generators, long, lambda event: isinstance(event, Step) and event.step == 3
    )
    assert not any(isinstance(event, Decoding) for event in events)
    assert (await generators.paint(request(), 7)).verdict == OutputCheck.FINE
    assert generators.state().pid == pid


async def test_cancelling_while_another_model_loads_keeps_the_process(
    generators: Generators, tiny: Path
) -> None:
    pid, other = generators.state().pid, str(tiny / "other")
    await cancelled_at(
        generators,
        request(model=other),
        lambda event: isinstance(event, Loading) and event.done > 0,
    )
    assert generators.state().state == "off"
    events = list[PaintEvent]()
    painted = await generators.paint(request(model=other), 7, events.append)
    assert any(isinstance(event, Loading) and event.done > 0 for event in events), "it had stopped"
    assert (painted.verdict, generators.state().pid) == (OutputCheck.FINE, pid)
    assert generators.state().model_id == painted.model_id
    assert painted.model_id.startswith("other@")


async def test_cancelling_while_it_decodes_frees_the_caller(generators: Generators) -> None:
    await cancelled_at(generators, request(), lambda event: isinstance(event, Decoding))
    assert (await generators.paint(request(), 7)).verdict == OutputCheck.FINE


async def test_a_want_of_memory_is_told_and_the_picture_comes_smaller(
    generators: Generators,
) -> None:
    events: list[PaintEvent] = []
    wanted = request(prompt="out of memory 2 times", width=128, height=96)
    painted = await generators.paint(wanted, 7, events.append)
    told = [event for event in events if isinstance(event, SteppedDown)]
    smaller = "a smaller picture: 88 x 64"
    assert [event.what for event in told] == ["attention in slices", smaller]
    assert "8 MiB" in told[0].why
    assert painted.steps_down == ("attention in slices", smaller)
    assert (painted.width, painted.height, painted.pixels.shape) == (88, 64, (64, 88, 3))


async def test_a_want_of_memory_while_decoding_takes_the_other_steps_down(
    generators: Generators,
) -> None:
    events: list[PaintEvent] = []
    wanted = request(prompt="out of memory 2 times while decoding", width=128, height=96)
    painted = await generators.paint(wanted, 7, events.append)
    told = [event.what for event in events if isinstance(event, SteppedDown)]
    assert told == ["the picture decoded in tiles", "a smaller picture: 88 x 64"]
    assert painted.pixels.shape == (64, 88, 3)
    with pytest.raises(OutOfMemoryError, match="even 64 x 64"):
        await generators.paint(request(prompt="out of memory 9 times"), 7)
    assert (await generators.paint(request(), 7)).verdict == OutputCheck.FINE


async def test_latents_that_are_no_numbers_are_labelled(generators: Generators) -> None:
    assert (
        await generators.paint(request(prompt="not a number"), 7)
    ).verdict == OutputCheck.NOT_FINITE


async def test_a_process_that_is_killed_fails_its_picture_and_comes_again(
    generators: Generators,
) -> None:
    def kill(event: PaintEvent) -> None:
        pid = generators.state().pid
        if isinstance(event, Step) and pid is not None:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(WorkerDiedError, match="killed"):
        await generators.paint(request(), 1, kill)
    assert generators.state().state == "off"
    assert (await generators.paint(request(), 7)).verdict == OutputCheck.FINE


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
        from engine.models.generators import Generators
        from engine.settings import EngineSettings

        async def main():
            settings = EngineSettings(home=Path({str(settings.home)!r}), device="cpu")
            generators = Generators(settings)
            tell = lambda event: print(generators.state().pid, flush=True)
            await generators.load({settings.generator!r}, tell)

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
