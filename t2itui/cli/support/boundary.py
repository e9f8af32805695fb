"""The end of every run of the command line: an exit code, and at most a sentence or two.

No error leaves a traceback on the terminal, and none the exit code 1: that is an answer.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from t2itui import streams
from t2itui.cli.support.context import Exit, Output


def run(work: Callable[[], object], home: Callable[[], Path | None]) -> int:
    """Do what the command line says; the exit code of the process, after the answer is out.

    `home` is asked for the folder of the log only where something unforeseen happened.
    """
    _hear_interrupts()
    code = _attempt(lambda: _code_of(work), home)
    # An answer that was held back may still get lost, and so may what was said about that.
    after = _attempt(_written, home)
    return code if after == Exit.ANSWERED else after


def _hear_interrupts() -> None:
    """Let Ctrl-C cancel from now on, unless whoever started the program has it ignored."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _attempt(work: Callable[[], int], home: Callable[[], Path | None]) -> int:
    from engine.errors import T2IError, shortage

    output = Output()
    try:
        return work()
    except (KeyboardInterrupt, click.Abort):
        output.say("cancelled")
        return Exit.CANCELLED
    except streams.OutputLostError as error:
        streams.abandon()
        if error.is_reader_gone:
            return Exit.ANSWERED
        output.error(type(error).__name__, str(error))
    except click.ClickException as error:
        error.show()
        return Exit.WRONG_USAGE if isinstance(error, click.UsageError) else Exit.COULD_NOT
    except T2IError as error:
        output.error(type(error).__name__, error.message, error.hint)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last one to know of it, who keeps the traceback
        if (short := shortage(error)) is not None:
            output.error(type(short).__name__, short.message, short.hint)
            return short.exit_code
        from t2itui.crash import last_words

        output.error(type(error).__name__, *last_words(_found(home), error))
    return Exit.COULD_NOT


def _found(home: Callable[[], Path | None]) -> Path | None:
    with suppress(Exception):
        return home()
    return None


def _code_of(work: Callable[[], object]) -> int:
    try:
        answer = work()
    except SystemExit as end:
        answer = end.code
    # Click returns the code of what ended early, such as a help text, and else None.
    return answer if isinstance(answer, int) else int(Exit.ANSWERED)


def _written() -> int:
    streams.finish()
    return Exit.ANSWERED
