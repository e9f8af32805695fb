"""The group of commands; each is imported when it is asked for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from t2itui import __version__, streams
from t2itui.cli.support import boundary
from t2itui.cli.support.context import Context, Exit, pass_context
from t2itui.cli.support.paths import GivenPath

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from engine.engine import Engine

COMMANDS = {
    "index": "Bring folders of pictures into the library.",
    "search": "Rank the library by a description and say which pictures answer it.",
    "compare": "Compare pictures with descriptions of growing detail.",
    "where": "Show where in a picture the words of a description are.",
    "tag": "Say which words are true of pictures.",
    "train": "Fit a matcher on captions, classes or the built-in pictures.",
    "eval": "Measure the scorers on captions, classes or the built-in pictures.",
    "label": "Say whether a text fits a picture; labels calibrate match.",
    "generate": "Paint what the library lacks, and keep it with its recipe.",
    "sheet": "Paint prompts with every seed, step or model asked for, and score each picture.",
    "library": "Show what the library holds, what failed and what vanished.",
    "history": "List earlier decisions and replay them without a model.",
    "models": "List models and matchers; download, export, import or delete one.",
    "cache": "Import and export vectors; look after the cache file.",
    "doctor": "Check terminal, device, models, cache and disk.",
}
"""The one-line helps stand here so that `--help` imports no command."""


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What click says of the arguments quotes them."""
    try:
        yield
    except click.ClickException as error:
        from t2itui.text.plain import plain

        error.message = plain(error.message)  # type: ignore[misc]
        raise


class LazyGroup(click.Group):
    """A group whose commands live in `t2itui.cli.<name>` as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"t2itui.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _plain_errors():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        with _plain_errors():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command the app opens. Exit codes: 0 answered, 1 nothing passed the "
    "threshold, 2 wrong usage, 3 could not be done, 130 cancelled.",
)
@click.version_option(__version__, "-V", "--version", message="t2itui %(version)s")
@click.option(
    "--home",
    type=GivenPath(file_okay=False, path_type=Path),
    help="Folder of the cache and settings instead of T2ITUI_HOME or the user's data folder.",
)
@click.option(
    "--graphics",
    type=click.Choice(["auto", "kitty", "sixel", "halfcell", "text"]),
    help="How the app draws pictures; auto asks the terminal.",
)
@pass_context
@click.pass_context
def cli(click_context: click.Context, context: Context, home: Path | None, graphics: str) -> None:
    """Search your own pictures by description, in the terminal."""
    context.choose(home, graphics)
    if click_context.invoked_subcommand is None:
        open_app(context)


def open_app(context: Context) -> None:
    """Run the app in this terminal; where there is none, say what to run instead."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "the app needs a terminal. Without one, run `t2itui search TEXT --json`, "
            "`t2itui index DIR`, or `t2itui --help` for all commands."
        )
    settings = context.settings()
    from t2itui.crash import log_errors

    log_errors(context.home)
    from t2itui.terminal import TerminalDriver, Watch, end_at_signals

    end_at_signals()
    # The terminal is asked what it can draw before the app takes it over.
    from t2itui.graphics import detect

    graphics = detect(settings.graphics)
    from t2itui.app import T2ITuiApp
    from t2itui.session import Session

    def open_engine() -> AbstractAsyncContextManager[Engine]:
        from engine.engine import Engine

        return Engine.open(settings.engine(context.home))

    session = Session(graphics=graphics, settings=settings, home=context.home)
    app = T2ITuiApp(open_engine, session, driver_class=TerminalDriver)

    async def run() -> None:
        Watch(app.leave).start()
        await app.run_async()

    asyncio.run(run())
    raise SystemExit(app.return_code or int(Exit.ANSWERED))


def main() -> None:
    """Run the command line; the process ends with the command's exit code."""
    streams.take_over()
    context = Context()

    def command_line() -> object:
        return cli.main(prog_name="t2itui", standalone_mode=False, obj=context)

    raise SystemExit(boundary.run(command_line, lambda: context.home))
