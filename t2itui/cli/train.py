"""`t2itui train`: fit a matcher on data whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.states import JobKind
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Whole, asked, request_options
from t2itui.cli.support.paths import GivenPath

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.training.report import TrainingReport
    from engine.training.run import TrainedMatcher


@click.command()
@click.argument("data")
@request_options(JobKind.TRAIN)
@click.option("--drawn", type=Whole(min=0), hidden=True, expose_value=False, help="Has no effect.")
@click.option(
    "--out",
    type=GivenPath(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the matcher, its report inside, as safetensors.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    /,
    data: str,
    out: Path | None,
    as_json: bool,
    **fields: object,
) -> None:
    """Fit the matcher behind `match` on DATA, on embeddings that stay as they are.

    DATA is what `t2itui eval` takes. Its pictures are split in three: to learn from, to stop by,
    and held out; the report compares cosine, the match without labels and the new one on those
    held out, and of many texts a tenth is held out too. The new one is kept, and in force from then
    on, if it ranks better there than the match without labels and routes no worse, at three library
    sizes. Ctrl-C stops; the same command goes on from the last epoch.
    """
    from engine.requests import TrainRequest

    output = Output(as_json=as_json)
    request = TrainRequest(data=data, **asked(fields))

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
                "shortfall": report.shortfall,
                "pictures": list(report.pictures),
                "epochs": report.epochs,
                "device": report.device,
                "seconds": report.seconds,
            },
        )
        return
    write_training_report(report, output)
    if found.id is None:
        output.line(f"not kept: it {report.shortfall}; --force keeps it")
    else:
        forced = f", by force: it {report.shortfall}" if report.shortfall else ""
        output.line(f"kept as matcher {found.id}, in force for {report.encoder}{forced}")


def report_records(report: TrainingReport) -> list[tuple[str, dict[str, object]]]:
    """A report's figures as the lines that `eval --json` writes."""
    from engine.evaluation.results import figure_records

    paired = (*report.against_label_free, *report.against_cosine)
    found = figure_records(
        report.retrieval,
        paired,
        report.swaps,
        report.routing,
        report.by_size,
        report.calibration,
    )
    return list(found)
