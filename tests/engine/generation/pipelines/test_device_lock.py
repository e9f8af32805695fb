"""One picture at a time on a device: two generators in processes of their own, and one home."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO

import pytest
import pytest_asyncio

from engine.errors import WorkerDiedError
from engine.events import GenerationProgress, JobEvent
from engine.generation.request import GenerateRequest
from engine.models.generator_messages import GeneratedImage
from engine.models.generators import Generators
from engine.models.process import GRACE_S
from engine.settings import EngineSettings
from engine.states import GenerationPhase, OutputCheck
from engine.workers.device import DeviceLock
from tests.engine.generation.pipelines.asking import generate
from tests.engine.models.waiting import PATIENCE_S, until

ON_MODULE = pytest.mark.asyncio(loop_scope="module")
LONG = GenerateRequest(prompt="a red horse", steps=500, width=256, height=256, preview=False)
SHORT = GenerateRequest(prompt="a red horse", steps=2, preview=False)


@dataclass
class Instance:
    """A program that generates, as far as that goes."""

    generators: Generators
    events: list[JobEvent] = field(default_factory=list)

    def start(self, request: GenerateRequest) -> asyncio.Task[GeneratedImage]:
        """Begin to generate."""
        self.events.clear()
        return asyncio.create_task(generate(self.generators, request, 1, self.events.append))

    @property
    def phases(self) -> list[GenerationPhase]:
        """What it has reported."""
        return [event.phase for event in self.events if isinstance(event, GenerationProgress)]


@pytest.fixture(scope="module")
def settings(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    home = tmp_path_factory.mktemp("home")
    return EngineSettings(home=home, device="cpu", generator=str(tiny / "plain"), idle_seconds=0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def instances(settings: EngineSettings) -> AsyncIterator[tuple[Instance, Instance]]:
    first, second = Instance(Generators(settings)), Instance(Generators(settings))
    for instance in (first, second):
        await instance.generators.load(settings.generator)
    yield first, second
    await first.generators.aclose()
    await second.generators.aclose()


async def one_paints_and_one_waits(
    first: Instance, second: Instance
) -> tuple[asyncio.Task[GeneratedImage], asyncio.Task[GeneratedImage]]:
    painting = first.start(LONG)
    await until(lambda: GenerationPhase.STEP in first.phases or painting.done())
    waiting = second.start(SHORT)
    await until(lambda: GenerationPhase.WAITING in second.phases or waiting.done())
    assert not painting.done() and not waiting.done()
    assert GenerationPhase.STEP not in second.phases, "a picture is painted beside another one"
    return painting, waiting


async def finished(painting: asyncio.Task[GeneratedImage]) -> GeneratedImage:
    async with asyncio.timeout(PATIENCE_S):
        return await painting


@ON_MODULE
async def test_a_second_instance_waits_until_the_first_has_stopped(
    instances: tuple[Instance, Instance],
) -> None:
    painting, waiting = await one_paints_and_one_waits(*instances)
    painting.cancel()
    assert (await finished(waiting)).check == OutputCheck.FINE
    phases = instances[1].phases
    assert phases.count(GenerationPhase.WAITING) == 1, "it is said once"
    after = phases[phases.index(GenerationPhase.WAITING) + 1]
    assert after is GenerationPhase.LOADING, "that the waiting is over is told"
    await asyncio.wait([painting])


@ON_MODULE
async def test_who_waits_can_be_cancelled_and_leaves_its_place(
    instances: tuple[Instance, Instance],
) -> None:
    first, second = instances
    painting, waiting = await one_paints_and_one_waits(first, second)
    pid = second.generators.state().pid
    waiting.cancel()
    await asyncio.wait([waiting], timeout=GRACE_S / 2)
    assert waiting.cancelled()
    painting.cancel()
    await asyncio.wait([painting])
    assert (await finished(first.start(SHORT))).check == OutputCheck.FINE
    assert (await finished(second.start(SHORT))).check == OutputCheck.FINE
    assert second.generators.state().pid == pid, "waiting is stopped without ending the process"


@ON_MODULE
async def test_a_killed_holder_lets_go(instances: tuple[Instance, Instance]) -> None:
    first, second = instances
    painting, waiting = await one_paints_and_one_waits(first, second)
    pid = first.generators.state().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert (await finished(waiting)).check == OutputCheck.FINE
    with pytest.raises(WorkerDiedError):
        await painting


HOLDER = """
import sys, time
from pathlib import Path
from engine.workers.device import DeviceLock

def waits():
    print("waits", flush=True)

for _ in range(int(sys.argv[2])):
    with DeviceLock(Path(sys.argv[1]), "cpu").hold(waits):
        print("holds", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def processes() -> Iterator[list[Popen[str]]]:
    """Processes that are ended with the test."""
    started: list[Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def hold(folder: Path, processes: list[Popen[str]], times: int = 1) -> tuple[IO[str], IO[str]]:
    """A process that takes the lock so many times: a line into its input lets go, it says what
    it does."""
    command = [sys.executable, "-c", HOLDER, str(folder), str(times)]
    process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, bufsize=1)
    processes.append(process)
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


def test_who_waits_already_goes_before_one_that_comes_back(
    tmp_path: Path, processes: list[Popen[str]]
) -> None:
    let_go, busy = hold(tmp_path, processes, times=2)
    assert busy.readline() == "holds\n"
    _, other = hold(tmp_path, processes)
    assert other.readline() == "waits\n"
    let_go.write("\n")
    assert busy.readline() == "waits\n", "it takes the device back at once"
    assert "holds\n" in iter(other.readline, "")


def test_devices_do_not_wait_for_one_another_nor_for_a_disk_that_knows_no_locks(
    tmp_path: Path,
) -> None:
    def waits() -> None:
        raise AssertionError("nobody else is there")

    (tmp_path / "file").touch()
    with (
        DeviceLock(tmp_path, "cpu").hold(waits),
        DeviceLock(tmp_path, "cuda-1").hold(waits),
        DeviceLock(tmp_path / "file", "cpu").hold(waits),
        DeviceLock(tmp_path / "file", "cpu").hold(waits),
    ):
        assert {path.suffix for path in tmp_path.glob("*@*")} == {".lock", ".next"}
