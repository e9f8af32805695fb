"""`t2itui cache`: vectors from and for elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.states import VectorLayout
from t2itui.cli.support.context import Context, Exit, pass_context
from t2itui.cli.support.output import Output

if TYPE_CHECKING:
    from engine.engine import Engine


# Of members click would show the names.
_LAYOUTS = [layout.value for layout in VectorLayout]


@click.group()
def command() -> None:
    """Import vectors that were made elsewhere, and export those of the library."""


@command.command("import")
@click.option("--encoder", required=True, metavar="ID", help="The encoder that made the vectors.")
@click.option(
    "--pictures",
    type=click.Path(exists=True, path_type=Path),
    help="A .npz with arrays `image` (names) and `vector`, or a folder made by clip-retrieval.",
)
@click.option(
    "--texts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A .npz with arrays `text` and `vector`.",
)
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the named pictures lie.",
)
@click.option("--logit-scale", type=click.FloatRange(min=0, min_open=True), default=100.0)
@click.option(
    "--language", "languages", multiple=True, default=("en",), show_default=True, metavar="CODE"
)
@click.option("--json", "as_json", is_flag=True, help="Write the job's events as JSON lines.")
@pass_context
def import_vectors(
    context: Context,
    encoder: str,
    pictures: Path | None,
    texts: Path | None,
    root: Path | None,
    logit_scale: float,
    languages: tuple[str, ...],
    as_json: bool,
) -> None:
    """Bring vectors of pictures, texts or both into the cache.

    An imported text answers that query without a model. Pictures that are not below --root are
    listed by name.
    """
    from engine.requests import ImportRequest
    from t2itui.cli.support.follow import follow

    if pictures is None and texts is None:
        raise click.UsageError("give --pictures, --texts or both")
    output = Output(as_json=as_json)
    request = ImportRequest(
        encoder_id=encoder,
        pictures=pictures,
        texts=texts,
        root=None if root is None else root.absolute(),
        logit_scale=logit_scale,
        languages=languages,
    )

    async def work(engine: Engine) -> Exit:
        return await follow(engine, engine.import_vectors(request), output)

    context.run(output, work, with_jobs=True)


@command.command("export")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--encoder", required=True, metavar="ID", help="Whose vectors.")
@click.option("--layout", type=click.Choice(_LAYOUTS), default=_LAYOUTS[0], show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Write the job's events as JSON lines.")
@pass_context
def export_vectors(
    context: Context, target: Path, encoder: str, layout: str, as_json: bool
) -> None:
    """Write the vectors of one encoder to TARGET: a .npz file, or a folder for clip-retrieval."""
    from engine.requests import ExportRequest
    from t2itui.cli.support.follow import follow

    output = Output(as_json=as_json)
    request = ExportRequest(encoder_id=encoder, target=target.absolute(), layout=layout)

    async def work(engine: Engine) -> Exit:
        return await follow(engine, engine.export_vectors(request), output)

    context.run(output, work, with_jobs=True)
