"""What every worker process does: take calls by priority, answer them, and die with its parent."""

import contextlib
import heapq
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Mapping
from typing import BinaryIO, TypeAlias

from engine.errors import EngineError, T2IError, shortage
from engine.models import messages as wire
from engine.models.messages import Json, Reply

_F_SETPIPE_SZ = 1031
_PIPE_BYTES = 1 << 20


class CallCancelled(Exception):
    """The parent no longer wants the answer; `Call.check` raises it inside a handler."""


class Call:
    """One request while a handler works on it."""

    def __init__(
        self, number: int, op: str, priority: int, request: Reply, outlet: "Outlet"
    ) -> None:
        self.number = number
        self.op = op
        self.priority = priority
        """Lower goes first."""
        self.request = request
        """Its fields and arrays."""
        self._outlet = outlet
        self._cancelled = threading.Event()
        self.give_way: Callable[[], None] = _nothing
        """Set by the loop: answers the calls that wait and are more urgent than this one."""

    def check(self) -> None:
        """Raise CallCancelled if the parent cancelled the call; call it between two steps."""
        if self._cancelled.is_set():
            raise CallCancelled

    def pause(self) -> None:
        """Do as `check` does, and let more urgent calls go before the next step."""
        self.check()
        self.give_way()
        self.check()

    def report(self, **event: Json) -> None:
        """Send an event about this call to the parent, which also shows that the worker lives."""
        self._outlet.send(Reply(fields={"id": self.number, "event": event}))

    def sign_of_life(self) -> None:
        """Show the parent that the worker lives; the call goes on where it is."""
        self._outlet.send(Reply(fields={"id": self.number, "started": True}))

    def cancel(self) -> None:
        """Let the next `check` raise."""
        self._cancelled.set()


def _nothing() -> None:
    return None


Handler: TypeAlias = Callable[[Call], Reply]


class Outlet:
    """The way to the parent; any thread may send."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Reply) -> None:
        """Write a message; a parent that is gone ends this process."""
        with self._lock:
            try:
                wire.write(self._stream, message)
            except OSError:
                os._exit(0)


class Inbox:
    """The calls that wait, and those that run: one, and on top of it more urgent ones."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._ready = threading.Condition()
        self._waiting: list[tuple[int, int, Call]] = []
        self._running: list[Call] = []

    def put(self, call: Call) -> None:
        """Queue a call: lower priorities first, then in order of arrival."""
        with self._ready:
            heapq.heappush(self._waiting, (call.priority, call.number, call))
            self._ready.notify()

    def take(self) -> Call:
        """Wait for the next call and make it a running one."""
        with self._ready:
            self._ready.wait_for(lambda: self._waiting)
            return self._start()

    def take_before(self, priority: int) -> Call | None:
        """Make the next call a running one if it is more urgent than `priority`."""
        with self._ready:
            return self._start() if self._waiting and self._waiting[0][0] < priority else None

    def finish(self, call: Call) -> None:
        """Take note that a running call was answered."""
        with self._ready:
            self._running.remove(call)

    def cancel(self, number: int) -> None:
        """Take the call out of the queue, or let it know if it runs; an old number is ignored."""
        with self._ready:
            for call in self._running:
                if call.number == number:
                    call.cancel()
                    return
            left = [entry for entry in self._waiting if entry[1] != number]
            known = len(left) < len(self._waiting)
            self._waiting = left
            heapq.heapify(self._waiting)
        if known:
            self._outlet.send(Reply(fields={"id": number, "cancelled": True}))

    def _start(self) -> Call:
        call = heapq.heappop(self._waiting)[2]
        self._running.append(call)
        return call


def serve(handlers: Mapping[str, Handler], *, beside: Collection[str] = ()) -> None:
    """Answer calls with the handler of their name until the parent goes away.

    Handlers run one at a time on this thread, save that more urgent ones may run while one pauses
    (`Call.pause`), and that those named `beside` have threads of their own. What has a sentence for
    a person crosses as it is; any other exception is logged with its traceback and reaches the
    caller as a plain EngineError.
    """
    source, outlet = _take_over_pipes()
    inbox = Inbox(outlet)
    threading.Thread(target=_listen, args=(source, inbox, outlet), daemon=True).start()

    def work_on(call: Call) -> None:
        def give_way() -> None:
            while (urgent := inbox.take_before(call.priority)) is not None:
                work_on(urgent)

        call.give_way = give_way
        outlet.send(Reply(fields={"id": call.number, "started": True}))
        answer = _answer(call, handlers)
        inbox.finish(call)
        outlet.send(answer)

    while True:
        call = inbox.take()
        if call.op in beside:
            threading.Thread(target=work_on, args=(call,), daemon=True).start()
        else:
            work_on(call)


def _answer(call: Call, handlers: Mapping[str, Handler]) -> Reply:
    try:
        call.check()
        reply = handlers[call.op](call)
    except CallCancelled:
        return Reply(fields={"id": call.number, "cancelled": True})
    except T2IError as error:
        return _failure(call, error)
    except Exception as error:  # noqa: BLE001 - a bug in one call must not end the others
        if (short := shortage(error)) is not None:
            return _failure(call, short)
        traceback.print_exc()
        summary = f"'{call.op}' failed in a worker process: {type(error).__name__}: {error}"
        return _failure(call, EngineError(summary))
    return Reply(fields={"id": call.number, "result": reply.fields}, arrays=reply.arrays)


def _failure(call: Call, error: T2IError) -> Reply:
    fields = {
        "kind": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "field": error.field,
    }
    return Reply(fields={"id": call.number, "error": fields})


def _listen(source: BinaryIO, inbox: Inbox, outlet: Outlet) -> None:
    """Queue what arrives; at the end of the stream the parent is gone, and so is this process."""
    with contextlib.suppress(OSError, wire.WireError):
        while (message := wire.read(source)) is not None:
            number = message.whole("id")
            if message.fields.get("cancel"):
                inbox.cancel(number)
                continue
            request = Reply(fields=message.mapping("fields"), arrays=message.arrays)
            op, priority = message.text("op"), message.whole("priority")
            inbox.put(Call(number, op, priority, request, outlet))
    os._exit(0)


def _take_over_pipes() -> tuple[BinaryIO, Outlet]:
    """Keep the pipes for messages alone: what libraries print goes to the log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        _widen(0)
        _widen(1)
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return os.fdopen(source, "rb"), Outlet(os.fdopen(sink, "wb"))


def _widen(descriptor: int) -> None:
    import fcntl

    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, _F_SETPIPE_SZ, _PIPE_BYTES)
