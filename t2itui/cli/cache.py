"""`t2itui cache`: vectors from and for elsewhere, and the repair of what is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine import disk
from engine.states import JobKind
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Finite, asked, request_options
from t2itui.cli.support.paths import GivenPath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.engine import Engine
    from engine.library.repair import RepairPlan
    from engine.results import StatesUsage


@click.group()
def command() -> None:
    """Import and export vectors, show what is kept of patches and words, repair what is damaged."""


@command.command("import")
@request_options(JobKind.IMPORT, logit_scale=Finite(min=0, min_open=True))
@click.option("--json", "as_json", is_flag=True, help="Write the job's events as JSON lines.")
@pass_context
def import_vectors(
    context: Context,
    /,
    as_json: bool,
    **fields: object,
) -> None:
    """Bring vectors of pictures, texts or both into the cache.

    An imported text answers that query without a model. Pictures that are not below --root are
    listed by name.
    """
    from engine.requests import ImportRequest
    from t2itui.cli.support.follow import follow

    values = asked(fields)
    if not values.keys() & {"pictures", "texts"}:
        raise click.UsageError("give --pictures, --texts or both")
    output = Output(as_json=as_json)
    request = ImportRequest(**values)

    async def work(engine: Engine) -> Exit:
        return await follow(engine, engine.import_vectors(request), output)

    context.run(output, work, with_jobs=True)


@command.command("export")
@click.argument("target", type=GivenPath(path_type=Path))
@request_options(JobKind.EXPORT)
@click.option("--json", "as_json", is_flag=True, help="Write the job's events as JSON lines.")
@pass_context
def export_vectors(context: Context, /, target: Path, as_json: bool, **fields: object) -> None:
    """Write the vectors of one encoder to TARGET: a .npz file, or a folder for clip-retrieval."""
    from engine.requests import ExportRequest
    from t2itui.cli.support.follow import follow

    output = Output(as_json=as_json)
    request = ExportRequest(target=disk.from_root(target), **asked(fields))

    async def work(engine: Engine) -> Exit:
        return await follow(engine, engine.export_vectors(request), output)

    context.run(output, work, with_jobs=True)


@command.command("states")
@click.option("--clear", is_flag=True, help="Drop them; they are made anew when they are wanted.")
@click.option("--encoder", metavar="ID", help="Only those of one encoder.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def states(context: Context, clear: bool, encoder: str | None, as_json: bool) -> None:
    """Show how much is kept of what encoders make of patches and words, or drop it.

    It is kept for pictures that `where` or `search --scorer maxsim` looked at, up to `states_gib`
    of settings.toml; what was used longest ago goes first.
    """
    output = Output(as_json=as_json)

    async def work(engine: Engine) -> Exit:
        if clear:
            gone = await engine.local_states.clear(encoder)
            write_states([gone], output, is_gone=True)
            return Exit.ANSWERED
        kept = await engine.local_states.usage()
        chosen = [each for each in kept if encoder in (None, each.encoder_id)]
        write_states(chosen, output)
        return Exit.ANSWERED

    context.run(output, work)


def write_states(usage: Sequence[StatesUsage], output: Output, *, is_gone: bool = False) -> None:
    """Write how much is, or was, kept of encoders."""
    from dataclasses import asdict

    from t2itui.text.words import counted, size_words

    if output.as_json:
        for each in usage:
            output.record("states", {**asdict(each), "cleared": is_gone})
        return
    if not usage:
        output.say("no states of patches or words are kept")
    for each in usage:
        amount = f"{counted(each.pictures, 'picture')}, {counted(each.texts, 'text')}"
        name = "dropped" if is_gone else each.encoder_id
        output.line(f"{name}: {amount}, {size_words(each.bytes)}")


@command.command("repair")
@click.option("--json", "as_json", is_flag=True, help="Write the jobs' events as JSON lines.")
@pass_context
def repair(context: Context, as_json: bool) -> None:
    """Keep what is damaged aside, and make it anew from your pictures.

    Damaged embeddings, or the whole cache file where that is damaged, go into the folder `damaged`
    of the home. Then the indexed folders are read again. Pictures are never touched.
    """
    from engine.library.repair import set_file_aside
    from t2itui.cli.support.follow import follow

    output = Output(as_json=as_json)
    plans: list[RepairPlan] = []

    async def begin() -> None:
        plans.append(await set_file_aside(context.settings().engine(context.home)))

    async def work(engine: Engine) -> Exit:
        plans.append(await engine.repair())
        for plan in plans:
            if plan.aside is not None:
                output.say(f"what was damaged is in {plan.aside}")
            for warning in plan.warnings:
                output.say(f"note: {warning}")
        if all(plan.aside is None for plan in plans):
            output.say("nothing is damaged")
        code = Exit.ANSWERED
        for request in (request for plan in plans for request in plan.requests):
            code = max(code, await follow(engine, engine.index(request), output))
        return code

    context.run(output, work, with_jobs=True, before=begin)
