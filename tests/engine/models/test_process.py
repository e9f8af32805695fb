"""Worker processes, with real ones."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from engine.errors import EngineError, ModelMissingError, OutOfMemoryError, WorkerDiedError
from engine.models.messages import Json, Reply
from engine.models.process import WorkerProcess

MODULE = "tests.engine.models.odd_worker"


@pytest_asyncio.fixture
async def worker(tmp_path: Path) -> AsyncIterator[WorkerProcess]:
    process = WorkerProcess(
        MODULE, args=("one", "two"), log=tmp_path / "logs" / "odd.log", grace_s=0.3
    )
    yield process
    await process.aclose()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def gone(pid: int, within_s: float) -> bool:
    """Wait for a process that is no child of ours to end."""
    for _ in range(int(within_s / 0.02)):
        if not is_alive(pid) or _is_zombie(pid):
            return True
        await asyncio.sleep(0.02)
    return False


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return False


async def begin(
    worker: WorkerProcess, op: str, fields: Mapping[str, Json] | None = None
) -> tuple[asyncio.Task[Reply], int]:
    """Start a call and return when the worker works on it, with the worker's process id."""
    began: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_event(event: Mapping[str, Json]) -> None:
        began.set_result(Reply(fields=event).whole("pid"))

    task = asyncio.create_task(worker.call(op, fields, on_event=on_event))
    task.add_done_callback(lambda ended: None if began.done() else began.cancel())
    return task, await began


async def test_a_call_starts_the_process_and_the_next_one_finds_it_warm(
    worker: WorkerProcess,
) -> None:
    assert not worker.is_running
    pixels = np.arange(6 * 10**6, dtype=np.uint8).reshape(-1, 3)
    first = await worker.call("echo", {"n": 1}, [pixels])
    second = await worker.call("echo", {"n": 2})
    np.testing.assert_array_equal(first.arrays[0], pixels)
    assert first.whole("pid") == second.whole("pid") == worker.pid


async def test_an_error_of_the_engine_crosses_with_its_kind_hint_and_field(
    worker: WorkerProcess,
) -> None:
    with pytest.raises(ModelMissingError) as caught:
        await worker.call("refuse")
    error = caught.value
    assert (error.message, error.hint, error.field) == ("no weights", "get some", "model")


async def test_want_of_threads_in_a_worker_is_told_as_such(worker: WorkerProcess) -> None:
    with pytest.raises(OutOfMemoryError, match="no more memory, threads or processes"):
        await worker.call("starve")
    assert (await worker.call("echo")).whole("pid") == worker.pid


async def test_a_bug_in_a_handler_is_an_error_and_leaves_the_worker_alive(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="ZeroDivisionError: a bug"):
        await worker.call("stumble")
    pid = worker.pid
    assert (await worker.call("echo")).whole("pid") == pid
    assert "Traceback" in (tmp_path / "logs" / "odd.log").read_text()


async def test_prints_and_logs_of_libraries_go_to_the_log(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    assert (await worker.call("chat")).texts("args") == ["one", "two"]
    log = tmp_path / "logs" / "odd.log"
    assert log.read_text() == "noise on stdout\nnoise on stderr\n"
    assert log.stat().st_mode & 0o777 == 0o600


async def test_a_crash_fails_its_call_and_the_next_call_gets_a_new_process(
    worker: WorkerProcess,
) -> None:
    before = (await worker.call("echo")).whole("pid")
    with pytest.raises(WorkerDiedError, match=r"status 7 \(RuntimeError: the floor gave way\)"):
        await worker.call("crash")
    assert not worker.is_running
    assert (await worker.call("echo")).whole("pid") != before


async def test_a_call_that_waited_behind_a_crash_is_answered_by_the_next_process(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    held, pid = await begin(worker, "hold", {"path": str(tmp_path / "go")})
    crash = asyncio.create_task(worker.call("crash"))
    waiting = asyncio.create_task(worker.call("echo"))
    await asyncio.sleep(0)
    (tmp_path / "go").touch()
    await held
    with pytest.raises(WorkerDiedError):
        await crash
    assert (await waiting).whole("pid") != pid


async def test_a_worker_that_cannot_start_is_an_error_that_names_the_cause(tmp_path: Path) -> None:
    process = WorkerProcess("no_such_module", log=tmp_path / "log")
    with pytest.raises(WorkerDiedError, match="No module named") as caught:
        await process.call("echo")
    assert str(tmp_path / "log") in caught.value.hint


async def test_a_hung_worker_is_killed_when_it_gives_no_sign_of_life(tmp_path: Path) -> None:
    process = WorkerProcess(MODULE, log=tmp_path / "log", silence_s=0.5)
    task, pid = await begin(process, "hang")
    with pytest.raises(WorkerDiedError, match="no sign of life"):
        await task
    assert not is_alive(pid)
    assert (await process.call("echo")).whole("pid") != pid
    await process.aclose()


async def test_silence_ends_a_worker_soon_after_the_time_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    later = loop.call_later
    waited: defaultdict[int, float] = defaultdict(float)
    process = WorkerProcess(MODULE, log=tmp_path / "log", silence_s=300)

    def hurried(delay: float, call: Callable[..., object], *values: object) -> asyncio.TimerHandle:
        if getattr(call, "__name__", "") != "_tick":
            return later(delay, call, *values)
        waited[process.pid or 0] += delay
        return later(0, call)

    monkeypatch.setattr(loop, "call_later", hurried)
    with pytest.raises(WorkerDiedError, match="no sign of life for 300 seconds"):
        await process.call("hang")
    # What dies before it took the call is started once more.
    assert waited and all(300 <= seconds <= 310 for seconds in waited.values())
    await process.aclose()


async def test_cancelling_frees_the_caller_at_once_and_stops_the_work(
    worker: WorkerProcess,
) -> None:
    task, pid = await begin(worker, "wait")
    task.cancel()
    await asyncio.sleep(0)
    assert task.cancelled()
    assert (await worker.call("echo")).whole("pid") == pid


async def test_a_worker_that_does_not_obey_a_cancel_is_ended(worker: WorkerProcess) -> None:
    task, pid = await begin(worker, "hang")
    behind = asyncio.create_task(worker.call("echo"))
    task.cancel()
    assert (await behind).whole("pid") != pid
    assert task.cancelled()
    assert not is_alive(pid)


async def test_a_cancelled_call_that_still_waited_never_runs(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    held, pid = await begin(worker, "hold", {"path": str(tmp_path / "go")})
    queued = asyncio.create_task(worker.call("crash"))
    await asyncio.sleep(0)
    queued.cancel()
    await asyncio.wait([queued])
    (tmp_path / "go").touch()
    await held
    assert (await worker.call("echo")).whole("pid") == pid


async def test_a_text_overtakes_the_pictures_that_wait(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    held, _ = await begin(worker, "hold", {"path": str(tmp_path / "go")})
    order: list[str] = []

    async def ask(name: str, priority: int) -> None:
        await worker.call("echo", priority=priority)
        order.append(name)

    asks = [asyncio.create_task(ask(f"picture {n}", 1)) for n in range(3)]
    asks.append(asyncio.create_task(ask("text", 0)))
    await asyncio.sleep(0)
    (tmp_path / "go").touch()
    await asyncio.gather(held, *asks)
    assert order == ["text", "picture 0", "picture 1", "picture 2"]


async def test_a_call_that_pauses_lets_more_urgent_ones_go_first(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    pausing, _ = await begin(worker, "give_way", {"path": str(tmp_path / "go")})
    equal = asyncio.create_task(worker.call("echo"))
    async with asyncio.timeout(60):
        for _ in range(3):
            await worker.call("echo", priority=0)
    with pytest.raises(ModelMissingError):
        await worker.call("refuse", priority=0)
    urgent = asyncio.create_task(worker.call("wait", priority=0, on_event=lambda event: urge()))

    def urge() -> None:
        pausing.cancel()
        urgent.cancel()

    await asyncio.wait([urgent, pausing])
    assert urgent.cancelled()
    assert pausing.cancelled()
    assert (await equal).whole("pid") == worker.pid


async def test_an_idle_worker_is_ended_and_a_busy_one_is_not(tmp_path: Path) -> None:
    process = WorkerProcess(MODULE, log=tmp_path / "log", idle_seconds=0.2)
    pid = (await process.call("echo")).whole("pid")
    assert await gone(pid, 3)
    held, pid = await begin(process, "give_way", {"path": str(tmp_path / "go")})
    await process.call("echo", priority=0)
    assert not await gone(pid, 0.6)
    (tmp_path / "go").touch()
    await held
    assert await gone(pid, 3)
    assert not process.is_running
    await process.aclose()


async def test_unloading_ends_the_process_and_the_next_call_starts_another(
    worker: WorkerProcess,
) -> None:
    pid = (await worker.call("echo")).whole("pid")
    await worker.unload()
    assert not is_alive(pid)
    assert not worker.is_running
    assert (await worker.call("echo")).whole("pid") != pid


async def test_closing_ends_a_process_that_hangs(tmp_path: Path) -> None:
    process = WorkerProcess(MODULE, log=tmp_path / "log", grace_s=0.2)
    task, pid = await begin(process, "hang")
    await process.aclose()
    with pytest.raises(WorkerDiedError):
        await task
    assert not is_alive(pid)
    with pytest.raises(WorkerDiedError):
        await process.call("echo")


async def test_a_log_that_cannot_be_written_does_not_stop_the_worker(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = WorkerProcess(MODULE, log=tmp_path / "file" / "log")
    assert (await process.call("chat")).texts("args") == []
    await process.aclose()


async def test_a_parent_killed_while_the_worker_still_imports_leaves_none_behind(
    tmp_path: Path,
) -> None:
    module = tmp_path / "slow_worker.py"
    module.write_text("import time; time.sleep(60)")
    program = f"""
        import asyncio, sys
        from pathlib import Path
        from engine.models import process

        async def main():
            process._ROOT = Path({str(tmp_path)!r})
            log = Path({str(tmp_path / "log")!r})
            connection = await process.Connection.start(
                "slow_worker", (), log=log, grace_s=60.0, silence_s=60.0
            )
            print(connection.pid, flush=True)
            await asyncio.sleep(60)

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
    assert await gone(pid, 2)


@pytest.mark.parametrize("op", ["wait", "hang"])
async def test_killing_the_parent_leaves_no_worker_behind(op: str, tmp_path: Path) -> None:
    program = f"""
        import asyncio
        from pathlib import Path
        from engine.models.process import WorkerProcess

        async def main():
            worker = WorkerProcess({MODULE!r}, log=Path({str(tmp_path / "log")!r}))
            await worker.call({op!r}, on_event=lambda event: print(event["pid"], flush=True))

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
    assert await gone(pid, 2)
