"""`t2itui sheet`: paint prompts with every value of some axes, and score what comes of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import disk
from engine.collections import BUILT_IN
from engine.states import JobKind, ScorerKind
from t2itui.cli.generate import LoraFile, Size
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Finite, Whole, asked, request_options
from t2itui.cli.support.paths import GivenPath, PicturePath

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.jobs.jobs import Job
    from engine.sheets.prompts import SheetPrompt
    from engine.sheets.request import Axis, SheetRequest
    from engine.sheets.sheet import Order, Sheet
    from engine.sheets.sheets import Estimate

LARGE, LONG_S = 50, 600.0
"""Cells to paint, or seconds, from which on it is asked before anything is painted."""
DASH, STDIN = Path("-"), Path("/dev/stdin")
"""What stands for stdin, and where it is."""


class AxisText(click.ParamType["Axis"]):
    """`seed=1,2,3`."""

    name = "NAME=V,V…"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Axis:
        from engine.errors import RequestError
        from engine.sheets.request import read_axis

        try:
            return read_axis(str(value))
        except RequestError as error:
            self.fail(f"{error.message}. {error.hint}".strip(), param, ctx)


@click.command()
@click.argument("prompts", nargs=-1)
@request_options(
    JobKind.SHEET,
    axes=AxisText(),
    size=Size(),
    loras=LoraFile(),
    start_picture=PicturePath(exists=True, dir_okay=False, path_type=Path),
    library=click.Choice([BUILT_IN.name]),
)
@click.option(
    "--prompts",
    "file",
    type=GivenPath(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Take prompts from FILE, one a line, as CSV or JSON lines; - is stdin.",
)
@click.option(
    "--export", "exports", multiple=True, type=GivenPath(dir_okay=False, path_type=Path),
    metavar="FILE", help="Also write the sheet: .png, .svg, .pdf, .html, .csv or .json.",
)  # fmt: skip
@click.option("--threshold", type=Finite(0, 1), help="What passes; default: the settings'.")
@click.option(
    "--scorer",
    type=click.Choice(["match", "cosine"]),
    default="match",
    show_default=True,
    help="Which score the table and the bars show.",
)
@click.option("--sort", is_flag=True, help="Rows and columns of the table by their mean.")
@click.option(
    "--batch",
    type=Whole(min=1),
    metavar="N",
    help="Paint N cells that differ by seed or prompt together; default: 1 on a CPU, on a GPU what"
    " finds room. In batches single pixels may come out a level brighter or darker than alone.",
)
@click.option(
    "--devices", metavar="0,1",
    help="Paint on several GPUs (or cuda:0,cpu), each with a generator of its own.",
)  # fmt: skip
@click.option(
    "--cluster", metavar="ADDRESS",
    help="Paint on the machines of a Ray cluster.  [default: settings]",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask before a large sheet.")
@click.option("--list", "is_list", is_flag=True, help="List the sheets made before.")
@click.option("--show", type=Whole(), metavar="ID", help="Show a sheet as far as it is painted.")
@click.option("--resume", type=Whole(), metavar="ID", help="Paint what a sheet lacks.")
@click.option("--forget", type=Whole(), metavar="ID", help="Forget a sheet; its pictures stay.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    /,
    prompts: tuple[str, ...],
    file: Path | None,
    exports: tuple[Path, ...],
    threshold: float | None,
    scorer: str,
    sort: bool,
    batch: int | None,
    devices: str | None,
    cluster: str | None,
    yes: bool,
    is_list: bool,
    show: int | None,
    resume: int | None,
    forget: int | None,
    as_json: bool,
    **fields: object,
) -> None:
    """Paint every one of PROMPTS with every value of the axes, and score each picture.

    What was painted before comes from the cache, so a sheet that was stopped goes on where it
    was. In a prompt {a|b} stands for both.

      t2itui sheet --example storybook --axis seed=1,2,3 --export sheet.html

      t2itui sheet "a {red|blue} horse" "a cat" --axis guidance=1,3 --axis seed=1..4

      t2itui sheet --prompts prompts.csv --axis steps=10,20 --export sheet.png
    """
    from engine.sheets.sheet import Order

    output = Output(as_json=as_json)
    shape = (ScorerKind(scorer), Order.BEST_FIRST if sort else Order.ASKED)
    given = asked(fields)
    is_new = bool(prompts or file or given.get("example"))
    if sum((is_new, is_list, *(each is not None for each in (show, resume, forget)))) != 1:
        raise click.UsageError(
            "give PROMPTS, --prompts FILE or --example NAME, or one of --list, --show, --resume"
            " and --forget"
        )
    if given and not is_new:
        raise click.UsageError("the other options are of new sheets")
    if cluster and devices:
        raise click.UsageError("--devices are of this machine: leave them out with --cluster")
    from engine.models.devices import read_devices
    from engine.sheets.job import SheetRun

    run = SheetRun(batch=batch, devices=read_devices(devices or ""))
    passing = context.settings().threshold if threshold is None else threshold

    async def work(engine: Engine) -> Exit:
        if is_list:
            return await _list(engine, output)
        if forget is not None:
            await engine.sheets.forget(forget)
            return Exit.ANSWERED
        if show is not None:
            found = await engine.sheets.open(show)
            _check(exports, found.request.size)
            write(found, passing, exports, output, shape)
            return Exit.ANSWERED
        if resume is not None:
            request = (await engine.sheets.open(resume)).request
        else:
            library = given.pop("library", None)
            request = await engine.sheets.prepare(_request(prompts, file, given), library)
        _check(exports, request.size)
        estimate = await engine.sheets.estimate(request)
        _ask(estimate, output, yes=yes, may_ask=file != DASH)
        job = await engine.sheets.start(request, run)
        return await _follow(engine, job, estimate, passing, exports, output, shape)

    paints = not is_list and show is None
    context.run(output, work, with_jobs=paints, paint_cluster=cluster)


def _request(words: Sequence[str], file: Path | None, given: dict[str, Any]) -> SheetRequest:
    from engine.generation.request import GenerateRequest
    from engine.sheets.prompts import distinct, example_prompts, prompts_from, read_prompts
    from engine.sheets.request import SheetRequest

    example = given.pop("example", "")
    found: list[SheetPrompt] = list(example_prompts(example)) if example else []
    if file is not None:
        path = STDIN if file == DASH else disk.from_root(file)
        found += read_prompts(path, or_pipe=True)
    found += prompts_from(words)
    axes = given.pop("axes", ())
    if size := given.pop("size", None):
        given["width"], given["height"] = size
    return SheetRequest(
        prompts=distinct(found),
        axes=axes,
        settings=replace(GenerateRequest(prompt=""), **given),
        example=example if found == list(example_prompts(example or BUILT_IN.name)) else "",
    )


def _check(exports: Sequence[Path], size: int) -> None:
    if exports:
        from engine.sheets.files import check_exports

        check_exports(exports, size)


def _ask(estimate: Estimate, output: Output, *, yes: bool, may_ask: bool) -> None:
    """Say what the sheet will take, and ask whether a large one is meant."""
    from t2itui.text.sheets import estimate_words

    words = estimate_words(estimate)
    output.say(words)
    is_large = estimate.to_paint > LARGE or (estimate.seconds or 0.0) > LONG_S
    if yes or not is_large:
        return
    if not (may_ask and sys.stdin.isatty()):
        raise click.UsageError(f"{words}: add --yes to have it painted")
    click.confirm("Paint it?", abort=True, err=True)


async def _follow(
    engine: Engine,
    job: Job,
    estimate: Estimate,
    threshold: float,
    exports: Sequence[Path],
    output: Output,
    shape: tuple[ScorerKind, Order],
) -> Exit:
    from engine.errors import EngineError
    from t2itui.cli.support.follow import BarWatcher, JsonWatcher, follow

    started = engine.sheets.of_job(job.id)
    if started is None:
        raise EngineError("the sheet's job is gone")
    if output.as_json:
        output.record("sheet", {**_head(started), **asdict(estimate), "job": job.id})
    watcher = JsonWatcher(output, writes_end=False) if output.as_json else BarWatcher(output)
    code = await follow(engine, job, output, watcher=watcher, quiet=True)
    found = engine.sheets.of_job(job.id) or started
    if code is Exit.CANCELLED and found.id:
        output.say(f"{found.done} of {len(found.cells)} cells are done; the rest:")
        output.say(f"  t2itui sheet --resume {found.id}")
    if code is not Exit.ANSWERED:
        return code
    write(found, threshold, exports, output, shape, with_cells=False)
    if output.as_json:
        message = watcher.finished.message if watcher.finished else ""
        output.record("finished", {"job": job.id, "sheet": found.id, "message": message})
    elif watcher.finished is not None:
        output.say(watcher.finished.message)
    return code


async def _list(engine: Engine, output: Output) -> Exit:
    from t2itui.text.sheets import write_sheets

    found = await engine.sheets.list()
    if not output.as_json:
        write_sheets(found, output)
    for each in found if output.as_json else ():
        values = asdict(each)
        del values["request"]
        output.record("sheet", values)
    return Exit.ANSWERED


def write(
    found: Sheet,
    threshold: float,
    exports: Sequence[Path],
    output: Output,
    shape: tuple[ScorerKind, Order],
    *,
    with_cells: bool = True,
) -> None:
    """Write a sheet as tables or JSON lines, and into files; `with_cells` where no job told."""
    from engine.sheets.files import cell_fields, export
    from engine.sheets.sheet import bars
    from t2itui.text.sheets import write_sheet

    if not output.as_json:
        scorer, order = shape
        write_sheet(found, threshold, output, scorer=scorer, order=order)
    else:
        if with_cells:
            output.record("sheet", _head(found))
        for cell in found.cells:
            output.record("cell", cell_fields(found, cell, threshold))
        for scorer in ScorerKind.MATCH, ScorerKind.COSINE:
            for bar in bars(found, scorer):
                output.record("bar", {"scorer": scorer, **asdict(bar)})
    for path in exports:
        export(found, path, threshold)
        output.say(f"written: {path}")


def _head(found: Sheet) -> dict[str, object]:
    request = found.request
    return {
        "id": found.id,
        "title": request.title,
        "prompts": [asdict(prompt) for prompt in request.prompts],
        "axes": [{"name": axis.name, "values": list(axis.values)} for axis in request.axes],
        "done": found.done,
        "size": len(found.cells),
    }
