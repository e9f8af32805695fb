"""What every command shares: the home folder, the settings, how to run, to write and to fail."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from t2itui.streams import OutputLostError, is_closed, says_all
from t2itui.text.plain import plain, plain_json
from t2itui.text.tables import write_table

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
    """One run's options that stand before the command, and what follows from them."""

    def __init__(self) -> None:
        self._chosen: Path | None = None
        self._graphics: str | None = None

    @property
    def home(self) -> Path:
        """The home folder. Raises T2IError where there is none, and none was named."""
        return _home_folder(self._chosen)

    def choose(self, home: Path | None, graphics: str | None) -> None:
        """Take the options that stand before the command."""
        self._chosen = home
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
        before: Callable[[], Awaitable[None]] | None = None,
        cluster: str | None = None,
        paint_cluster: str | None = None,
    ) -> None:
        """Open the engine, do the work and end the process with its exit code.

        `before` is done first, while nothing has the cache open. `cluster` and
        `paint_cluster` take the place of the addresses in the settings.

        An error becomes a message with a hint, in JSON where that was asked for; Ctrl-C cancels.
        """
        from engine.errors import T2IError
        from t2itui.crash import last_words, log_errors

        log_errors(self.home)
        addresses = cluster, paint_cluster
        try:
            code = int(asyncio.run(self._with_engine(work, with_jobs, before, addresses)))
        except KeyboardInterrupt:
            output.say("cancelled")
            code = Exit.CANCELLED
        except T2IError as error:
            output.error(type(error).__name__, error.message, error.hint)
            code = error.exit_code
        except (click.ClickException, OutputLostError):
            raise
        except Exception as error:  # noqa: BLE001 - a script that reads JSON is to hear of it there
            output.error(type(error).__name__, *last_words(self.home, error))
            code = Exit.COULD_NOT
        raise SystemExit(int(code))

    async def _with_engine(
        self,
        work: Callable[[Engine], Awaitable[Exit]],
        with_jobs: bool,
        before: Callable[[], Awaitable[None]] | None,
        addresses: tuple[str | None, str | None],
    ) -> Exit:
        from dataclasses import replace

        from engine.engine import Engine

        if before is not None:
            await before()
        settings, (cluster, paint_cluster) = self.settings().engine(self.home), addresses
        if cluster is not None:
            settings = replace(settings, cluster=cluster)
        if paint_cluster is not None:
            settings = replace(settings, paint_cluster=paint_cluster)
        opening = Engine.open(settings, with_jobs=with_jobs, measures_beside=False)
        async with opening as engine:
            return await work(engine)


pass_context = click.make_pass_decorator(Context, ensure=True)


class Output:
    """Writes for a person, or JSON lines where a program reads.

    Nothing else writes (`tests/t2itui/cli/test_untrusted_text.py`), and untrusted text is made
    safe here, so that no command can forget it.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def record(self, kind: str, values: Mapping[str, object]) -> None:
        """Write one JSON line of type `kind` to stdout."""
        text = json.dumps({"type": kind, **values}, ensure_ascii=not says_all(), allow_nan=False)
        sys.stdout.write(plain_json(text) + "\n")
        sys.stdout.flush()

    def line(self, text: str = "", *, dim: bool = False, bold: bool = False) -> None:
        """Write one line of a result for a person; colours go where stdout is no terminal."""
        click.echo(click.style(plain(text), dim=dim or None, bold=bold or None))

    def path(self, path: str, end: str) -> None:
        """Write a path to stdout for a program that opens it: the bytes of the name."""
        sys.stdout.flush()
        try:
            sys.stdout.buffer.write(path.encode("utf-8", "surrogateescape") + end.encode())
            sys.stdout.buffer.flush()
        except OSError as error:
            raise OutputLostError(error) from error

    def closing(self, text: str) -> None:
        """Write the last sentence on work that is done; who closed stdout does without it."""
        if not is_closed():
            self.line(text)

    def say(self, text: str) -> None:
        """Write a remark to stderr."""
        click.echo(plain(text), err=True)

    def error(self, kind: str, message: str, hint: str = "") -> None:
        """Report why the command could not do its work, and what to do about it."""
        if self.as_json:
            self.record("error", {"error": kind, "message": message, "hint": hint})
        click.echo(click.style("error: ", fg="red") + plain(message), err=True)
        if hint:
            click.echo("  " + plain(hint), err=True)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, left: str = "") -> None:
        """Write columns as wide as their longest cell; names in `left` are set to the left."""
        write_table(self, head, rows, left=left)
