"""From a request to its data, a gallery's too, the encoder, and the folders of the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from sqlite_utils import Database

from cache.embeddings import EncoderRecord, encoders, put_encoder, vectors_of
from cache.pictures import pictures_at
from cache.store import Cache
from cache.texts import imported_texts
from engine import disk
from engine.collections import BUILT_IN
from engine.errors import (
    RequestError,
)
from engine.evaluation.annotations import (
    entities_data,
    is_entities,
    is_nus_wide,
    nus_wide_data,
    read_instances,
)
from engine.evaluation.data import Data, LabelledQuery, SwappedPair
from engine.evaluation.readers import (
    Captioned,
    captions_data,
    classes_data,
    read_captions,
    words_data,
)
from engine.evaluation.regions import Region
from engine.models.encoders import Encoders
from engine.requests import EvaluateRequest
from engine.results import FloatArray
from engine.scoring.metrics import RightPairs
from engine.search.word_lists import read_words
from engine.states import DataKind
from engine.storybook.captions import LEVELS, captions_of
from engine.storybook.claims import Claim
from engine.storybook.gallery import (
    Record,
    read_masks,
    read_records,
    routing_queries,
    swapped_claims,
    truth_matrix,
)
from engine.storybook.scenes import Scene
from engine.storybook.vocabulary import ANIMALS
from engine.storybook.wording import Caption, Language, fixed_wording, thing_words


def read_pictures(
    db: Database, encoder_id: str | None, names: Sequence[str], roots: Sequence[Path]
) -> tuple[dict[int, int], dict[int, FloatArray]]:
    """Picture ids by index in `names`, and embeddings by picture id.

    A name is looked for below each root, then as it stands, then as the only file of that name
    in the library.
    """
    ids: dict[int, int] = {}
    for root in (*roots, None):
        left = [index for index in range(len(names)) if index not in ids]
        paths = [str(root / names[i]) if root is not None else names[i] for i in left]
        found = pictures_at(db, paths)
        pairs = zip(left, paths, strict=True)
        ids |= {index: found[path] for index, path in pairs if path in found}
    if len(ids) < len(names):
        by_name = _by_name(db)
        for index in range(len(names)):
            several = by_name.get(PurePath(names[index]).name, ())
            if index not in ids and len(several) == 1:
                ids[index] = next(iter(several))
    vectors = {} if encoder_id is None else vectors_of(db, encoder_id, sorted({*ids.values()}))
    return ids, vectors


def _by_name(db: Database) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for path, picture_id in db.execute("select path, picture_id from files"):
        found.setdefault(PurePath(path).name, set()).add(int(picture_id))
    return found


_BESIDE = (
    "images", "Images", "Flickr", "flickr30k_images", "flickr30k-images", "Flicker8k_Dataset",
    "val2014", "train2014", "val2017", "train2017", ".",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Data as read: whole, or captions that words are still to be looked up in."""

    data: Data
    captions: tuple[Captioned, ...] = ()


def read_raw(request: EvaluateRequest) -> Raw:
    """Read what the request names; slow, so call it on a thread. Raises RequestError."""
    if request.data == BUILT_IN.name:
        return Raw(data=scenes_data(request.language))
    path = Path(request.data)
    if disk.is_folder(path):
        return Raw(data=_folder_data(path, request))
    if not disk.is_file(path):
        raise RequestError(
            disk.absence(path, f"there is no file or folder {path}"),
            hint="DATA is a file of captions, a folder of classes, of NUS-WIDE or of Flickr30K"
            f" Entities, or the word {BUILT_IN.name}.",
            field="data",
        )
    instances = read_instances(path, request.templates)
    if instances is not None:
        return Raw(data=instances)
    rows = read_captions(path, request.split)
    swaps = request.swaps and request.queries == DataKind.CAPTIONS
    data = captions_data(path.stem, rows, swaps=swaps, seed=request.seed)
    return Raw(data=data, captions=tuple(rows) if request.queries == DataKind.WORDS else ())


def _folder_data(path: Path, request: EvaluateRequest) -> Data:
    """The data of a folder, known by the folders in it."""
    if is_nus_wide(path):
        return nus_wide_data(path, request.split, request.templates)
    if is_entities(path):
        return entities_data(path, request.split)
    return classes_data(path, request.templates, dict(request.names))


def roots_of(request: EvaluateRequest) -> tuple[Path, ...]:
    """Folders in which the pictures of the data may lie."""
    if request.images is not None:
        return (disk.from_root(request.images),)
    if request.data == BUILT_IN.name:
        return ()
    path = Path(request.data)
    beside = disk.from_root(path)
    if not disk.is_folder(path):
        beside = beside.parent
    elif not (is_nus_wide(path) or is_entities(path)):
        return ()
    return tuple(disk.from_root(beside / name) for name in _BESIDE if disk.is_folder(beside / name))


async def choose_encoder(
    cache: Cache,
    loader: Encoders,
    request: EvaluateRequest,
    wanted: str | None,
    names: Sequence[str],
) -> EncoderRecord:
    """The encoder that is wanted; else the collection's own; else the one that knows most pictures.

    Raises what `Encoders.describe` raises where it is neither in the cache nor on this machine.
    """
    known = await cache.read(encoders)
    if wanted is None and request.data == BUILT_IN.name:
        wanted = str(BUILT_IN.encoder)
    if wanted is not None:
        # A folder may hold other weights by now; ids and hub ids stay what they are.
        found = [each for each in known if each.id == wanted]
        return found[0] if found else await _described(cache, loader, wanted)
    counted: dict[str, int] = {}
    roots = roots_of(request)
    for record in known:
        _, vectors = await cache.read(read_pictures, record.id, names, roots)
        counted[record.id] = len(vectors)
    best = max(known, key=lambda record: counted[record.id], default=None)
    if best is not None and counted[best.id]:
        return best
    return await _described(cache, loader, loader.configured)


async def _described(cache: Cache, loader: Encoders, source: str) -> EncoderRecord:
    facts = await loader.describe(source)
    record = EncoderRecord(
        id=facts.id,
        dim=facts.dim,
        logit_scale=facts.logit_scale,
        source=source,
        languages=facts.languages,
    )
    if not cache.read_only:
        await cache.write(put_encoder, record)
    return record


async def with_words(
    cache: Cache, encoder: EncoderRecord, raw: Raw, request: EvaluateRequest
) -> Data:
    """The data, its words looked up where words were asked for."""
    if not raw.captions:
        return raw.data
    if request.words is not None:
        words = read_words(request.words)
    else:
        words = [record.text for record in await cache.read(imported_texts, encoder.id)]
    return words_data(f"{raw.data.name} (words)", raw.captions, words)


def scenes_data(language: str = "") -> Data:
    """The captions of the gallery at all levels, in one language or both.

    Right is every picture that a caption is true of, not its own alone; routing and swaps are
    asked as the storybook's own measures ask them; where things are is known from drawing them.
    """
    languages = [each for each in Language if not language or each == language]
    records = list(read_records(BUILT_IN.folder))
    scenes = [record.scene for record in records]
    captions, groups = _captions(records, languages)
    true = truth_matrix([each.claim for each in captions], scenes)
    picture, text = np.nonzero(true)
    return Data(
        name=BUILT_IN.name,
        kind=DataKind.STORYBOOK,
        pictures=tuple(str(BUILT_IN.folder / record.file) for record in records),
        texts=tuple(each.text for each in captions),
        right=RightPairs.of(text, picture),
        groups=tuple(groups),
        queries=_queries(scenes, languages),
        swapped=tuple(pair for each in languages for pair in _swapped(scenes, each)),
        regions=tuple(_regions(languages)),
    )


def _captions(
    records: Sequence[Record], languages: Sequence[Language]
) -> tuple[list[Caption], list[str]]:
    """Every caption once, with what it states: the texts of the records."""
    found: dict[str, tuple[Caption, str]] = {}
    for record in records:
        for language in languages:
            own = captions_of(record.file, record.scene, language)
            for level, each in zip(LEVELS, own, strict=True):
                found.setdefault(each.text, (each, f"{language} level {level}"))
    return [each for each, _ in found.values()], [group for _, group in found.values()]


def _queries(scenes: Sequence[Scene], languages: Sequence[Language]) -> tuple[LabelledQuery, ...]:
    """The storybook's queries, with the pictures that each is true of."""
    asked = [each for each in routing_queries(scenes) if each.caption.language in languages]
    true = truth_matrix([each.caption.claim for each in asked], scenes)
    return tuple(
        LabelledQuery(
            text=each.caption.text,
            answers=tuple(map(int, np.flatnonzero(column))),
            kind=each.kind,
        )
        for each, column in zip(asked, true.T, strict=True)
    )


def _swapped(scenes: Sequence[Scene], language: Language) -> list[SwappedPair]:
    true, false = swapped_claims(scenes)
    return [
        SwappedPair(
            true=fixed_wording(good, language),
            false=fixed_wording(bad, language),
            picture=number % len(scenes),
            attribute=_apart(good, bad),
        )
        for number, (good, bad) in enumerate(zip(true, false, strict=True))
    ]


def _regions(languages: Sequence[Language]) -> Iterator[Region]:
    """Where the animals and props of the pictures are, by their masks."""
    words = {language: thing_words(language) for language in languages}
    for each in read_masks(BUILT_IN.masks):
        kind = "animals" if each.name in ANIMALS else "props"
        for language in languages:
            yield Region(
                picture=each.picture,
                text=words[language][each.name],
                kind=f"{language} {kind}",
                areas=(each.mask,),
            )


def _apart(one: Claim, other: Claim) -> str:
    """The attribute in which two claims differ."""
    mine, theirs = one.stated(), other.stated()
    for subject, changed in zip(one.subjects, other.subjects, strict=True):
        if subject != changed:
            mine, theirs = subject.stated(), changed.stated()
    return next(name for name in mine if mine[name] != theirs.get(name))
