"""What every command shares: the home folder, the settings, and one way to run and to fail."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from t2itui.cli.support.output import Output
from t2itui.text.plain import plain

if TYPE_CHECKING:
    from engine.engine import Engine
    from t2itui.settings import AppSettings


class Exit(IntEnum):
    """The exit codes of every command."""

    ANSWERED = 0
    NOTHING_PASSED = 1
    WRONG_USAGE = 2
    COULD_NOT = 3
    CANCELLED = 130


def _home_folder(chosen: Path | None = None) -> Path:
    # The settings import the engine's, which the names and helps of the commands do without.
    from t2itui.settings import home_folder

    return home_folder(chosen)


class Context:
    """Built once a run, from the options that stand before the command."""

    def __init__(self) -> None:
        self.home = _home_folder()
        self._graphics: str | None = None

    def choose(self, home: Path | None, graphics: str | None) -> None:
        """Take the options that stand before the command."""
        self.home = _home_folder(home)
        self._graphics = graphics

    def settings(self) -> AppSettings:
        """The settings of the home folder with the options of this run in them.

        Raises:
            click.UsageError: the settings file cannot be used.
        """
        from dataclasses import replace

        from t2itui.settings import SettingsError, load

        try:
            settings = load(self.home)
        except SettingsError as error:
            raise click.UsageError(plain(f"{error}. Correct the file or remove it.")) from error
        return settings if self._graphics is None else replace(settings, graphics=self._graphics)

    def run(
        self,
        output: Output,
        work: Callable[[Engine], Awaitable[Exit]],
        *,
        with_jobs: bool = False,
    ) -> None:
        """Open the engine, do the work and end the process with its exit code.

        An error becomes a message with a hint, in JSON where that was asked for; Ctrl-C cancels.
        """
        from engine.errors import T2IError

        try:
            code = int(asyncio.run(self._with_engine(work, with_jobs)))
        except KeyboardInterrupt:
            output.say("cancelled")
            code = Exit.CANCELLED
        except T2IError as error:
            output.error(type(error).__name__, error.message, error.hint)
            code = error.exit_code
        except BrokenPipeError:
            # The reader had enough; a second failure at shutdown would print a traceback.
            sys.stdout = None
            code = Exit.ANSWERED
        raise SystemExit(code)

    async def _with_engine(
        self, work: Callable[[Engine], Awaitable[Exit]], with_jobs: bool
    ) -> Exit:
        from engine.engine import Engine

        settings = self.settings().engine(self.home)
        opening = Engine.open(settings, with_jobs=with_jobs, measures_beside=False)
        async with opening as engine:
            return await work(engine)


pass_context = click.make_pass_decorator(Context, ensure=True)
