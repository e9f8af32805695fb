"""`t2itui doctor`: what works here, what does not, and what to do."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from engine.states import CheckState
from t2itui.cli.support.context import Context, Exit, Output, pass_context

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.results import Check
    from engine.settings import EngineSettings

_MARKS = {
    CheckState.OK: "ok     ",
    CheckState.WARNING: "warning",
    CheckState.ERROR: "ERROR  ",
}


@click.command()
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Ask the machines of a Ray cluster, too: who is there, what differs, what storage each"
    " sees.  [default: settings]",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(context: Context, cluster: str | None, as_json: bool) -> None:
    """Check terminal, device, models, cache and disk, and say what to do.

    Exit code 3 when something is in the way, 0 otherwise.
    """
    output = Output(as_json=as_json)
    settings = context.settings()
    checks = [check_terminal(settings.graphics)]
    if cluster is not None:
        settings = replace(settings, cluster=cluster)
    checks += asyncio.run(_examine(settings.engine(context.home)))
    write_checks(checks, output)
    broken = any(check.state is CheckState.ERROR for check in checks)
    raise SystemExit(int(Exit.COULD_NOT if broken else Exit.ANSWERED))


async def _examine(settings: EngineSettings) -> Sequence[Check]:
    from engine.doctor import examine_unopened
    from engine.engine import Engine
    from engine.errors import CacheError

    try:
        async with Engine.open(settings, with_jobs=False) as engine:
            return await engine.doctor()
    except CacheError as error:
        return examine_unopened(settings, error)


def check_terminal(wanted: str) -> Check:
    """Say how pictures will be drawn here, and why."""
    from engine.results import Check
    from t2itui.graphics import detect

    graphics = detect(wanted)
    hint = ""
    if graphics.is_text:
        hint = "Pictures need a terminal with colours; --graphics halfcell tries nevertheless."
    return Check(
        name="terminal",
        state=CheckState.WARNING if graphics.is_text else CheckState.OK,
        message=f"pictures as {graphics.protocol}: {graphics.reason}",
        hint=hint,
    )


def write_checks(checks: Iterable[Check], output: Output) -> None:
    """Write checks, one a line with its hint below it."""
    for check in checks:
        if output.as_json:
            output.record("check", asdict(check))
            continue
        output.line(f"{_MARKS[check.state]}  {check.name:<10} {check.message}")
        if check.hint and check.state is not CheckState.OK:
            output.line(f"         {'':<10} {check.hint}", dim=True)
