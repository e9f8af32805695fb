"""`t2itui generate`: paint what the library lacks."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import disk, numbers
from engine.collections import BUILT_IN
from engine.states import JobKind
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Whole, asked, request_options
from t2itui.cli.support.paths import GivenPath, PicturePath

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.generation.request import GenerateRequest
    from engine.jobs.jobs import Job
    from engine.models.parameters import Lora, MaskBox

_PICTURE = GivenPath(exists=True, dir_okay=False, path_type=Path)


class Size(click.ParamType[tuple[int, int]]):
    """`512x384`, or `512` for a square."""

    name = "WxH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        parts = str(value).lower().replace("×", "x").split("x")
        if len(parts) > 2 or not all(part.isdecimal() for part in parts):
            self.fail(f"{value!r} is no size: write 512x384, or 512 for a square", param, ctx)
        return int(parts[0]), int(parts[-1])


class LoraFile(click.ParamType["Lora"]):
    """`FILE` or `FILE:WEIGHT`; a colon may be part of the name."""

    name = "FILE[:W]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Lora:
        from engine.models.parameters import read_lora

        return read_lora(str(value))


class BoxText(click.ParamType["MaskBox"]):
    """`0.1,0.2,0.5,0.5` in fractions of the sides, or in pixels."""

    name = "X,Y,W,H"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> MaskBox:
        from engine.models.parameters import read_box

        try:
            return read_box(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("prompt", nargs=-1)
@request_options(
    JobKind.GENERATE,
    size=Size(),
    loras=LoraFile(),
    start_picture=PicturePath(exists=True, dir_okay=False, path_type=Path),
    mask_box=BoxText(),
    library=click.Choice([BUILT_IN.name]),
)
@click.option("--from", "source", type=_PICTURE, help="Repeat the recipe in this picture.")
@click.option(
    "--fresh",
    is_flag=True,
    help="Paint anew what was painted before; with --again by another seed.",
)
@click.option("--no-preview", is_flag=True, help="Leave the previews out of --json.")
@click.option("--save-as", type=GivenPath(path_type=Path), help="Copy the best picture here.")
@click.option("--again", type=Whole(), metavar="JOB", help="Run a job of any session as it was.")
@click.option("--unfinished", is_flag=True, help="List jobs that the program's end stopped.")
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Paint on a machine of a Ray cluster.  [default: settings]",
)
@click.option("--json", "as_json", is_flag=True, help="Write the job's events as JSON lines.")
@pass_context
def command(
    context: Context,
    /,
    prompt: tuple[str, ...],
    source: Path | None,
    fresh: bool,
    no_preview: bool,
    save_as: Path | None,
    again: int | None,
    unfinished: bool,
    cluster: str | None,
    as_json: bool,
    **fields: object,
) -> None:
    """Paint PROMPT, keep the picture with its recipe, and score it as a search would.

    From then on searches find it. The same request with the same model comes from the cache.
    """
    output = Output(as_json=as_json)
    text = " ".join(prompt).strip()
    if unfinished:
        context.run(output, lambda engine: _list_unfinished(engine, output), with_jobs=True)
    preview = as_json and not no_preview
    given = asked(fields)
    if not text and again is None and source is None and given.get("start_picture") is None:
        raise click.UsageError("say what to paint, or give --from PICTURE or --again JOB")
    if save_as is not None and disk.is_folder(save_as):
        raise click.UsageError(f"--save-as {save_as} is a folder: name a file in it")
    if again is not None and (text or source or given):
        raise click.UsageError("--again runs a job as it was; of other options --fresh changes it")
    library = given.pop("library", None)
    given |= {"preview": preview, **({"prompt": text} if text else {})}
    if size := given.pop("size", None):
        given["width"], given["height"] = size
    picture = disk.from_root(source) if source else None

    async def work(engine: Engine) -> Exit:
        from t2itui.cli.support.follow import best_of, follow_generation

        if again is not None:
            job = await engine.generation.again(again, new_seed=fresh, preview=preview)
        else:
            job = await _start(engine, picture, given, library, fresh=fresh, output=output)
        code = await follow_generation(engine, job, output)
        if code is Exit.ANSWERED and save_as is not None:
            shutil.copyfile(best_of(engine.generation.results(job.id)).path, save_as)
        return code

    context.run(output, work, with_jobs=True, paint_cluster=cluster)


async def _start(
    engine: Engine,
    source: Path | None,
    given: dict[str, Any],
    library: str | None,
    *,
    fresh: bool,
    output: Output,
) -> Job:
    from engine.generation.request import GenerateRequest

    base = GenerateRequest(prompt="")
    if source is not None:
        base = await _repeated(engine, source, given.get("model"), output)
    request = replace(base, **given)
    if source is not None and "scheduler" not in given:
        request, left_out = await engine.generation.fitted(request, library)
        if left_out:
            output.say(f"note: {left_out}")
    return await engine.generate(request, library=library, fresh=fresh)


async def _repeated(
    engine: Engine, source: Path, model: str | None, output: Output
) -> GenerateRequest:
    """The request that the recipe in a picture stands for; what is missing of it is told."""
    from engine.generation.recipe import request_from

    recipe = await engine.generation.recipe(source)
    request, warnings = request_from(recipe, model=model, generator=engine.generation.generator)
    for warning in warnings:
        output.say(f"note: {warning}")
    return request


async def _list_unfinished(engine: Engine, output: Output) -> Exit:
    records = await engine.generation.unfinished()
    for record in records:
        if output.as_json:
            output.record("job", {"job": record.id, "title": record.title, "state": record.state})
    if records and not output.as_json:
        rows = [(str(record.id), _time(record.created_at), record.title) for record in records]
        output.table(("job", "queued", "what"), rows)
        output.say("run one again: t2itui generate --again JOB")
    elif not records:
        output.say("nothing was left unfinished")
    return Exit.ANSWERED


def _time(when: float) -> str:
    return numbers.local_time(when).strftime("%Y-%m-%d %H:%M")
