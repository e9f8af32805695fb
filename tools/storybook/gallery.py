"""Makes the gallery that ships: `python -m tools.storybook.gallery render`, `... embed`, and once
its matcher is trained `... measure`.

Six hundred pictures as WebP, with scenes and captions in one JSON-lines file. Half of them show
animals in colours they have outside of books; suggested queries have several answers each. Their
embeddings and thumbnails ship too, so that no start has to make them, and masks of what they show.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

from cache.zeros import all_zeros
from engine.collections import BUILT_IN
from engine.engine import Engine
from engine.evaluation.regions import RegionMask
from engine.files import thumbnail
from engine.models.encoder_info import hash_folder, read_encoder_info
from engine.search.text_embedder import bank_texts
from engine.settings import EngineSettings
from engine.storybook.captions import captions_of
from engine.storybook.claims import Claim
from engine.storybook.gallery import Record, read_records
from engine.storybook.scenes import Scene
from engine.storybook.suggestions import SUGGESTIONS, first_texts
from engine.storybook.vocabulary import NO_PROP
from engine.storybook.wording import Language
from tools.storybook.encoder.folder import EncoderFolder
from tools.storybook.renderer.render import coverage, render
from tools.storybook.sampling import Split, sample_scene, split_of

COUNT, SIDE, QUALITY = 600, 512, 80
MASK_SIDE = 48
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


def make_record(file: str, scene: Scene) -> Record:
    """The record of a picture, with one caption for each level and language."""
    return Record(
        file=file,
        scene=scene,
        captions={
            language: tuple(each.text for each in captions_of(file, scene, language))
            for language in Language
        },
    )


def write_line(record: Record) -> str:
    """The record as one line of JSON."""
    fields = {"file": record.file} | asdict(record.scene)
    fields["captions"] = {str(language): list(some) for language, some in record.captions.items()}
    return json.dumps(fields, ensure_ascii=False)


def _render_one(folder: Path, numbered: tuple[int, Scene]) -> str:
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
        lines = list(pool.map(partial(_render_one, folder), numbered, chunksize=8))
    (folder / BUILT_IN.records).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sum(path.stat().st_size for path in folder.iterdir())


@click.group()
def main() -> None:
    """Make the gallery that ships."""


@main.command(name="render")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--count", default=COUNT, show_default=True)
@click.option("--workers", default=os.cpu_count() or 1, show_default=True)
def render_pictures(folder: Path, count: int, workers: int) -> None:
    """Render the gallery into FOLDER."""
    size = write_gallery(folder, count, workers)
    click.echo(f"{count} pictures, {size / 1e6:.1f} MB", err=True)


def write_thumbnails(gallery: Path, out: Path) -> None:
    """Write the thumbnails of a gallery one after another, with what else a library keeps.

    `data` uint8 [bytes] holds WebP files, of which `ends` int64 [n] are the ends; `sha256` uint8
    [n, 32] and `sizes` int64 [n, 2] (width, height) are of the pictures, in the order of records.
    """
    side = EngineSettings(home=gallery).thumbnail_side
    parts, hashes, sizes = [], [], []
    for record in read_records(gallery):
        path = gallery / record.file
        hashes.append(np.frombuffer(hashlib.sha256(path.read_bytes()).digest(), np.uint8))
        with Image.open(path) as image:
            sizes.append(image.size)
            parts.append(np.frombuffer(thumbnail(image.convert("RGB"), side), np.uint8))
    tensors: dict[str, NDArray[Any]] = {
        "data": np.concatenate(parts),
        "ends": np.cumsum([len(part) for part in parts], dtype=np.int64),
        "sha256": np.stack(hashes),
        "sizes": np.array(sizes, np.int64),
    }
    save_file(tensors, out)
    out.chmod(0o644)


def thing_masks(scene: Scene) -> dict[str, NDArray[np.bool_]]:
    """Where each animal and prop of a scene is to be seen, [MASK_SIDE, MASK_SIDE], by its name."""
    shares = coverage(scene, MASK_SIDE)
    layers = [(animal.animal, shares[number]) for number, animal in enumerate(scene.animals)]
    if scene.prop != NO_PROP:
        layers.append((scene.prop, shares[2]))
    found: dict[str, NDArray[np.bool_]] = {}
    for name, share in layers:
        found[name] = found.get(name, np.zeros(share.shape, np.bool_)) | (share >= 0.5)
    return {name: mask for name, mask in found.items() if mask.any()}


def write_masks(gallery: Path, out: Path) -> None:
    """Write where the things of a gallery are, as runs that RegionMask reads.

    `ends` uint16 [runs] are those of one mask after another, `stops` int64 [masks] is where the
    runs of each stop, `picture` int64 [masks] its record; `names` of the metadata is what it shows.
    """
    names, pictures, ends = list[str](), list[int](), list[NDArray[np.int64]]()
    for number, record in enumerate(read_records(gallery)):
        for name, mask in thing_masks(record.scene).items():
            names.append(name)
            pictures.append(number)
            ends.append(RegionMask.of(mask).ends)
    tensors: dict[str, NDArray[Any]] = {
        "ends": np.concatenate(ends).astype(np.uint16),
        "stops": np.cumsum([len(each) for each in ends], dtype=np.int64),
        "picture": np.array(pictures, np.int64),
    }
    save_file(tensors, out, metadata={"names": json.dumps(names), "side": str(MASK_SIDE)})
    out.chmod(0o644)


def write_vectors(encoder: Path, gallery: Path, out: Path, texts: Sequence[str]) -> None:
    """Write unit vectors, float32 [pictures, d] in the order of the records, and of texts [n, d].

    With them go the tokens of each text, and the encoder's facts.
    """
    images = [Image.open(gallery / record.file).convert("RGB") for record in read_records(gallery)]
    folder = EncoderFolder(encoder)
    facts = read_encoder_info(str(encoder), f"{encoder.name}@{hash_folder(encoder)}")
    tensors: dict[str, NDArray[Any]] = {
        "vectors": folder.embed_pictures(images),
        "text_vectors": folder.embed_texts(texts),
        "tokens": np.array(folder.count_tokens(texts), np.int64),
    }
    metadata = {
        "encoder_id": facts.id,
        "logit_scale": repr(facts.logit_scale),
        "languages": json.dumps(facts.languages),
        "texts": json.dumps(texts, ensure_ascii=False),
    }
    save_file(tensors, out, metadata=metadata)
    out.chmod(0o644)


@main.command()
def embed() -> None:
    """Embed the shipped gallery with the shipped encoder; make its thumbnails and masks."""
    # With the background texts in it, a first search of the collection starts no model.
    texts = tuple(dict.fromkeys((*first_texts(), *bank_texts())))
    write_vectors(BUILT_IN.encoder, BUILT_IN.folder, BUILT_IN.vectors, texts)
    write_thumbnails(BUILT_IN.folder, BUILT_IN.thumbnails)
    write_masks(BUILT_IN.folder, BUILT_IN.masks)


async def measured_zeros() -> dict[str, str]:
    """What background texts reach in the gallery by the matcher that ships, as a cache keeps it."""
    with TemporaryDirectory() as home:
        settings = EngineSettings(home=Path(home))
        async with Engine.open(settings, with_jobs=False, measures_beside=False) as engine:
            state = await engine.collection.prepare()
            await engine.cache.write(lambda db: db.execute("delete from zeros"))
            await engine.searcher.measure(state.encoder_id, 0, lambda _: None)
            return await engine.cache.read(all_zeros)


@main.command()
def measure() -> None:
    """Measure what queries of the shipped gallery are placed by, so that no start has to."""
    lines = json.dumps(asyncio.run(measured_zeros()), indent=0)
    BUILT_IN.zeros.write_text(f"{lines}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
