"""A worker for tests: it answers, waits, hangs and dies when it is told to."""

import os
import sys
import threading
import time

from engine.errors import ModelMissingError
from engine.models.messages import Reply
from engine.workers.loop import Call, serve


def echo(call: Call) -> Reply:
    """Return what came, and the process id."""
    return Reply(fields={**call.request.fields, "pid": os.getpid()}, arrays=call.request.arrays)


def wait(call: Call) -> Reply:
    """Work in steps of a millisecond until cancelled."""
    call.report(pid=os.getpid())
    while True:
        call.check()
        time.sleep(0.001)


def give_way(call: Call) -> Reply:
    """Work in steps, after which others may go first, until the file `path` is there."""
    call.report(pid=os.getpid())
    while not os.path.exists(call.request.text("path")):  # noqa: PTH110
        call.pause()
        time.sleep(0.001)
    return Reply()


def hold(call: Call) -> Reply:
    """Work until the file `path` is there."""
    call.report(pid=os.getpid())
    while not os.path.exists(call.request.text("path")):  # noqa: PTH110
        time.sleep(0.001)
    return Reply()


def hang(call: Call) -> Reply:
    """Never look whether the call was cancelled."""
    call.report(pid=os.getpid())
    threading.Event().wait()
    return Reply()


def crash(call: Call) -> Reply:
    """End without a word to the parent."""
    os.write(2, b"RuntimeError: the floor gave way\n")
    os._exit(7)


def refuse(call: Call) -> Reply:
    """Raise an error of the engine."""
    raise ModelMissingError("no weights", hint="get some", field="model")


def stumble(call: Call) -> Reply:
    """Raise an error that nobody expected."""
    raise ZeroDivisionError("a bug")


def starve(call: Call) -> Reply:
    """Raise what Python raises where no thread can be started."""
    raise RuntimeError("can't start new thread")


def chat(call: Call) -> Reply:
    """Print, as libraries do, and say something on stderr."""
    os.write(1, b"noise on stdout\n")
    os.write(2, b"noise on stderr\n")
    return Reply(fields={"args": sys.argv[1:]})


if __name__ == "__main__":
    handlers = (echo, wait, give_way, hold, hang, crash, refuse, stumble, starve, chat)
    serve({handler.__name__: handler for handler in handlers})
