"""`t2itui library`: what the library holds, what failed and what vanished."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine import disk, numbers
from engine.collections import BUILT_IN
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.paths import GivenPath
from t2itui.text.words import scope_folder

if TYPE_CHECKING:
    from engine.engine import Engine

_SWITCH = {"on": True, "off": False}


@click.group(invoke_without_command=True)
@click.option("--failures", is_flag=True, help="List the files that could not be read, and why.")
@click.option("--vanished", is_flag=True, help="List the paths that the last scan did not find.")
@click.option(
    "--forget",
    type=GivenPath(path_type=Path),
    metavar="DIR",
    help="Drop a folder from the library; its files stay where they are.",
)
@click.option(
    "--storybook",
    type=click.Choice(list(_SWITCH)),
    help="Take the built-in pictures into the library, or leave them out from now on.",
)
@click.option("--painted", is_flag=True, help="List the pictures that were painted here.")
@click.option(
    "--remove",
    "removed",
    multiple=True,
    type=GivenPath(path_type=Path),
    metavar="PICTURE",
    help="Delete a painted picture, its file too; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@click.pass_context
@pass_context
def command(
    context: Context,
    called: click.Context,
    failures: bool,
    vanished: bool,
    forget: Path | None,
    storybook: str | None,
    painted: bool,
    removed: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show the folders of the library and how much it holds.

    The storybook, 600 drawn pictures that come with the program, answers searches while there is
    nothing else. Beside pictures of your own it is searched only by `t2itui search --in storybook`.
    """
    if called.invoked_subcommand is not None:
        return
    others = (forget is not None) + (storybook is not None) + painted + bool(removed)
    if failures + vanished + others > 1:
        raise click.UsageError(
            "--failures, --vanished, --forget, --storybook, --painted and --remove exclude"
            " each other"
        )
    output = Output(as_json=as_json)
    folder = None if forget is None else scope_folder(forget)

    async def work(engine: Engine) -> Exit:
        if failures:
            await _write_failures(engine, output)
        elif vanished:
            await _write_vanished(engine, output)
        elif folder is not None:
            await _forget(engine, folder, output)
        elif storybook is not None:
            await _turn_storybook(engine, output, on=_SWITCH[storybook])
        elif painted:
            await _write_generated(engine, output)
        elif removed:
            await _remove(engine, [str(disk.from_root(path)) for path in removed], output)
        else:
            await _write_overview(engine, output)
        return Exit.ANSWERED

    context.run(output, work)


@command.command("attach")
@click.argument("folder", type=GivenPath(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write the job's events as JSON lines.")
@pass_context
def attach(context: Context, folder: Path, as_json: bool) -> None:
    """Make the shards in FOLDER part of the library, which `index --shards` wrote.

    They are never written to, and embeddings and thumbnails stay in their files. Attach again when
    shards were added. While the folder is not there (its disk is not mounted), the rest of the
    library answers, and the answer says so.
    """
    from engine.requests import AttachRequest
    from t2itui.cli.support.follow import follow

    output = Output(as_json=as_json)
    request = AttachRequest(folder=scope_folder(folder))

    async def work(engine: Engine) -> Exit:
        return await follow(engine, engine.attach(request), output)

    context.run(output, work, with_jobs=True)


@command.command("detach")
@click.argument("folder", type=GivenPath(path_type=Path))
@pass_context
def detach(context: Context, folder: Path) -> None:
    """Take the shards in FOLDER out of the library; their files stay as they are.

    Pictures below a folder that was indexed stay; the next `index` embeds them.
    """
    output = Output(as_json=False)

    async def work(engine: Engine) -> Exit:
        dropped = await engine.attachments.detach(scope_folder(folder))
        output.say(f"dropped {dropped:,} pictures; the shards stay where they are")
        return Exit.ANSWERED

    context.run(output, work)


async def _write_failures(engine: Engine, output: Output) -> None:
    records = await engine.library.failures()
    for record in records:
        if output.as_json:
            output.record("failure", asdict(record))
        else:
            output.line(f"{record.path}: {record.reason}")
    if not records:
        output.say("no file failed")


async def _write_vanished(engine: Engine, output: Output) -> None:
    paths = await engine.library.missing_files()
    for path in paths:
        if output.as_json:
            output.record("vanished", {"path": path})
        else:
            output.line(path)
    if not paths:
        output.say("nothing vanished")


async def _forget(engine: Engine, folder: Path, output: Output) -> None:
    from engine.errors import RequestError

    known = [record.path for record in await engine.library.folders()]
    if str(folder) not in known:
        raise RequestError(f"{folder} is no folder of the library", hint="\n  ".join(known))
    dropped = await engine.library.forget(folder)
    output.say(f"dropped {dropped} pictures; the files stay where they are")


async def _write_generated(engine: Engine, output: Output) -> None:
    records = await engine.generation.pictures()
    for record in records:
        values = {
            "path": record.path,
            "prompt": record.prompt,
            "seed": record.seed,
            "model": record.model_id,
            "cosine": record.cosine,
            "match": record.match,
        }
        if output.as_json:
            output.record("painted", values)
        else:
            output.line(f"{record.path}  {record.prompt}")
    if not records:
        output.say("nothing was painted yet: t2itui generate PROMPT")


async def _remove(engine: Engine, paths: list[str], output: Output) -> None:
    from engine.errors import RequestError

    known = {record.path: record.picture_id for record in await engine.generation.pictures(-1)}
    if unknown := [path for path in paths if path not in known]:
        hint = "t2itui library --painted lists them; other files are never deleted."
        raise RequestError(f"{unknown[0]} is no picture painted here", hint=hint)
    ids = [picture_id for path in paths if (picture_id := known[path]) is not None]
    removal = await engine.generation.remove(ids)
    for path in removal.left:
        output.say(f"{path} stays: it does not hold what was painted")
    output.say(f"removed {removal.pictures} painted pictures")


async def _turn_storybook(engine: Engine, output: Output, *, on: bool) -> None:
    if on:
        await engine.collection.bring_back()
    else:
        await engine.collection.leave_out()
    state = await engine.collection.state()
    if output.as_json:
        output.record("storybook", {"on": not state.is_left_out, "pictures": state.pictures})
    elif state.is_left_out:
        output.line("The storybook is left out; t2itui library --storybook on takes it back.")
    elif state.is_alone:
        output.line(f"The storybook's {state.pictures} pictures are the library.")
    else:
        output.line(
            f"The storybook's {state.pictures} pictures are beside your own:"
            " t2itui search TEXT --in storybook"
        )


async def _write_overview(engine: Engine, output: Output) -> None:
    held = await engine.library.counts()
    folders = await engine.library.folders()
    if output.as_json:
        output.record("library", asdict(held))
        for folder in folders:
            output.record("folder", asdict(folder))
        for attached in await engine.attachments.folders():
            output.record("attached", asdict(attached))
        return
    output.line(
        f"{held.pictures} pictures ({held.present} on disk, {held.vanished} vanished,"
        f" {held.partial} partial, {held.synthetic} painted), {held.failures} failures,"
        f" {held.bytes_on_disk / 1e6:.1f} MB cache"
    )
    for encoder, count in sorted(held.embedded.items()):
        output.line(f"  {count} embedded by {encoder}")
    if folders:
        rows = [
            (
                str(folder.pictures),
                str(folder.vanished),
                str(folder.failures),
                _day(folder.scanned_at),
                BUILT_IN.label if folder.is_builtin else folder.path,
            )
            for folder in folders
        ]
        output.table(("pictures", "vanished", "failures", "scanned", "folder"), rows)
    for attached in await engine.attachments.folders():
        state = "attached" if attached.is_here else "attached, and not there now"
        output.line(
            f"  {attached.pictures} in {attached.shards} shards of {attached.folder}, {state}"
        )
    if not folders and not held.pictures:
        output.say("the library is empty: t2itui index DIR brings pictures in")
        if not (await engine.collection.state()).is_left_out:
            output.say("until then the storybook answers searches")


def _day(when: float) -> str:
    return numbers.local_time(when).strftime("%Y-%m-%d %H:%M") if when else "never whole"
