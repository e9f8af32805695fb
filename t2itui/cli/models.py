"""`t2itui models`: what encoders and generators are known, present and indexed; fetch one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine import numbers
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Whole
from t2itui.cli.support.paths import GivenPath

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.results import MatcherRecord, ModelStatus


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
@click.pass_context
def command(click_context: click.Context, context: Context, as_json: bool) -> None:
    """List the models that are known, on this machine, or used by the library, and matchers."""
    if click_context.invoked_subcommand is not None:
        return
    output = Output(as_json=as_json)

    async def work(engine: Engine) -> Exit:
        write_models(await engine.models(), output)
        write_generators(await engine.generator_models(), output)
        training = engine.training
        write_matchers(await training.matchers(), output, await training.unusable())
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


def write_generators(models: list[ModelStatus], output: Output) -> None:
    """Write generators, one a line."""
    if output.as_json:
        for model in models:
            output.record("model", asdict(model))
        return
    rows = [(model.id, "yes" if model.location else "no", model.note) for model in models]
    output.table(("generator", "present", "note"), rows, left="generator present note")


def write_matchers(
    matchers: list[MatcherRecord], output: Output, unusable: Mapping[int, str]
) -> None:
    """Write the matchers that were kept with what was measured of them, the newest first.

    `unusable` says by number which ones cannot be used, and why.
    """
    from engine.scoring.matcher import head_of
    from engine.training.report import summary

    in_force: set[str] = set()
    rows = []
    for matcher in matchers:
        is_first = matcher.encoder_id not in in_force
        in_force.add(matcher.encoder_id)
        trouble = unusable.get(matcher.id, "")
        told = f"unreadable: {trouble}" if trouble else summary(matcher.report)
        head = head_of(matcher.weights) or "?"
        if output.as_json:
            values = {
                "id": matcher.id,
                "encoder": matcher.encoder_id,
                "head": head,
                "in_force": is_first,
                "created_at": matcher.created_at,
                "summary": told,
                "unreadable": trouble,
                "report": matcher.report,
            }
            output.record("matcher", values)
            continue
        day = numbers.local_time(matcher.created_at).strftime("%Y-%m-%d %H:%M")
        force = "in force" if is_first else ""
        rows.append((str(matcher.id), head, matcher.encoder_id, day, force, told))
    if rows:
        output.line()
        columns = ("matcher", "head", "encoder", "kept", "", "report")
        output.table(columns, rows, left="head encoder kept ")
    for number in unusable:
        output.say(f"t2itui models remove {number} deletes the matcher {number}")


@command.command("export")
@click.argument("matcher_id", metavar="MATCHER", type=Whole())
@click.argument("target", type=GivenPath(dir_okay=False, path_type=Path))
@pass_context
def export(context: Context, matcher_id: int, target: Path) -> None:
    """Write a MATCHER, its report inside, to TARGET as safetensors."""
    output = Output()

    async def work(engine: Engine) -> Exit:
        await engine.training.export(matcher_id, target)
        return Exit.ANSWERED

    context.run(output, work)


@command.command("import")
@click.argument("source", type=GivenPath(exists=True, dir_okay=False, path_type=Path))
@pass_context
def take_in(context: Context, source: Path) -> None:
    """Keep the matcher in SOURCE, a safetensors file, and put it in force for its encoder."""
    output = Output()

    async def work(engine: Engine) -> Exit:
        number = await engine.training.take_in(source)
        output.line(f"kept as matcher {number}")
        return Exit.ANSWERED

    context.run(output, work)


@command.command("remove")
@click.argument("matcher_id", metavar="MATCHER", type=Whole())
@pass_context
def remove(context: Context, matcher_id: int) -> None:
    """Delete a MATCHER; the one kept before it for its encoder is in force then."""
    output = Output()

    async def work(engine: Engine) -> Exit:
        await engine.training.remove(matcher_id)
        output.line(f"matcher {matcher_id} is deleted")
        return Exit.ANSWERED

    context.run(output, work)


@command.command("get")
@click.argument("model_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Write the job's events as JSON lines.")
@pass_context
def get(context: Context, model_id: str, as_json: bool) -> None:
    """Download the model with this hub ID; Ctrl-C stops it, the next run goes on."""
    from t2itui.cli.support.follow import follow

    output = Output(as_json=as_json)

    async def work(engine: Engine) -> Exit:
        return await follow(engine, engine.download(model_id), output)

    context.run(output, work, with_jobs=True)
