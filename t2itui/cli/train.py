"""`t2itui train`: fit a matcher on data whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.evaluation.request import QUERIES
from engine.training.request import TrainRequest
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

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.training.report import TrainingReport
    from engine.training.run import TrainedMatcher


DEFAULTS = TrainRequest(data="")


@click.command()
@click.argument("data")
@encoder_option
@images_option
@click.option(
    "--queries",
    type=click.Choice(QUERIES),
    default=QUERIES[0],
    show_default=True,
    help="Learn from captions, or from class words that occur in them.",
)
@words_option
@click.option(
    "--split", default=DEFAULTS.split, show_default=True, help="Of split data; '' for all."
)
@language_option
@limit_option
@seed_option
@click.option(
    "--drawn", type=click.IntRange(min=0), hidden=True, expose_value=False, help="Has no effect."
)
@click.option("--hidden", type=click.IntRange(min=4), default=DEFAULTS.hidden, show_default=True)
@click.option("--epochs", type=click.IntRange(min=0), default=DEFAULTS.epochs, show_default=True)
@click.option(
    "--two-branch", is_flag=True, help="Also fit a two-branch similarity network, to compare."
)
@click.option("--force", is_flag=True, help="Keep it even if match without labels does as well.")
@click.option("--offline", is_flag=True, help="Start no encoder; leave out what is not embedded.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the matcher, its report inside, as safetensors.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    data: str,
    encoder: str | None,
    images: Path | None,
    queries: str,
    words: Path | None,
    split: str,
    language: str | None,
    limit: int | None,
    seed: int,
    hidden: int,
    epochs: int,
    two_branch: bool,
    force: bool,
    offline: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Fit the matcher behind `match` on DATA, on embeddings that stay as they are.

    DATA is what `t2itui eval` takes. Its pictures are split in three: to learn from, to stop by,
    and held out; the report compares cosine, the match without labels and the new one on those
    held out. The new one is kept, and in force from then on, if it does better there than the
    match without labels. Ctrl-C stops; the same command goes on from the last epoch.
    """
    output = Output(as_json=as_json)
    request = TrainRequest(
        data=data,
        encoder=encoder,
        images=None if images is None else images.absolute(),
        queries=queries,
        words=words,
        split=split,
        language=language or "",
        limit=limit,
        seed=seed,
        hidden=hidden,
        epochs=epochs,
        with_two_branch=two_branch,
        force=force,
        offline=offline,
    )

    async def work(engine: Engine) -> Exit:
        from t2itui.cli.support.follow import follow

        job = engine.train(request)
        code = await follow(engine, job, output, quiet=True)
        found = engine.training.of_job(job.id)
        if found is None:
            return code
        write_trained(found, output)
        if out is not None:
            from engine.training.training import write_file

            write_file(found.weights, out)
        return Exit.ANSWERED if found.id is not None else Exit.NOTHING_PASSED

    context.run(output, work, with_jobs=True)


def write_trained(found: TrainedMatcher, output: Output) -> None:
    """Write what a training came to."""
    from t2itui.text.evaluations import write_training_report

    report = found.report
    if output.as_json:
        for kind, values in report_records(report):
            output.record(kind, values)
        output.record(
            "matcher",
            {
                "id": found.id,
                "encoder": report.encoder,
                "kept": found.id is not None,
                "is_better": report.is_better,
                "pictures": list(report.pictures),
                "epochs": report.epochs,
                "device": report.device,
                "seconds": report.seconds,
            },
        )
        return
    write_training_report(report, output)
    if found.id is None:
        output.line("not kept: it does no better than the match without labels; --force keeps it")
    else:
        output.line(f"kept as matcher {found.id}, in force for {report.encoder}")


def report_records(report: TrainingReport) -> list[tuple[str, dict[str, object]]]:
    """A report's figures as the lines that `eval --json` writes."""
    from engine.evaluation.results import figure_records

    paired = (*report.against_label_free, *report.against_cosine)
    found = figure_records(
        report.retrieval, paired, report.swaps, report.routing, report.calibration
    )
    return list(found)
