"""Chooses guidance, steps and scheduler by measurement.

`python -m tools.storybook.generator.choose`
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from engine.collections import BUILT_IN
from engine.storybook.wording import Language
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.encoder.measures import Texts
from tools.storybook.generator.pipeline import (
    Options,
    Pipeline,
    generate,
    load_pipeline,
    write_options,
)
from tools.storybook.generator.prompts import Prompt, held_out_prompts, read_right

GUIDANCES = (1.5, 2.5, 4.0, 6.0)
STEPS = (10, 20, 30)
SCHEDULERS = ("dpm++", "ddim")
FIRST = 1000
"""Number of the first prompt to try on: others than those of the figures."""
MARGIN = 0.01
"""How much better a slower choice must be."""


def score(
    pipe: Pipeline, encoder: EncoderFolder, prompts: Sequence[Prompt], options: Options
) -> float:
    """The mean share of attributes read right, each attribute counting the same."""
    pictures = generate(pipe, [p.text for p in prompts], range(len(prompts)), options)
    texts = Texts(encoder.embed_texts, Language.ENGLISH)
    found = read_right(prompts, encoder.embed_pictures(pictures), texts)
    return float(np.mean([share.value for named in found.values() for share in named.values()]))


def variants(base: Options) -> Iterator[tuple[str, list[Options]]]:
    """What to try, one thing after the other."""
    yield "guidance", [replace(base, guidance_scale=value) for value in GUIDANCES]
    yield "scheduler", [replace(base, scheduler=name) for name in SCHEDULERS]
    yield "steps", [replace(base, steps=value) for value in STEPS]


def choose(pipe: Pipeline, encoder: EncoderFolder, prompts: Sequence[Prompt]) -> Options:
    """The options that score best; of equal ones the first, which is the fastest."""
    best = Options(steps=STEPS[0])
    for step in range(3):
        _, tried = list(variants(best))[step]
        scores = []
        for options in tried:
            scores.append(score(pipe, encoder, prompts, options))
            click.echo(f"{scores[-1]:.3f} {options}", err=True)
        best = tried[first_best(scores)]
    return best


def first_best(scores: Sequence[float]) -> int:
    """The first of the scores that none exceeds by more than the margin."""
    return next(k for k, value in enumerate(scores) if value >= max(scores) - MARGIN)


@click.command()
@click.option("--generator", type=click.Path(path_type=Path), default=BUILT_IN.generator)
@click.option("--share", default=0.4, show_default=True, help="Share of the prompts to try on.")
@click.option("--threads", default=2, show_default=True)
def main(generator: Path, share: float, threads: int) -> None:
    """Choose the options of the generator and write them into its folder."""
    torch.set_num_threads(threads)
    pipe, _ = load_pipeline(generator)
    counts = int(100 * share), int(50 * share), int(50 * share)
    prompts = held_out_prompts(*counts, first=FIRST)
    best = choose(pipe, EncoderFolder(BUILT_IN.encoder), prompts)
    write_options(generator, best)
    click.echo(f"chosen: {best}", err=True)


if __name__ == "__main__":
    main()
