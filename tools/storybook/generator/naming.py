"""Sheets for counting by eye, and the count: `python -m tools.storybook.generator.naming`.

`sheet` generates from held-out prompts, one seed each, none left out, with numbers and without the
prompts.
Somebody writes a line for each picture, "cow eating", a question mark where nothing can be told,
before the prompts are looked at; `count` compares.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import torch
from PIL import Image, ImageDraw

from engine.storybook.vocabulary import ACTIONS, ANIMALS
from tools.storybook.generator.pipeline import generate, load_pipeline
from tools.storybook.generator.prompts import Kind, Prompt, held_out_prompts

COLUMNS = 10
FLYING = {"butterfly": {"flying": "running"}}
"""What is said of an animal for one of the four actions."""


def asked(kind: Kind, count: int, first: int = 0) -> list[Prompt]:
    """The held-out prompts of a sheet, from number `first` on."""
    usual, unseen = (count, 0) if kind is Kind.USUAL else (0, count)
    return held_out_prompts(usual, unseen, 0, first=first)


def numbered(pictures: Sequence[Image.Image], zoom: int, first: int = 1) -> Image.Image:
    """The pictures in rows, each with its number above."""
    width, height = (zoom * side for side in pictures[0].size)
    band = 14
    rows = -(-len(pictures) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * width, rows * (height + band)), "white")
    draw = ImageDraw.Draw(whole)
    for place, picture in enumerate(pictures):
        x, y = place % COLUMNS * width, place // COLUMNS * (height + band)
        draw.text((x + 2, y + 1), str(first + place), fill="black")
        whole.paste(picture.resize((width, height), Image.Resampling.BICUBIC), (x, y + band))
    return whole


def named(line: str) -> tuple[str | None, str | None]:
    """The animal and the action of a line, None for what it does not name.

    ValueError for a word that is neither.
    """
    animal, action = None, None
    for word in line.split():
        if word in ANIMALS:
            animal = word
        elif word in ACTIONS:
            action = word
        elif animal is not None and word in FLYING.get(animal, {}):
            action = FLYING[animal][word]
        elif word != "?":
            raise ValueError(f"{word!r} is no animal and no action")
    return animal, action


def counted(prompts: Sequence[Prompt], lines: Sequence[str]) -> dict[str, int]:
    """How many animals and actions were named as the prompts have them."""
    found: Counter[str] = Counter({"animal": 0, "action": 0, "both": 0})
    for prompt, line in zip(prompts, lines, strict=True):
        animal, action = named(line)
        true = prompt.scene.animals[0]
        found["animal"] += animal == true.animal
        found["action"] += action == true.action
        found["both"] += (animal, action) == (true.animal, true.action)
    return dict(found)


@click.group()
def main() -> None:
    """Sheets for counting by eye, and the count."""


_KIND = click.option("--kind", type=click.Choice(["usual", "unseen"]), default="usual")
_FIRST = click.option("--first", default=0, show_default=True, help="Number of the first prompt.")


@main.command()
@click.argument("generator", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@_KIND
@_FIRST
@click.option("--count", default=100, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the first picture; then one more.")
@click.option("--zoom", default=2, show_default=True)
@click.option("--threads", default=2, show_default=True)
def sheet(
    generator: Path,
    out: Path,
    kind: str,
    first: int,
    count: int,
    seed: int,
    zoom: int,
    threads: int,
) -> None:
    """Generate a numbered sheet with the pipeline in the folder GENERATOR."""
    torch.set_num_threads(threads)
    pipe, options = load_pipeline(generator)
    prompts = asked(Kind(kind), count, first)
    seeds = range(seed, seed + count)
    pictures = generate(pipe, [prompt.text for prompt in prompts], seeds, options)
    numbered(pictures, zoom).save(out)


@main.command()
@click.argument("names", type=click.Path(exists=True, path_type=Path))
@_KIND
@_FIRST
@click.option("--wrong", is_flag=True, help="Show the lines that differ.")
def count(names: Path, kind: str, first: int, wrong: bool) -> None:
    """Count the lines of NAMES that name what was asked for."""
    lines = names.read_text(encoding="utf-8").splitlines()
    prompts = asked(Kind(kind), len(lines), first)
    click.echo(f"of {len(lines)}: {counted(prompts, lines)}")
    for number, (prompt, line) in enumerate(zip(prompts, lines, strict=True), start=1):
        true = prompt.scene.animals[0]
        if wrong and named(line) != (true.animal, true.action):
            click.echo(f"{number}: {line} for {prompt.text}")


if __name__ == "__main__":
    main()
