"""One live worker process: its pipes and the calls that it has not answered yet."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cache.home_files import open_file, open_log
from engine import errors
from engine.errors import EngineError, WorkerDiedError
from engine.models import messages as wire
from engine.models.messages import Array, Json, Reply
from engine.patience import environment

# The folder of the packages comes last on the path, and the folder the person is in not at all:
# a file called `torch.py` lying there must not be run.
# Before anything else, and so before the seconds that a model library takes to be imported, it asks
# to be killed (prctl 1, signal 9) when the program is gone, which may be so already.
_BOOT = (
    "import ctypes, os, runpy, sys; root, module, parent = sys.argv[1:4]; del sys.argv[1:4]; "
    "sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, 9); "
    "os.getppid() == int(parent) or os._exit(0); sys.path.append(root); "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)
_ROOT = Path(os.path.realpath(wire.__file__)).parents[2]
_READ_LIMIT = 8 << 20
_LOG_LIMIT = 1 << 20
_LAST_WORDS = 2000
_TICKS = 40
"""Into which the silence that is allowed is parted: it is exceeded by one of them at most."""
_START_S = 60.0

OnEvent = Callable[[Mapping[str, Json]], None]


class NeverStartedError(Exception):
    """The process ended before it began this call: another process may be asked."""


@dataclass(slots=True, eq=False)
class _Pending:
    answer: asyncio.Future[Reply]
    on_event: OnEvent | None
    started: bool = False


class Connection:
    """A process from its start to its end; a call on an ended one raises NeverStartedError."""

    def __init__(self, process: Process, log: Path, *, grace_s: float, silence_s: float) -> None:
        self._process = process
        self._log = log
        self._log_start = _size(log)
        self._grace_s = grace_s
        self._silence_s = silence_s
        self._pending: dict[int, _Pending] = {}
        self._numbers = 0
        self._reason = ""
        self._loop = asyncio.get_running_loop()
        self._quiet_ticks = 0
        self._has_spoken = False
        self._watch: asyncio.TimerHandle | None = None
        self._ended = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls,
        module: str,
        args: Sequence[str],
        *,
        log: Path,
        grace_s: float,
        silence_s: float,
    ) -> "Connection":
        """Start `python -m module args`, its stderr in the file `log`."""
        stderr = await asyncio.to_thread(_open_log, log)
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-X", "faulthandler", "-c", _BOOT),
                *(str(_ROOT), module, str(os.getpid())),
                *args,
                stdin=PIPE,
                stdout=PIPE,
                stderr=stderr,
                env=environment(),
                limit=_READ_LIMIT,
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerDiedError(f"a worker process cannot be started: {error}") from error
        finally:
            if stderr != DEVNULL:
                os.close(stderr)
        return cls(process, log, grace_s=grace_s, silence_s=silence_s)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_open(self) -> bool:
        """It takes calls."""
        return not self._reason and not self._ended.done()

    @property
    def reason(self) -> str:
        """Why it ended, with the last line of its log; empty while it runs."""
        return self._reason + self._last_words() if self._reason else ""

    async def request(
        self, op: str, content: Reply, priority: int, on_event: OnEvent | None
    ) -> Reply:
        """Send a call and wait for its answer; cancelling sends a cancel and returns at once."""
        if not self.is_open:
            raise NeverStartedError
        self._numbers += 1
        number = self._numbers
        pending = _Pending(self._loop.create_future(), on_event)
        self._pending[number] = pending
        if self._watch is None:
            self._quiet_ticks = 0
            self._watch = self._loop.call_later(self._silence_s / _TICKS, self._tick)
        header: dict[str, Json] = {
            "id": number,
            "op": op,
            "priority": priority,
            "fields": content.fields,
        }
        try:
            await self._send(Reply(fields=header, arrays=content.arrays))
            return await pending.answer
        except asyncio.CancelledError:
            self._give_up(number, pending)
            raise

    async def end(self) -> None:
        """Let it exit by closing its input; kill it if it does not within the grace time."""
        self._reason = self._reason or "it was ended"
        stdin = self._process.stdin
        if stdin is not None:
            stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._ended), self._grace_s)
            return
        self.kill(self._reason)
        await self._ended

    def kill(self, reason: str) -> None:
        """End it now, with everything it started; `reason` completes 'the process ended: ...'."""
        self._reason = self._reason or reason
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> None:
        """Return when the process is gone and every waiting call has been told."""
        await asyncio.shield(self._ended)

    async def _send(self, message: Reply) -> None:
        stdin = self._process.stdin
        if stdin is None or stdin.is_closing():
            return
        stdin.writelines(wire.pack(message))
        with contextlib.suppress(ConnectionError):
            await stdin.drain()

    def _give_up(self, number: int, pending: _Pending) -> None:
        """Ask for the call to be stopped, and end a process that does not obey in time."""
        pending.answer.cancel()
        if number not in self._pending or not self.is_open or self._process.stdin is None:
            return
        self._process.stdin.writelines(wire.pack(Reply(fields={"id": number, "cancel": True})))

        def enforce() -> None:
            if self._pending.get(number) is pending:
                self.kill("it did not stop when it was told to")

        self._loop.call_later(self._grace_s, enforce)

    def _tick(self) -> None:
        """Count the ticks without news; a clock that jumps (the program was stopped) is one."""
        self._watch = None
        self._quiet_ticks += 1
        if not self._pending:
            return
        allowed = self._silence_s if self._has_spoken else max(self._silence_s, _START_S)
        if self._quiet_ticks * self._silence_s / _TICKS > allowed:
            self.kill(f"it gave no sign of life for {allowed:g} seconds")
        else:
            self._watch = self._loop.call_later(self._silence_s / _TICKS, self._tick)

    async def _listen(self) -> None:
        """Hand out what arrives until the process ends, then tell those who still wait."""
        stdout = self._process.stdout
        try:
            while stdout is not None and (message := await wire.receive(stdout)) is not None:
                self._has_spoken, self._quiet_ticks = True, 0
                self._deliver(message)
        except wire.WireError as error:
            self.kill(f"it sent something unreadable: {error}")
        finally:
            self.kill("")
            status = await self._process.wait()
            self._reason = self._reason or _describe(status)
            self._fail_all()

    def _deliver(self, message: Reply) -> None:
        pending = self._pending.get(message.whole("id"))
        if pending is None:
            return
        match message.fields:
            case {"started": _}:
                pending.started = True
            case {"event": _}:
                if pending.on_event is not None and not pending.answer.done():
                    pending.on_event(message.mapping("event"))
            case _:
                del self._pending[message.whole("id")]
                _deliver_answer(pending.answer, message)

    def _fail_all(self) -> None:
        pending, self._pending = self._pending, {}
        if self._watch is not None:
            self._watch.cancel()
        error = WorkerDiedError(
            f"a worker process ended before it answered: {self.reason}",
            hint=f"Try again: a new process is started. Its log is {self._log}",
        )
        error.was_killed = self._process.returncode == -signal.SIGKILL
        for call in pending.values():
            if not call.answer.done():
                call.answer.set_exception(error if call.started else NeverStartedError())

    def _last_words(self) -> str:
        """Return the last line it logged, which names the cause when Python itself gave up."""
        with contextlib.suppress(OSError), _reading(self._log) as log:
            log.seek(max(self._log_start, _size(self._log) - _LAST_WORDS))
            lines = log.read().decode(errors="replace").split("\n")
            words = [line for line in lines if line.strip()]
            return f" ({words[-1].strip()[:300]})" if words else ""
        return ""


def _deliver_answer(answer: asyncio.Future[Reply], message: Reply) -> None:
    if answer.done():
        return
    match message.fields:
        case {"error": _}:
            answer.set_exception(_failure(Reply(fields=message.mapping("error"))))
        case {"result": _}:
            answer.set_result(Reply(fields=message.mapping("result"), arrays=message.arrays))
        case _:
            answer.cancel()


def _failure(said: Reply) -> EngineError:
    """The error that the process named, as one of the engine's."""
    kind = getattr(errors, said.text("kind"), None)
    if not (isinstance(kind, type) and issubclass(kind, EngineError)):
        kind = EngineError
    return kind(said.text("message"), hint=said.text("hint"), field=said.text("field"))


def _open_log(path: Path) -> int:
    """Open a log for appending, emptied when it has grown; without one, errors go nowhere."""
    home, folder = path.parents[1], path.parent.name
    try:
        return open_log(home, folder, path.name, limit=_LOG_LIMIT)
    except OSError:
        return DEVNULL


def _reading(path: Path) -> BinaryIO:
    home, folder = path.parents[1], path.parent.name
    return os.fdopen(open_file(home, folder, path.name, flags=os.O_RDONLY), "rb")


def _describe(status: int) -> str:
    if status == -signal.SIGKILL:
        return "it was killed, perhaps because the machine ran out of memory"
    if status < 0:
        return f"it crashed ({signal.Signals(-status).name})"
    return f"it exited with status {status}"


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_size
    return 0


GRACE_S = 3.0
SILENCE_S = 120.0


class WorkerProcess:
    """Runs `python -m module args` on the first call and keeps it for the next ones.

    `log` takes its stderr. After `idle_seconds` without a call it is ended (0: never). A call that
    gives no sign of life for `silence_s` seconds, or that does not stop within `grace_s` seconds
    after it was cancelled, costs the process its life: calls that had begun fail with
    WorkerDiedError, calls that still waited go to the next process unnoticed.
    """

    def __init__(
        self,
        module: str,
        *,
        args: Sequence[str] = (),
        log: Path,
        idle_seconds: float = 0.0,
        grace_s: float = GRACE_S,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._module = module
        self._args = tuple(args)
        self._log = log
        self._idle_seconds = idle_seconds
        self._grace_s = grace_s
        self._silence_s = silence_s
        self._connection: Connection | None = None
        self._starting: asyncio.Task[Connection] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._callers = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is no process."""
        return self._connection.pid if self._connection and self._connection.is_open else None

    @property
    def is_running(self) -> bool:
        """There is a process."""
        return self.pid is not None

    @property
    def is_busy(self) -> bool:
        """Someone waits for an answer."""
        return self._callers > 0

    async def call(
        self,
        op: str,
        fields: Mapping[str, Json] | None = None,
        arrays: Sequence[Array] = (),
        *,
        priority: int = 1,
        on_event: OnEvent | None = None,
    ) -> Reply:
        """Have the worker carry out `op`; lower `priority` goes first among the calls that wait.

        `on_event` gets what the worker reports meanwhile. Cancelling frees the caller at once and
        stops the work at its next step.

        Raises the EngineError that the worker raised, or WorkerDiedError.
        """
        content = Reply(fields=fields or {}, arrays=arrays)
        self._callers += 1
        self._stop_idle_clock()
        try:
            return await self._call(op, content, priority, on_event)
        finally:
            self._callers -= 1
            self._start_idle_clock()

    async def unload(self) -> None:
        """End the process; the next call starts a new one."""
        self._stop_idle_clock()
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self._connection is not None:
            await self._connection.end()

    async def aclose(self) -> None:
        """End the process for good."""
        self._closed = True
        await self.unload()
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _call(
        self, op: str, content: Reply, priority: int, on_event: OnEvent | None
    ) -> Reply:
        for _ in range(2):
            connection = await self._connect()
            try:
                return await connection.request(op, content, priority, on_event)
            except NeverStartedError:
                await connection.wait()
        raise WorkerDiedError(
            f"the process of {self._module} ended before it took the call: {connection.reason}",
            hint=f"Its log is {self._log}",
        )

    async def _connect(self) -> Connection:
        if self._closed:
            raise WorkerDiedError("the program is closing")
        if self._connection is not None and self._connection.is_open:
            return self._connection
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> Connection:
        try:
            if self._connection is not None:
                await self._connection.wait()
            self._connection = await Connection.start(
                self._module,
                self._args,
                log=self._log,
                grace_s=self._grace_s,
                silence_s=self._silence_s,
            )
            return self._connection
        finally:
            self._starting = None

    def _stop_idle_clock(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _start_idle_clock(self) -> None:
        self._stop_idle_clock()
        if self._callers == 0 and self._idle_seconds > 0 and self.is_running:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._idle_seconds, self._leave)

    def _leave(self) -> None:
        task = asyncio.create_task(self.unload())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
