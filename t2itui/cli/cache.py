"""`t2itui cache`: vectors from and for elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine import disk
from engine.states import JobKind
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Finite, asked, request_options

if TYPE_CHECKING:
    from engine.engine import Engine


@click.group()
def command() -> None:
    """Import vectors that were made elsewhere, and export those of the library."""


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
@click.argument("target", type=click.Path(path_type=Path))
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
