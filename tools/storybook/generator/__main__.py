"""Trains the storybook's generator from nothing: `python -m tools.storybook.generator`.

Each part ends at its number of pictures; a run that was stopped goes on from its last shard and
checkpoint, and more pictures of a part train it further.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from engine.collections import BUILT_IN
from tools.storybook.generator import decoder, export, latents, shards, tower, unet
from tools.storybook.generator.shards import FOLDER


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much each part sees: thousands of renderings, texts and pictures."""

    shards: int
    texts: int
    pictures: int
    decoded: int
    guessed: int


WHOLE = Size(shards=32, texts=130_000, pictures=300_000, decoded=24_000, guessed=8_500)
"""What ships saw so much."""


def scaled(share: float) -> Size:
    """A share of the whole size, at least one shard and one picture of each part."""
    return Size(
        shards=max(1, round(WHOLE.shards * share)),
        texts=max(1, round(WHOLE.texts * share)),
        pictures=max(1, round(WHOLE.pictures * share)),
        decoded=max(1, round(WHOLE.decoded * share)),
        guessed=max(1, round(WHOLE.guessed * share)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One script with its options."""

    name: str
    command: click.Command
    options: Sequence[str]


def stages(folder: Path, out: Path, device: str, size: Size) -> Iterator[Stage]:
    """All scripts, in order."""
    where, on = ["--folder", str(folder)], ["--folder", str(folder), "--device", device]

    def learned(count: int) -> list[str]:
        return [*on, "--pictures", str(count)]

    yield Stage(
        name="renderings", command=shards.main, options=[*where, "--shards", str(size.shards)]
    )
    yield Stage(name="latents", command=latents.main, options=where)
    yield Stage(name="text tower", command=tower.main, options=learned(size.texts))
    yield Stage(name="UNet", command=unet.main, options=learned(size.pictures))
    yield Stage(name="decoder", command=decoder.main, options=learned(size.decoded))
    yield Stage(
        name="decoder on guesses",
        command=decoder.main,
        options=[*learned(size.guessed), "--guesses", "--rate", "1e-3"],
    )
    yield Stage(name="export", command=export.main, options=[*where, "--out", str(out)])


@click.command()
@click.argument("out", type=click.Path(path_type=Path), default=BUILT_IN.generator)
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option(
    "--share",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Of the renderings, texts and pictures that what ships was trained on.",
)
@click.option("--device", default="cpu", show_default=True)
def main(out: Path, folder: Path, share: float, device: str) -> None:
    """Train all parts and write the pipeline to OUT, in the place of the shipped one by default."""
    every = list(stages(folder, out, device, scaled(share)))
    for number, stage in enumerate(every, start=1):
        click.echo(f"{number} of {len(every)}: {stage.name}", err=True)
        stage.command.main(list(stage.options), standalone_mode=False)


if __name__ == "__main__":
    main()
