"""Opening the app from the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from t2itui.cli.support.context import Context, Exit

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from engine.engine import Engine


def open_app(context: Context) -> None:
    """Run the app in this terminal; where there is none, say what to run instead."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "the app needs a terminal. Without one, run `t2itui search TEXT --json`, "
            "`t2itui index DIR`, or `t2itui --help` for all commands."
        )
    settings = context.settings()
    # The terminal is asked what it can draw before the app takes it over.
    from t2itui.graphics import detect

    graphics = detect(None if settings.graphics == "auto" else settings.graphics)
    from t2itui.app import T2ITuiApp
    from t2itui.session import Session

    def open_engine() -> AbstractAsyncContextManager[Engine]:
        from engine.engine import Engine

        return Engine.open(settings.engine(context.home))

    session = Session(graphics=graphics, settings=settings, home=context.home)
    app = T2ITuiApp(open_engine, session)
    app.run()
    raise SystemExit(app.return_code or int(Exit.ANSWERED))
