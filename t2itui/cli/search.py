"""`t2itui search`: rank the library and say which pictures answer the query."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine import disk, numbers
from engine.collections import BUILT_IN
from engine.scoring.registry import search_scorers
from engine.search.query import BY_CONTENT
from engine.states import GenerateMode
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Finite, Whole, waiting_for_models
from t2itui.cli.support.paths import GivenPath, PicturePath
from t2itui.cli.support.receipts import write_answer, write_json
from t2itui.text.words import scope_folder

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.requests import SearchRequest
    from engine.results import Receipt, SearchResult


class PictureName(click.ParamType[Path]):
    """A picture's path or short name, or `sha256:` and the digits of its content."""

    name = "PICTURE"

    def __init__(self) -> None:
        self._file = PicturePath(exists=True, dir_okay=False, path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        if str(value).startswith(BY_CONTENT):
            return Path(str(value))
        return disk.from_root(Path(str(self._file.convert(value, param, ctx))))


_DATE = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@click.argument("text", nargs=-1)
@click.option(
    "--like",
    type=PictureName(),
    help="Rank by likeness to this picture instead of a text: a file, or sha256:HASH.",
)
@click.option(
    "--top", type=Whole(min=0), default=20, show_default=True, help="Pictures; 0 for all."
)
@click.option("--scorer", type=click.Choice(search_scorers()), help="What ranks.")
@click.option("--threshold", type=Finite(0, 1), help="Of match, for an answer.")
@click.option(
    "--in",
    "folders",
    multiple=True,
    type=GivenPath(path_type=Path),
    metavar="DIR",
    help=f"Only pictures below DIR; may be repeated. `--in {BUILT_IN.name}`: the built-in ones.",
)
@click.option(
    "--since", type=_DATE, metavar="DATE", help="Only files changed on this day or later."
)
@click.option("--until", type=_DATE, metavar="DATE", help="Only files changed before this day.")
@click.option("--min-side", type=Whole(min=0), default=0, help="Shorter edge in pixels.")
@click.option(
    "--synthetic",
    type=click.Choice(["show", "hide", "only"]),
    help="Whether painted pictures take part; default: settings.",
)
@click.option(
    "--generate",
    type=click.Choice([each.value for each in GenerateMode]),
    default=GenerateMode.NEVER.value,
    show_default=True,
    help="Paint a picture where none passes.",
)
@click.option("--encoder", metavar="ID", help="Encoder id; default: chosen by language and use.")
@click.option("--offline", is_flag=True, help="Never start a model; fail if one is needed.")
@click.option(
    "--exact",
    is_flag=True,
    help="Score every picture, also where there are so many that a first pass would be made.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Have attached shards searched by a Ray cluster.  [default: settings]",
)
@click.option("--json", "as_json", is_flag=True, help="Write a receipt and results as JSON lines.")
@click.option("--paths", is_flag=True, help="Write only the paths of the pictures that pass.")
@click.option("--null", "-0", is_flag=True, help="With --paths: end each with NUL, for xargs -0.")
@pass_context
def command(
    context: Context,
    text: tuple[str, ...],
    like: Path | None,
    top: int,
    scorer: str | None,
    threshold: float | None,
    folders: tuple[Path, ...],
    since: datetime | None,
    until: datetime | None,
    min_side: int,
    synthetic: str | None,
    generate: str,
    encoder: str | None,
    offline: bool,
    exact: bool,
    cluster: str | None,
    as_json: bool,
    paths: bool,
    null: bool,
) -> None:
    """Rank every picture of the library by TEXT, and say which of them answer it.

    TEXT may be a weighted mix of quoted texts and picture paths:

      t2itui search '"a dog" + 0.5*"snow" - "grass"'

    "By chance" in the answer is the match that half of the texts that the library does not show
    stay below. "Uncertain" is a query whose best match lies between 0.27 and 0.73: the odds that
    the library shows it are near even.

    While you have indexed nothing the built-in pictures answer, 600 drawn ones that come with the
    program. Once you have, your own pictures answer, and those only where --in names them.
    """
    from engine.requests import Filters, SearchRequest

    query = " ".join(text)
    if bool(query.strip()) == (like is not None):
        raise click.UsageError("give either a text or --like PICTURE")
    if as_json and paths:
        raise click.UsageError("--json and --paths exclude each other")
    if generate != GenerateMode.NEVER and (like is not None or offline):
        raise click.UsageError("--generate needs a text, and a model: no --like, no --offline")
    settings = context.settings()
    request = SearchRequest(
        query=query,
        top=top,
        scorer=scorer or settings.scorer,
        threshold=settings.threshold if threshold is None else threshold,
        filters=Filters(
            folders=tuple(scope_folder(folder) for folder in folders),
            since=None if since is None else numbers.unix_time(since),
            until=None if until is None else numbers.unix_time(until),
            min_side=min_side,
            synthetic=synthetic or settings.synthetic,
        ),
        encoder_id=encoder,
        offline=offline,
        exact=exact,
    )
    picture = like
    output = Output(as_json=as_json)

    async def work(engine: Engine) -> Exit:
        result = await waiting_for_models(engine, _ask(engine, request, picture))
        if paths:
            _write_paths(result, output, "\0" if null else "\n")
        elif as_json:
            write_json(result, output)
        else:
            write_answer(result, output)
        if result.receipt.passed:
            return Exit.ANSWERED
        if not await _is_wanted(engine, generate, result.receipt, output):
            return Exit.NOTHING_PASSED
        return await _generate(engine, result.receipt, output, only_path=paths)

    context.run(output, work, with_jobs=generate != GenerateMode.NEVER, cluster=cluster)


async def _is_wanted(engine: Engine, generate: str, receipt: Receipt, output: Output) -> bool:
    """Whether to generate what was not found; where that is asked, a no is noted."""
    if generate != GenerateMode.ASK:
        return generate == GenerateMode.NOW
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        output.say("note: nobody can be asked here; --generate now paints")
        return False
    if _confirmed():
        return True
    await engine.generation.decline(receipt)
    return False


def _confirmed() -> bool:
    """Ask on stderr; Ctrl-C, which asyncio would keep to itself meanwhile, cancels the command."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return click.confirm("Paint one?", default=True, err=True)
    except click.Abort as error:
        raise KeyboardInterrupt from error
    finally:
        signal.signal(signal.SIGINT, previous)


async def _generate(engine: Engine, receipt: Receipt, output: Output, *, only_path: bool) -> Exit:
    """Generate for a decision; the picture answers it if its match passes the threshold."""
    from t2itui.cli.support.follow import best_of, follow_generation

    request = replace(engine.request_for(receipt), preview=output.as_json)
    job = await engine.generate(request, receipt=receipt)
    code = await follow_generation(engine, job, output, quiet=only_path)
    if code is not Exit.ANSWERED:
        return code
    best = best_of(engine.generation.results(job.id))
    if best.score is None or best.score.match < receipt.threshold:
        return Exit.NOTHING_PASSED
    if only_path:
        output.line(best.path)
    return Exit.ANSWERED


async def _ask(engine: Engine, request: SearchRequest, picture: Path | None) -> SearchResult:
    if picture is None:
        return await engine.search(request)
    return await engine.searcher.like(picture, request)


def _write_paths(result: SearchResult, output: Output, end: str) -> None:
    to_terminal = sys.stdout.isatty()
    passing = [row for row in result.rows if row.match >= result.receipt.threshold]
    if missing := sum(row.missing for row in passing):
        output.say(f"note: {missing} more passed and are not on the disk any more")
    for row in passing:
        if not row.missing:
            if to_terminal:
                output.line(row.path)
            else:
                output.path(row.path, end)
