"""Trains the storybook's generator from nothing: `python -m tools.storybook.generator`.

Each part ends at its number of pictures; a run that was stopped goes on from its last shard and
checkpoint, and more pictures of a part train it further.
"""

from collections.abc import Sequence
from pathlib import Path

import click

from engine.collections import BUILT_IN
from tools.storybook.generator import decoder, export, latents, shards, tower, unet
from tools.storybook.generator.shards import FOLDER


def stages(
    folder: Path, out: Path, device: str, pictures: int
) -> list[tuple[click.Command, list[str]]]:
    """All scripts with their options, in order."""
    where, on = ["--folder", str(folder)], ["--device", device]
    return [
        (shards.main, where),
        (latents.main, where),
        (tower.main, [*where, *on]),
        (unet.main, [*where, *on, "--pictures", str(pictures)]),
        (decoder.main, [*where, *on]),
        (decoder.main, [*where, *on, "--guesses", "--rate", "1e-3"]),
        (export.main, [*where, "--out", str(out)]),
    ]


def run(command: click.Command, options: Sequence[str]) -> None:
    """Run one script as its command line would."""
    click.echo(f"== {' '.join(options)}")
    command.main(list(options), standalone_mode=False)


@click.command()
@click.argument("out", type=click.Path(path_type=Path), default=BUILT_IN.generator)
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--pictures", default=300_000, show_default=True, help="That the UNet sees.")
@click.option("--device", default="cpu", show_default=True)
def main(out: Path, folder: Path, pictures: int, device: str) -> None:
    """Train all parts and write the pipeline to OUT, in the place of the shipped one by default."""
    for command, options in stages(folder, out, device, pictures):
        run(command, options)


if __name__ == "__main__":
    main()
