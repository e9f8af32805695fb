"""Trains the painter from nothing, with figures: `python -m engine.storybook.painter`."""

import sys

import click

from engine.storybook.painter import check, choose, decoder, export, painted, samples, unet, vae
from engine.storybook.training import check as training_check
from engine.storybook.training import matcher, pictures
from engine.storybook.training.__main__ import run
from engine.storybook.training.run import DEFAULT_FOLDER


@click.command()
@click.option("--vae-minutes", default=60, show_default=True, help="How long to train the VAE.")
@click.option("--unet-minutes", default=240, show_default=True, help="And the UNet.")
@click.option("--decoder-minutes", default=30, show_default=True, help="And the VAE's decoder.")
@click.option("--shards", default=60, show_default=True, help="Thousands of training pictures.")
@click.option("--samples-out", default="docs/painter.png", show_default=True)
def main(
    vae_minutes: int, unet_minutes: int, decoder_minutes: int, shards: int, samples_out: str
) -> None:
    """Draw pictures, train the parts, choose the options and print every figure.

    The matcher is trained again, with painted pictures among its pairs. A run that was stopped goes
    on from its last shard and checkpoint.
    """
    run(pictures.main, [str(DEFAULT_FOLDER / "pictures"), "--shards", str(shards)])
    run(vae.main, ["--minutes", str(vae_minutes)])
    run(unet.main, ["--minutes", str(unet_minutes)])
    run(decoder.main, ["--minutes", str(decoder_minutes)])
    run(export.main, [])
    run(choose.main, [])
    run(painted.main, [])
    run(matcher.main, [])
    run(training_check.main, ["--write"])
    run(check.main, ["--write"])
    run(samples.main, [samples_out])


if __name__ == "__main__":
    sys.exit(main())
