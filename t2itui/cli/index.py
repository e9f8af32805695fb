"""`t2itui index`: bring folders into the library."""

from pathlib import Path

import click

from engine import disk
from engine.states import JobKind
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import asked, request_options
from t2itui.cli.support.paths import FolderOrAddress


@click.command()
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=FolderOrAddress(exists=True, file_okay=False, path_type=Path),
)
@request_options(JobKind.INDEX)
@click.option("--json", "as_json", is_flag=True, help="Write the job's events as JSON lines.")
@pass_context
def command(
    context: Context,
    /,
    folders: tuple[Path | str, ...],
    as_json: bool,
    **fields: object,
) -> None:
    """Bring FOLDERS of pictures into the library, or up to date.

    Unchanged files are not opened again. Interrupt it at any moment and run it again: it goes on
    where it was.

    It needs an encoder for photographs, once: t2itui models get openai/clip-vit-base-patch32.
    The encoder of the built-in pictures knows drawn animals only: good for trying things out, not
    for your photographs.

    With --shards a folder may be an address of other storage, as fsspec writes it: s3://bucket/photos,
    or zip://::file:///photos.zip for an archive.
    """
    from engine.engine import Engine
    from engine.requests import IndexRequest
    from t2itui.cli.support.follow import follow

    output = Output(as_json=as_json)
    request = IndexRequest(
        folders=tuple(disk.from_root(each) for each in folders if isinstance(each, Path)),
        addresses=tuple(each for each in folders if isinstance(each, str)),
        **asked(fields),
    )

    async def work(engine: Engine) -> Exit:
        return await follow(engine, engine.index(request), output)

    context.run(output, work, with_jobs=True)
