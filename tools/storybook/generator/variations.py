"""What generating from a picture keeps of it: `python -m tools.storybook.generator.variations`.

The start is a rendering, the text states its scene with one attribute exchanged. The storybook's
encoder reads whether the picture that comes out has the attribute of the start or that of the text.
Beside it stands how near the picture comes to its start where the text is true of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import click
import numpy as np
import torch
from PIL import Image

from engine.collections import BUILT_IN
from engine.storybook.captions import full_claim
from engine.storybook.claims import Claim
from engine.storybook.scenes import Scene
from engine.storybook.vocabulary import ATTRIBUTES, Attribute
from engine.storybook.wording import Language, fixed_wording
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.encoder.measures import Texts, attribute_claim
from tools.storybook.generator.check import write_figures
from tools.storybook.generator.pipeline import Options, Pipeline, load_pipeline, vary
from tools.storybook.generator.prompts import held_out_prompts
from tools.storybook.generator.rendering import render_fixed

STRENGTHS = (0.3, 0.5, 0.7, 0.9)
EXCHANGED = (Attribute.COLOUR, Attribute.ANIMAL, Attribute.PLACE)
FIRST = 2000
"""Number of the first prompt whose scene is a start: others than those of the other figures."""
DECIBELS = "decibels"


def exchanged(scene: Scene, name: str) -> tuple[Claim, str]:
    """All that holds of a scene of one animal but for one attribute, and its value instead."""
    claim, rng = full_claim(scene), Random(f"{scene.seed}:{name}")
    subject = claim.subjects[0]
    own = (claim.stated() | subject.stated())[name]
    value = rng.choice([other for other in ATTRIBUTES[name] if other != own])
    if name == Attribute.PLACE:
        return replace(claim, place=value), value
    return replace(claim, subjects=(subject.with_value(name, value),)), value


def keeps(
    scene: Scene, name: str, value: str, picture: Image.Image, encoder: EncoderFolder
) -> bool:
    """Whether an attribute of the scene is read from a picture rather than another value of it."""
    animal = scene.animals[0]
    own = (full_claim(scene).stated() | full_claim(scene).subjects[0].stated())[name]
    claims = [attribute_claim(animal, name, each) for each in (own, value)]
    vectors = Texts(encoder.embed_texts, Language.ENGLISH).vectors(claims)
    first, second = vectors @ encoder.embed_pictures([picture])[0]
    return bool(first > second)


def decibels(one: Image.Image, other: Image.Image) -> float:
    """The peak signal-to-noise ratio of two pictures of one size."""
    difference = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    return float(-10 * np.log10(np.square(difference / 255).mean()))


def kept(
    pipe: Pipeline,
    options: Options,
    encoder: EncoderFolder,
    scenes: Sequence[Scene],
    strength: float,
) -> dict[str, float]:
    """Share of the pictures that keep each attribute of their start, and the decibels."""
    starts = [render_fixed(scene) for scene in scenes]
    seeds = range(len(scenes))
    own = [fixed_wording(full_claim(scene), Language.ENGLISH) for scene in scenes]
    pictures = vary(pipe, own, starts, seeds, options, strength)
    near = [decibels(*pair) for pair in zip(starts, pictures, strict=True)]
    found = {DECIBELS: round(float(np.mean(near)), 1)}
    for name in EXCHANGED:
        changes = [exchanged(scene, name) for scene in scenes]
        texts = [fixed_wording(claim, Language.ENGLISH) for claim, _ in changes]
        pictures = vary(pipe, texts, starts, seeds, options, strength)
        same = [
            keeps(scene, name, value, picture, encoder)
            for scene, (_, value), picture in zip(scenes, changes, pictures, strict=True)
        ]
        found[str(name)] = round(sum(same) / len(same), 2)
    return found


@click.command()
@click.option("--generator", type=click.Path(path_type=Path), default=BUILT_IN.generator)
@click.option("--count", default=40, show_default=True, help="Pictures to start from.")
@click.option("--threads", default=2, show_default=True)
@click.option("--write", is_flag=True, help="Keep the figures, and write the model card.")
def main(generator: Path, count: int, threads: int, write: bool) -> None:
    """Print how much of its start a picture keeps, by strength."""
    torch.set_num_threads(threads)
    pipe, options = load_pipeline(generator)
    encoder = EncoderFolder(BUILT_IN.encoder)
    scenes = [prompt.scene for prompt in held_out_prompts(count, 0, 0, first=FIRST)]
    found = {}
    for strength in STRENGTHS:
        found[str(strength)] = kept(pipe, options, encoder, scenes, strength)
        click.echo(f"{strength}: {found[str(strength)]}")
    if write:
        write_figures(generator, {"started": found})


if __name__ == "__main__":
    main()
