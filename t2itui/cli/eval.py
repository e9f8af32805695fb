"""`t2itui eval`: how well the scorers do on data whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.collections import BUILT_IN
from engine.scoring.registry import evaluated_scorers
from engine.states import JobKind
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Finite, Whole, asked, request_options
from t2itui.cli.support.paths import GivenPath

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.evaluation.results import Evaluation
    from engine.requests import EvaluateRequest


_HELP = f"""Measure the scorers on DATA: recall and Rsum, median rank, mAP, precision, nDCG,
precision by recall, swaps, routing by threshold and by library size, calibration; from 5,000
captioned pictures on, the mean over five folds of 1,000 too.

DATA is a file of captions (Flickr token file, Karpathy's or COCO's JSON, CSV with the columns
image and caption) or of COCO's instances, a folder of NUS-WIDE or Flickr30K Entities, a folder with
a folder of pictures for each class, or the word {BUILT_IN.name}. Several --encoder stand side by
side, on what all of them know, with a paired test between them.
Pictures that are not indexed yet are; what was embedded is kept, so that an interrupted run
goes on where it was.

\b
  t2itui eval {BUILT_IN.name}
  t2itui eval results.token --images photos --scorer cosine --scorer match --scorer fusion
  t2itui eval NUS-WIDE/ --images Flickr/ --encoder A --encoder B
  t2itui eval animals/ --template "a photo of a {{}}" --class-name cane=dog
"""


class ClassName(click.ParamType[tuple[str, str]]):
    """A folder and what to call its class: `cane=dog`."""

    name = "DIR=NAME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        folder, equals, name = str(value).partition("=")
        if not (equals and folder and name):
            self.fail(f"--class-name takes DIR=NAME, not {value!r}", param, ctx)
        return folder, name


@click.command(help=_HELP)
@click.argument("data", required=False)
@request_options(
    JobKind.EVALUATE,
    scorers=click.Choice(evaluated_scorers()),
    threshold=Finite(0, 1),
    names=ClassName(),
)
@click.option(
    "--plot",
    "plots",
    multiple=True,
    type=GivenPath(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also draw a figure: .png, .svg or .pdf (needs matplotlib).",
)
@click.option("--list", "is_list", is_flag=True, help="List the evaluations made before.")
@click.option("--containing", default="", metavar="TEXT", help="Only those whose data has TEXT.")
@click.option("--show", type=Whole(), metavar="ID", help="Show an evaluation made before.")
@click.option(
    "--compare", nargs=2, type=Whole(), metavar="A B", help="Show what changed from A to B."
)
@click.option("--forget", type=Whole(), metavar="ID", help="Drop an evaluation made before.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    /,
    data: str | None,
    plots: tuple[Path, ...],
    is_list: bool,
    containing: str,
    show: int | None,
    compare: tuple[int, int] | None,
    forget: int | None,
    as_json: bool,
    **fields: object,
) -> None:
    """Measure the scorers on data, or look at what was measured before."""
    from engine.requests import EvaluateRequest

    one_of = (data, is_list or None, show, compare, forget)
    if sum(each is not None for each in one_of) != 1:
        raise click.UsageError("give DATA, or one of --list, --show, --compare and --forget")
    output = Output(as_json=as_json)
    if data is None:
        _look_back(context, output, is_list, containing, show, compare, forget, plots)
        return
    values = {"threshold": context.settings().threshold, **asked(fields)}
    if scorers := values.get("scorers"):
        values["scorers"] = tuple(dict.fromkeys(scorers))
    request = EvaluateRequest(data=data, **values)

    async def work(engine: Engine) -> Exit:
        return await _evaluate(engine, request, plots, output)

    context.run(output, work, with_jobs=True)


def _look_back(
    context: Context,
    output: Output,
    is_list: bool,
    containing: str,
    show: int | None,
    compare: tuple[int, int] | None,
    forget: int | None,
    plots: tuple[Path, ...],
) -> None:
    async def work(engine: Engine) -> Exit:
        if is_list:
            _write_list(await engine.evaluator.entries(1000, containing), output)
        elif show is not None:
            write(await engine.evaluator.get(show), plots, output)
        elif compare is not None:
            before, after = [await engine.evaluator.get(number) for number in compare]
            _write_change(before, after, output)
        elif forget is not None:
            await engine.evaluator.forget(forget)
        return Exit.ANSWERED

    context.run(output, work)


def _write_list(entries: Sequence[Evaluation], output: Output) -> None:
    from engine.evaluation.results import head
    from t2itui.text.evaluations import write_list

    if not output.as_json:
        write_list(entries, output)
        return
    for each in entries:
        output.record("evaluation", head(each))


def _write_change(before: Evaluation, after: Evaluation, output: Output) -> None:
    from t2itui.text.evaluations import changes_of, write_change

    if not output.as_json:
        write_change(before, after, output)
        return
    for name, old, new in changes_of(before, after):
        values = {"figure": name, "before": old, "after": new, "change": new - old}
        output.record("change", values)


async def _evaluate(
    engine: Engine, request: EvaluateRequest, plots: tuple[Path, ...], output: Output
) -> Exit:
    from engine.files import numbered
    from t2itui.cli.support.follow import follow

    if plots:
        from engine.evaluation.plots import check_plots

        check_plots(plots)
    job = engine.evaluate(request)
    code = await follow(engine, job, output, quiet=True)
    for number, found in enumerate(engine.evaluator.of_job(job.id), 1):
        write(found, tuple(numbered(path, number) for path in plots), output)
    return code


def write(found: Evaluation, plots: tuple[Path, ...], output: Output) -> None:
    """Write an evaluation, as JSON lines or tables, and draw it into files."""
    from engine.evaluation.results import records
    from t2itui.text.evaluations import write_evaluation

    if output.as_json:
        for kind, values in records(found):
            output.record(kind, values)
    else:
        write_evaluation(found, output)
    if plots:
        from engine.evaluation.plots import draw_evaluation

        for path in plots:
            draw_evaluation(found, path)
            output.say(f"drawn: {path}")
