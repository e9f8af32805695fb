"""`t2itui tag`: which words are true of pictures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.collections import BUILT_IN
from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.options import Finite, Whole, waiting_for_models
from t2itui.cli.support.paths import GivenPath
from t2itui.text.words import scope_folder

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.results import TagResult


@click.command()
@click.argument("pictures", nargs=-1)
@click.option(
    "--in",
    "folder",
    type=GivenPath(path_type=Path),
    metavar="DIR",
    help=f"Tag every picture of the library below DIR too; or `--in {BUILT_IN.name}`.",
)
@click.option(
    "--words",
    type=GivenPath(exists=True, dir_okay=False, allow_dash=False, path_type=Path),
    metavar="FILE",
    help="Words of your own, one a line, each asked as it stands.  [default: everyday nouns]",
)
@click.option(
    "--top",
    type=Whole(min=0),
    default=10,
    show_default=True,
    help="Words of a picture; 0 for all that pass.",
)
@click.option("--threshold", type=Finite(0, 1), help="Of match, for a tag.  [default: settings']")
@click.option(
    "--language",
    type=click.Choice(["en", "zh"]),
    help="Of the words that ship; default: the encoder's first.",
)
@click.option("--encoder", metavar="ID", help="Default: as a search chooses.")
@click.option("--offline", is_flag=True, help="Never start a model; fail if one is needed.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    pictures: tuple[str, ...],
    folder: Path | None,
    words: Path | None,
    top: int,
    threshold: float | None,
    language: str | None,
    encoder: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Say which words are true of PICTURES: paths, or sha256:HASH.

    A word is a tag of a picture of the library exactly if a search for the word returns the
    picture. One that is not in the library is held against what absent words reach on it by chance.
    Embeddings of words are kept: the next run needs no model.

    \b
      t2itui tag horse.jpg rex.jpg
      t2itui tag --in ~/Pictures --words plants.txt --top 3 --json
    """
    from engine.requests import TagRequest

    if not pictures and folder is None:
        raise click.UsageError("give PICTURE, or --in DIR")
    request = TagRequest(
        pictures=pictures,
        folder=None if folder is None else scope_folder(folder),
        words=words,
        top=top,
        threshold=context.settings().threshold if threshold is None else threshold,
        encoder_id=encoder,
        language=language or "",
        offline=offline,
    )
    output = Output(as_json=as_json)

    async def work(engine: Engine) -> Exit:
        found = await waiting_for_models(engine, engine.searcher.tagger.tag(request))
        write(found, output)
        has_tags = any(each.tags for each in found.pictures)
        return Exit.ANSWERED if has_tags else Exit.NOTHING_PASSED

    context.run(output, work)


def write(found: TagResult, output: Output) -> None:
    """Write a line for each picture: its tags with their match, then its path."""
    for warning in found.warnings:
        output.say(f"{warning.message} {warning.hint}".strip())
    if output.as_json:
        head = {"encoder": found.encoder, "match": found.matcher, "words": found.words}
        output.record("tagging", {**head, "threshold": found.threshold})
        for picture in found.pictures:
            output.record("tags", asdict(picture))
        return
    output.say(
        f"{found.words:,} words, {found.encoder}, match: {found.matcher},"
        f" threshold {found.threshold:g}"
    )
    for picture in found.pictures:
        tags = ", ".join(f"{tag.word} {tag.match:.2f}" for tag in picture.tags) or "none passes"
        alone = "  (not in the library)" if picture.is_alone else ""
        output.line(f"{picture.path}: {tags}{alone}")
