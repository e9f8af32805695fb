"""A worker process that is there when it is needed: started, shared, ended and started again."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import WorkerDiedError
from engine.models.connection import Connection, NeverStartedError, OnEvent
from engine.wire import Array, Json, Reply

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
        environment: Mapping[str, str] | None = None,
        grace_s: float = GRACE_S,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._module = module
        self._args = tuple(args)
        self._log = log
        self._idle_seconds = idle_seconds
        self._environment = dict(environment or {})
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
                environment=self._environment,
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
