"""Trains all that ships from nothing, with figures: `python -m tools.storybook`."""

import sys
from collections.abc import Sequence

import click

from engine.collections import BUILT_IN
from tools.storybook import check, gallery
from tools.storybook.encoder import folder as encoder_folder
from tools.storybook.encoder import train as encoder
from tools.storybook.matcher import train as matcher
from tools.storybook.optimising import DEFAULT_FOLDER
from tools.storybook.renderer import shards as pictures


def run(command: click.Command, arguments: Sequence[str]) -> None:
    """Run one of the scripts as its own command line would."""
    click.echo(f"{command.callback.__module__} {' '.join(arguments)}", err=True)
    command.main([*arguments], standalone_mode=False)


@click.command()
@click.option("--minutes", default=240, show_default=True, help="How long to train the encoder.")
@click.option("--shards", default=60, show_default=True, help="Thousands of training pictures.")
@click.option("--workers", default=0, show_default=True, help="Processes that make batches.")
def main(minutes: int, shards: int, workers: int) -> None:
    """Render pictures, train encoder and matcher, write the gallery and print every figure.

    A run that was stopped goes on from its last shard and checkpoint.
    """
    folder = str(DEFAULT_FOLDER)
    run(pictures.main, [str(DEFAULT_FOLDER / "pictures"), "--shards", str(shards)])
    run(encoder.main, ["--folder", folder, "--minutes", str(minutes), "--workers", str(workers)])
    run(encoder_folder.main, ["--folder", folder])
    run(gallery.main, ["render", str(BUILT_IN.folder)])
    run(matcher.main, ["--folder", folder])
    run(gallery.main, ["embed"])
    run(check.main, ["--write"])


if __name__ == "__main__":
    sys.exit(main())
