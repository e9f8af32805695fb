"""`t2itui eval`: how well the scorers do on data whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.collections import BUILT_IN
from engine.evaluation.request import QUERIES
from engine.scoring.registry import evaluated_scorers
from t2itui.cli.support.context import Context, Exit, pass_context
from t2itui.cli.support.options import (
    encoder_option,
    images_option,
    language_option,
    limit_option,
    seed_option,
    words_option,
)
from t2itui.cli.support.output import Output
from t2itui.text.plain import plain

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.evaluation.request import EvaluateRequest
    from engine.evaluation.results import Evaluation


_HELP = f"""Measure the scorers on DATA: recall, median rank, mAP, swaps, routing, calibration.

DATA is a file of captions (Flickr token file, Karpathy's or COCO's JSON, CSV with the columns
image and caption), a folder with a folder of pictures for each class, or the word {BUILT_IN.name}.
Pictures that are not indexed yet are; what was embedded is kept, so that an interrupted run
goes on where it was.

\b
  t2itui eval {BUILT_IN.name}
  t2itui eval results.token --images photos --scorer cosine --scorer match --scorer fusion
  t2itui eval animals/ --template "a photo of a {{}}" --class-name cane=dog
"""


@click.command(help=_HELP)
@click.argument("data", required=False)
@images_option
@encoder_option
@click.option(
    "--scorer",
    "scorers",
    multiple=True,
    type=click.Choice(evaluated_scorers()),
    help="May be given several times; the first is what others are compared with.  "
    "[default: cosine, match]",
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="Default: the settings'.")
@click.option(
    "--queries",
    type=click.Choice(QUERIES),
    default=QUERIES[0],
    show_default=True,
    help="Ask by captions, or by class words that occur in them.",
)
@words_option
@click.option("--split", default="test", show_default=True, help="Of split data; '' for all.")
@language_option
@limit_option
@seed_option
@click.option(
    "--template",
    "templates",
    multiple=True,
    metavar="TEXT",
    help="What is said of a class, {} standing for its name; their embeddings are averaged.",
)
@click.option(
    "--class-name",
    "names",
    multiple=True,
    metavar="DIR=NAME",
    help="What to call the class of a folder, such as cane=dog.",
)
@click.option("--resamples", type=click.IntRange(min=0), default=1000, show_default=True)
@click.option("--no-swaps", is_flag=True, help="Do not try captions with one word exchanged.")
@click.option("--offline", is_flag=True, help="Start no model; leave out what is not embedded.")
@click.option(
    "--plot",
    "plots",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also draw a figure: .png, .svg or .pdf (needs matplotlib).",
)
@click.option("--list", "is_list", is_flag=True, help="List the evaluations made before.")
@click.option("--containing", default="", metavar="TEXT", help="Only those whose data has TEXT.")
@click.option("--show", type=int, metavar="ID", help="Show an evaluation made before.")
@click.option("--compare", nargs=2, type=int, metavar="A B", help="Show what changed from A to B.")
@click.option("--forget", type=int, metavar="ID", help="Drop an evaluation made before.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    data: str | None,
    images: Path | None,
    encoder: str | None,
    scorers: tuple[str, ...],
    threshold: float | None,
    queries: str,
    words: Path | None,
    split: str,
    language: str | None,
    limit: int | None,
    seed: int,
    templates: tuple[str, ...],
    names: tuple[str, ...],
    resamples: int,
    no_swaps: bool,
    offline: bool,
    plots: tuple[Path, ...],
    is_list: bool,
    containing: str,
    show: int | None,
    compare: tuple[int, int] | None,
    forget: int | None,
    as_json: bool,
) -> None:
    """Measure the scorers on data, or look at what was measured before."""
    from engine.evaluation.request import DEFAULT_SCORERS, TEMPLATES, EvaluateRequest

    one_of = (data, is_list or None, show, compare, forget)
    if sum(each is not None for each in one_of) != 1:
        raise click.UsageError("give DATA, or one of --list, --show, --compare and --forget")
    output = Output(as_json=as_json)
    if data is None:
        _look_back(context, output, is_list, containing, show, compare, forget, plots)
        return
    request = EvaluateRequest(
        data=data,
        images=None if images is None else images.absolute(),
        encoder=encoder,
        scorers=tuple(dict.fromkeys(scorers)) or DEFAULT_SCORERS,
        threshold=context.settings().threshold if threshold is None else threshold,
        queries=queries,
        words=words,
        split=split,
        language=language or "",
        limit=limit,
        seed=seed,
        templates=templates or TEMPLATES,
        names=tuple(_name(each) for each in names),
        resamples=resamples,
        swaps=not no_swaps,
        offline=offline,
    )

    async def work(engine: Engine) -> Exit:
        return await _evaluate(engine, request, plots, output)

    context.run(output, work, with_jobs=True)


def _name(text: str) -> tuple[str, str]:
    folder, equals, name = text.partition("=")
    if not (equals and folder and name):
        raise click.UsageError(f"--class-name takes DIR=NAME, not {text!r}")
    return folder, name


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
    from t2itui.cli.support.follow import follow

    if plots:
        from engine.evaluation.plots import check_plots

        check_plots(plots)
    job = engine.evaluate(request)
    code = await follow(engine, job, output, quiet=True)
    found = engine.evaluator.of_job(job.id)
    if found is not None:
        write(found, plots, output)
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
            output.say(f"drawn: {plain(str(path))}")
