"""Trains the generator from nothing, with figures: `python -m tools.storybook.generator`."""

import sys

import click

from tools.storybook import check as encoder_check
from tools.storybook.__main__ import run
from tools.storybook.generator import check, choose, decoder, pipeline, samples, unet, vae
from tools.storybook.matcher import train as matcher
from tools.storybook.optimising import DEFAULT_FOLDER
from tools.storybook.renderer import shards as pictures


@click.command()
@click.option("--vae-minutes", default=60, show_default=True, help="How long to train the VAE.")
@click.option("--unet-minutes", default=240, show_default=True, help="And the UNet.")
@click.option("--decoder-minutes", default=30, show_default=True, help="And the VAE's decoder.")
@click.option("--shards", default=60, show_default=True, help="Thousands of training pictures.")
@click.option("--samples-out", default="docs/painter.png", show_default=True)
def main(
    vae_minutes: int, unet_minutes: int, decoder_minutes: int, shards: int, samples_out: str
) -> None:
    """Render pictures, train the parts, choose the options and print every figure.

    The matcher is trained again, with generated pictures among its pairs. A run that was stopped
    goes on from its last shard and checkpoint.
    """
    run(pictures.main, [str(DEFAULT_FOLDER / "pictures"), "--shards", str(shards)])
    run(vae.main, ["--minutes", str(vae_minutes)])
    run(unet.main, ["--minutes", str(unet_minutes)])
    run(decoder.main, ["--minutes", str(decoder_minutes)])
    run(pipeline.main, [])
    run(choose.main, [])
    run(samples.main, ["for-matcher"])
    run(matcher.main, [])
    run(encoder_check.main, ["--write"])
    run(check.main, ["--write"])
    run(samples.main, ["sheet", samples_out])


if __name__ == "__main__":
    sys.exit(main())
