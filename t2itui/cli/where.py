"""`t2itui where`: where in a picture the words of a description are."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from t2itui.cli.support.context import Context, Exit, Output, pass_context
from t2itui.cli.support.paths import GivenPath

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.results import WhereResult


@click.command()
@click.argument("picture")
@click.argument("text")
@click.option(
    "--export", "exports", multiple=True, type=GivenPath(dir_okay=False, path_type=Path),
    metavar="FILE", help="Also draw the picture with the map of each word: .png, .svg or .pdf.",
)  # fmt: skip
@click.option("--encoder", metavar="ID", help="Default: one that has seen the picture.")
@click.option("--offline", is_flag=True, help="Start no model.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines.")
@pass_context
def command(
    context: Context,
    picture: str,
    text: str,
    exports: tuple[Path, ...],
    encoder: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Show where in PICTURE the words of TEXT are, and which of them are nowhere.

    PICTURE is a path, in the library or not. Each word is looked for with the stop words by it;
    what is "quoted" stays together. A strength of 0.5 is what one absent word in twenty reaches
    somewhere in this picture by chance: below it a word is nowhere.

      t2itui where rex.jpg "a brown dog with a red ball" --export rex-words.png
    """
    from engine.evaluation.plots import check_plots
    from engine.requests import WhereRequest

    output = Output(as_json=as_json)
    request = WhereRequest(picture=picture, text=text, encoder_id=encoder, offline=offline)

    async def work(engine: Engine) -> Exit:
        from t2itui.cli.support.options import waiting_for_models

        check_plots(exports)
        found = await waiting_for_models(engine, engine.where(request))
        (write_json if as_json else write_where)(found, output)
        if exports:
            from engine.local.drawing import draw_where

            thumbnail = await engine.words.thumbnail(found)
            for path in exports:
                draw_where(found, thumbnail, path)
        is_there = any(word.is_there for word in found.words)
        return Exit.ANSWERED if is_there else Exit.NOTHING_PASSED

    context.run(output, work)


def write_json(found: WhereResult, output: Output) -> None:
    """Write a line for the picture, then one for each word."""
    rows, columns = found.words[0].strengths.shape
    output.record(
        "where",
        {
            "picture": found.picture,
            "text": found.text,
            "encoder": found.encoder,
            "rows": rows,
            "columns": columns,
            "seen": list(found.seen),
            "cached": found.cached,
        },
    )
    for word in found.words:
        output.record(
            "word",
            {
                "word": word.word,
                "phrase": word.phrase,
                "start": word.start,
                "end": word.end,
                "strength": round(word.strength, 4),
                "there": word.is_there,
                "peak": list(word.peak),
                "strengths": [[round(each, 4) for each in row] for row in word.strengths.tolist()],
            },
        )


def write_where(found: WhereResult, output: Output) -> None:
    """Write the strength of each word, then a grid for each that is there."""
    from t2itui.text.word_maps import KEY, grid_lines, strength_rows

    rows, columns = found.words[0].strengths.shape
    output.line(f"{found.picture}  {found.encoder}, {rows} x {columns} patches", dim=True)
    output.table(
        ("word", "", "strength", "strongest"), strength_rows(found), left="word  strongest"
    )
    lines = grid_lines(found, shutil.get_terminal_size().columns)
    if lines:
        output.line()
        for line in lines:
            output.line(line)
        output.line(KEY, dim=True)
    for warning in found.warnings:
        output.say(f"note: {warning.message}")
