"""The terminal that the app runs on, and what ends the app when it goes.

A terminal may go without a word: its window is closed, the connection is cut, the program that
started this one (`make run`) stays between the two and passes no signal on. What is left then are
the end of the input, and a parent that is gone.
"""

from __future__ import annotations

import asyncio
import os
import queue
import selectors
import signal
import sys
import termios
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from t2itui.streams import remarks

if TYPE_CHECKING:
    from textual.app import App

SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""What ends the app from outside; keys never send one while it runs."""
LIMIT_S = 1.4
"""After a signal the process is gone within so many seconds, whatever it is at."""
PARENT_S = 0.25
"""So often the parent is looked for."""

_LEFT_ON = (
    "\x1b[?2004l"  # marks around what is pasted
    "\x1b[?7h"  # no line wrap
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # reports of the mouse
    "\x1b[?1004l\x1b[?2048l"  # and of focus and size
    "\x1b[<u"  # the Kitty keyboard
    "\x1b[?1049l\x1b[?25h\x1b[0m"  # alternate screen, no cursor, colours
)
"""Undoes all that Textual switches on."""


def end_at_signals() -> None:
    """Until the app runs, let a signal end the program as an error would: all is put back."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for each in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(each, end)


class TerminalDriver(LinuxDriver):
    """Draws on the terminal also where stderr goes elsewhere, and takes its end for a hang-up."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        # A terminal that takes nothing any more must not end the thread that writes to it: the
        # event loop would wait for that thread for ever.
        self._file = remarks(2 if os.isatty(2) else 1)

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal again after a stop that said nothing before (SIGSTOP).

        Textual would start a second thread that reads keys beside the first, which then waits for
        ever and the program for it, and would take the app's own settings for the shell's.
        """
        if self._key_thread is None or not self._key_thread.is_alive():
            super()._sigcont_application()
            return
        before = self.attrs_before
        self.disable_input()
        self.close()
        self._must_signal_resume = True
        super()._sigcont_application()
        self.attrs_before = before

    def stop_application_mode(self) -> None:
        super().stop_application_mode()
        self.write("\x1b[?1016l")

    def run_input_thread(self) -> None:
        """Pass on what is typed until the app ends, or the terminal does."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    typed = _read(self.fileno)
                    if typed == b"":
                        os.kill(os.getpid(), signal.SIGHUP)
                        break
                    for message in parser.feed(decode(typed or b"")):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
        with suppress(EOFError, ParseError):
            for _ in parser.feed(""):
                pass


def _read(descriptor: int) -> bytes | None:
    """What was typed; empty where nothing will come any more, None where nothing came yet."""
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return None
    except OSError:
        return b""


class Watch:
    """Ends the app, from a thread beside it, at a signal, or when its parent is gone.

    `leave` is called on the event loop with the signal, and returns whether the app stays for its
    jobs. If it does not, the process ends within `LIMIT_S`, even if the event loop hangs.
    """

    def __init__(self, leave: Callable[[signal.Signals], bool]) -> None:
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        self._heard: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
        self._parent = os.getppid()
        self._terminal = _Settings()

    def start(self) -> None:
        """Listen from now on; call it on the main thread."""
        for each in SIGNALS:
            signal.signal(each, self._hear)
        threading.Thread(target=self._wait, name="terminal-watch", daemon=True).start()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._heard.put(signal.Signals(number))

    def _wait(self) -> None:
        while True:
            number = self._next()
            deadline = time.monotonic() + LIMIT_S
            if self._stays(number):
                continue
            time.sleep(max(0.0, deadline - time.monotonic()))
            self._terminal.restore()
            os._exit(128 + number)

    def _next(self) -> signal.Signals:
        while True:
            with suppress(queue.Empty):
                return self._heard.get(timeout=PARENT_S)
            if os.getppid() != self._parent:
                self._parent = os.getppid()
                return signal.SIGHUP

    def _stays(self, number: signal.Signals) -> bool:
        answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        with suppress(RuntimeError, queue.Empty):
            self._loop.call_soon_threadsafe(lambda: answers.put(self._leave(number)))
            return answers.get(timeout=LIMIT_S)
        return False


class _Settings:
    """How the terminal was set before the app changed it."""

    def __init__(self) -> None:
        self._path, self._attributes = "", list[Any]()
        stdin = sys.__stdin__
        with suppress(OSError, ValueError, termios.error):
            if stdin is not None:
                self._path = os.ttyname(stdin.fileno())
                self._attributes = termios.tcgetattr(stdin.fileno())

    def restore(self) -> None:
        """Set it so again, without waiting for a terminal that takes nothing."""
        if not self._path:
            return
        # A program in the background that sets its terminal is stopped, unless it blocks this.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        with suppress(OSError, termios.error):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            termios.tcsetattr(descriptor, termios.TCSANOW, self._attributes)
            os.write(descriptor, _LEFT_ON.encode())
