"""Tags against the truth: precision and recall of words on the storybook, and on real photos.

    python -m tests.bench.measure_tags            # the storybook: its library, and 60 alone
    python -m tests.bench.measure_tags --photos   # 1,828 photos in the space of CLIP ViT-B/32

On the storybook a word is true of a picture if the scene holds it; the list is the one that ships,
and 25 things that no scene holds. Of photos nobody knows what is true: there a word counts as true
where one of the five captions has it, so precision is a lower bound.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.collections import BUILT_IN
from engine.engine import Engine
from engine.evaluation.readers import read_captions, words_data
from engine.events import JobFinished
from engine.requests import ImportRequest, TagRequest
from engine.results import TagResult
from engine.search.word_lists import Word, own_words, words_of
from engine.settings import EngineSettings
from engine.storybook.gallery import read_records
from engine.storybook.scenes import Scene
from engine.storybook.vocabulary import ANIMALS, FOREIGN_ENGLISH, NO_PROP, PLACES, PROPS
from engine.storybook.wording import with_a
from tests.shared_data import DATA

ENCODER = "openai/clip-vit-base-patch32"
ALONE = 60
"""Pictures that are tagged one by one, each decoded by a process of its own."""
OFTEN = 20
Bools = NDArray[np.bool_]


def shown(scene: Scene) -> set[str]:
    """The values of the vocabulary that a scene shows and that the list has words for."""
    return {*(each.animal for each in scene.animals), scene.place, scene.prop}


def values() -> tuple[str, ...]:
    """What the words of the storybook's list stand for, in its order."""
    return (*ANIMALS, *(each for each in PROPS if each != NO_PROP), *PLACES)


def figures(truth: Bools, tagged: Bools) -> str:
    """Precision and recall over all pairs of a picture [N] and a word [W]."""
    right = (truth & tagged).sum()
    precision, recall = right / max(tagged.sum(), 1), right / max(truth.sum(), 1)
    return f"precision {precision:.3f}  recall {recall:.3f}  {tagged.sum() / len(tagged):.2f} tags"


def tagged_words(found: TagResult, words: Sequence[Word], order: Sequence[str]) -> Bools:
    """Which word is a tag of which picture, [N, W]."""
    column = {word.text: number for number, word in enumerate(words)}
    row = {path: number for number, path in enumerate(order)}
    tagged = np.zeros((len(order), len(words)), np.bool_)
    for picture in found.pictures:
        for tag in picture.tags:
            tagged[row[picture.path], column[tag.text]] = True
    return tagged


async def storybook(engine: Engine) -> None:
    """The storybook's list, in both languages, and things that no scene holds."""
    records = list(read_records(BUILT_IN.folder))
    paths = [str(BUILT_IN.folder / record.file) for record in records]
    truth = np.array([[v in shown(r.scene) for v in values()] for r in records], np.bool_)
    for language in BUILT_IN.languages:
        request = TagRequest(folder=BUILT_IN.folder, top=0, language=language)
        found = await engine.searcher.tagger.tag(request)
        (encoder,) = await engine.library.encoders()
        words = words_of(encoder, language)
        tagged = tagged_words(found, words, paths)
        print(f"storybook, {language}, {len(records)} pictures: {figures(truth, tagged)}")
        parts = (("animals", len(ANIMALS)), ("props", len(PROPS) - 1), ("places", len(PLACES)))
        start = 0
        for name, size in parts:
            part = slice(start, start + size)
            print(f"  {name:8} {figures(truth[:, part], tagged[:, part])}")
            start += size
    await alone(engine, truth, paths)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(map(with_a, FOREIGN_ENGLISH)))
        file.flush()
        request = TagRequest(folder=BUILT_IN.folder, top=0, words=Path(file.name))
        found = await engine.searcher.tagger.tag(request)
    foreign = tagged_words(found, own_words(list(map(with_a, FOREIGN_ENGLISH))), paths)
    print(f"  {foreign.shape[1]} things that are nowhere: {foreign.mean():.4f} of the pairs tagged")


async def alone(engine: Engine, truth: Bools, paths: Sequence[str]) -> None:
    """Copies in another format, which no library holds."""
    with tempfile.TemporaryDirectory() as folder:
        copies = [str(Path(folder) / f"{Path(path).stem}.png") for path in paths[:ALONE]]
        for path, copy in zip(paths, copies, strict=False):
            Image.open(path).save(copy)
        request = TagRequest(pictures=tuple(copies), top=0)
        found = await engine.searcher.tagger.tag(request)
        (encoder,) = await engine.library.encoders()
        tagged = tagged_words(found, words_of(encoder), copies)
    assert all(each.is_alone for each in found.pictures)
    print(f"  {len(copies)} standing alone, en: {figures(truth[:ALONE], tagged)}")


async def photos(engine: Engine) -> None:
    """Everyday nouns, and all of the class words, against what captions say."""
    folder = DATA / "clip_vitb32"
    request = ImportRequest(
        encoder_id=ENCODER,
        pictures=folder / "flickr8k_images.npz",
        texts=folder / "texts.npz",
        root=folder,
    )
    assert isinstance(await engine.import_vectors(request).wait(), JobFinished)
    rows = read_captions(folder / "captions.token", "")
    encoder = next(each for each in await engine.library.encoders() if each.id == ENCODER)
    with np.load(folder / "texts.npz") as texts:
        embedded = set(texts["text"].tolist())
    words = [word for word in words_of(encoder) if word.text in embedded]
    data = words_data("photos", rows, [word.text for word in words])
    truth = np.zeros((len(data.pictures), len(words)), np.bool_)
    column = {word.text: number for number, word in enumerate(words)}
    for text, picture in zip(data.right.text, data.right.picture, strict=True):
        truth[picture, column[data.texts[text]]] = True
    asked = TagRequest(folder=folder, top=0, encoder_id=ENCODER)
    found = await engine.searcher.tagger.tag(asked)
    tagged = tagged_words(found, words, [str(folder / name) for name in data.pictures])
    print(f"{len(data.pictures)} photos, {found.words} nouns that have a vector, {found.matcher}")
    print(f"  against captions: {figures(truth, tagged)}")
    often, absent = truth.sum(axis=0) >= OFTEN, ~truth.any(axis=0)
    part = figures(truth[:, often], tagged[:, often])
    print(f"  {often.sum()} nouns of {OFTEN} photos or more: {part}")
    nowhere = tagged[:, absent].mean()
    print(f"  {absent.sum()} nouns that no caption holds: {nowhere:.4f} of the pairs tagged")


async def main(*, of_photos: bool) -> None:
    """Open a home of its own and measure."""
    with tempfile.TemporaryDirectory() as home:
        async with Engine.open(EngineSettings(home=Path(home))) as engine:
            await (photos if of_photos else storybook)(engine)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", action="store_true")
    asyncio.run(main(of_photos=parser.parse_args().photos))
