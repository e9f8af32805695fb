"""`t2itui models`: what encoders are known, present and indexed; fetch one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from t2itui.cli.context import Context, Exit, pass_context
from t2itui.cli.output import Output

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.results import ModelStatus


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
@click.pass_context
def command(click_context: click.Context, context: Context, as_json: bool) -> None:
    """List the encoders that are known, on this machine, or used by the library."""
    if click_context.invoked_subcommand is not None:
        return
    output = Output(as_json=as_json)

    async def work(engine: Engine) -> Exit:
        write_models(await engine.models(), output)
        return Exit.ANSWERED

    context.run(output, work)


def write_models(models: list[ModelStatus], output: Output) -> None:
    """Write models, one a line."""
    if output.as_json:
        for model in models:
            output.record("model", asdict(model))
        return
    rows = [
        (
            model.id,
            "yes" if model.location else "no",
            str(model.indexed),
            " ".join(model.languages),
            model.matcher or "-",
            model.note,
        )
        for model in models
    ]
    head = ("encoder", "present", "indexed", "reads", "match", "note")
    output.table(head, rows, left="encoder present reads match")
    if not all(model.location for model in models):
        output.say("t2itui models get ID downloads one")


@command.command("get")
@click.argument("model_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Write the job's events as JSON lines.")
@pass_context
def get(context: Context, model_id: str, as_json: bool) -> None:
    """Download the encoder with this hub ID; Ctrl-C stops it, the next run goes on."""
    from t2itui.cli.follow import follow

    output = Output(as_json=as_json)

    async def work(engine: Engine) -> Exit:
        return await follow(engine, engine.download(model_id), output)

    context.run(output, work, with_jobs=True)
