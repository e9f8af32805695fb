"""Draws the gallery that ships: `python -m engine.storybook.gallery OUT`.

Six hundred pictures as WebP, with scenes and captions in one JSON-lines file. Half of them show
animals in colours they have outside of books; suggested queries have several answers each.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import click

from engine.storybook.claims import Claim
from engine.storybook.records import RECORDS, make_record, write_line
from engine.storybook.render import render
from engine.storybook.scene import Scene, Split, sample_scene, split_of
from engine.storybook.suggestions import SUGGESTIONS

COUNT, SIDE, QUALITY = 600, 512, 80
FIRST_SEED = 20_000_000
FOR_EACH_SUGGESTION = 4

USUAL_COLOURS: dict[str, tuple[str, ...]] = {
    "dog": ("brown", "black", "white"),
    "cat": ("orange", "gray", "black", "white"),
    "horse": ("brown", "black", "white"),
    "elephant": ("gray",),
    "butterfly": ("blue", "orange", "yellow", "purple"),
    "chicken": ("white", "brown", "red"),
    "cow": ("white", "brown", "black"),
    "sheep": ("white", "black", "gray"),
    "squirrel": ("orange", "brown", "red"),
    "spider": ("black", "gray", "red"),
}


def gallery_scenes(count: int = COUNT) -> list[Scene]:
    """The scenes of the gallery: none holds a combination that is kept from training."""
    scenes = [
        _answering(suggestion.claim, FIRST_SEED + 100 * number + k)
        for number, suggestion in enumerate(SUGGESTIONS)
        if suggestion.answered
        for k in range(FOR_EACH_SUGGESTION)
    ]
    seeds = iter(range(FIRST_SEED + 100_000, FIRST_SEED + 200_000))
    makers: list[Callable[[int], Scene]] = [sample_scene, _usual]
    while len(scenes) < count:
        scenes.append(makers[len(scenes) % 2](next(seeds)))
    Random("gallery").shuffle(scenes)
    return scenes[:count]


def _usual(seed: int) -> Scene:
    """A scene whose animals have usual colours."""
    return next(scene for scene in _variants(seed) if split_of(scene) is Split.SEEN)


def _variants(seed: int) -> Iterator[Scene]:
    scene, rng = sample_scene(seed, two_share=0.3), Random(f"usual:{seed}")
    while True:
        animals = tuple(
            replace(animal, colour=rng.choice(USUAL_COLOURS[animal.animal]))
            for animal in scene.animals
        )
        yield replace(scene, animals=animals)


def _answering(claim: Claim, seed: int) -> Scene:
    """A scene of which the claim is true."""
    two = len(claim.subjects) == 2
    for attempt in range(10_000):
        scene = sample_scene(seed * 10_000 + attempt, two_share=1.0 if two else 0.15)
        animals = list(scene.animals)
        for index, subject in enumerate(claim.subjects[: len(animals)]):
            animals[index] = replace(animals[index], **subject.stated())
        changed = replace(scene, animals=tuple(animals), seed=seed, **claim.stated())
        if split_of(changed) is Split.SEEN:
            return changed
    raise ValueError(f"no scene that training may see satisfies {claim}")


def _save(folder: Path, numbered: tuple[int, Scene]) -> str:
    number, scene = numbered
    record = make_record(f"{number:04d}.webp", scene)
    image = render(scene, SIDE, supersample=4)
    image.save(folder / record.file, "WEBP", quality=QUALITY, method=6)
    return write_line(record)


def write_gallery(folder: Path, count: int = COUNT, workers: int = 1) -> int:
    """Draw the gallery into a folder; its size in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        numbered = enumerate(gallery_scenes(count))
        lines = list(pool.map(partial(_save, folder), numbered, chunksize=8))
    (folder / RECORDS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sum(path.stat().st_size for path in folder.iterdir())


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--count", default=COUNT, show_default=True)
@click.option("--workers", default=os.cpu_count() or 1, show_default=True)
def main(folder: Path, count: int, workers: int) -> None:
    """Draw the gallery into FOLDER."""
    size = write_gallery(folder, count, workers)
    click.echo(f"{count} pictures, {size / 1e6:.1f} MB", err=True)


if __name__ == "__main__":
    main()
