"""Trains all that ships from nothing, with figures: `python -m engine.storybook.training`."""

import sys
from collections.abc import Sequence

import click

from engine.storybook import gallery
from engine.storybook.shipped import GALLERY
from engine.storybook.training import check, encoder, export, matcher, pictures, vectors
from engine.storybook.training.run import DEFAULT_FOLDER


def run(command: click.Command, arguments: Sequence[str]) -> None:
    """Run one of the scripts as its own command line would."""
    click.echo(f"{command.callback.__module__} {' '.join(arguments)}", err=True)
    command.main([*arguments], standalone_mode=False)


@click.command()
@click.option("--minutes", default=240, show_default=True, help="How long to train the encoder.")
@click.option("--shards", default=60, show_default=True, help="Thousands of training pictures.")
@click.option("--workers", default=0, show_default=True, help="Processes that make batches.")
def main(minutes: int, shards: int, workers: int) -> None:
    """Draw pictures, train encoder and matcher, write the gallery and print every figure.

    A run that was stopped goes on from its last shard and checkpoint.
    """
    folder = str(DEFAULT_FOLDER)
    run(pictures.main, [str(DEFAULT_FOLDER / "pictures"), "--shards", str(shards)])
    run(encoder.main, ["--folder", folder, "--minutes", str(minutes), "--workers", str(workers)])
    run(export.main, ["--folder", folder])
    run(gallery.main, [str(GALLERY)])
    run(matcher.main, ["--folder", folder])
    run(vectors.main, [])
    run(check.main, ["--write"])


if __name__ == "__main__":
    sys.exit(main())
