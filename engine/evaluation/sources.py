"""From a request to its data, the encoder, and the folders where the pictures may lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

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
from engine.evaluation.data import Data
from engine.evaluation.gallery import scenes_data
from engine.evaluation.readers import (
    Captioned,
    captions_data,
    classes_data,
    read_captions,
    read_words,
    words_data,
)
from engine.evaluation.request import EvaluateRequest
from engine.models.encoders import Encoders
from engine.results import FloatArray
from engine.states import DataKind


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
    "images", "Images", "flickr30k_images", "flickr30k-images", "Flicker8k_Dataset", "val2014",
    "train2014", "val2017", "train2017", ".",
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
        return Raw(data=classes_data(path, request.templates, dict(request.names)))
    if not disk.is_file(path):
        raise RequestError(
            disk.absence(path, f"there is no file or folder {path}"),
            hint=f"DATA is a file of captions, a folder of classes, or the word {BUILT_IN.name}.",
            field="data",
        )
    rows = read_captions(path, request.split)
    swaps = request.swaps and request.queries == DataKind.CAPTIONS
    data = captions_data(path.stem, rows, swaps=swaps, seed=request.seed)
    return Raw(data=data, captions=tuple(rows) if request.queries == DataKind.WORDS else ())


def roots_of(request: EvaluateRequest) -> tuple[Path, ...]:
    """Folders in which the pictures of the data may lie."""
    if request.images is not None:
        return (disk.from_root(request.images),)
    if request.data == BUILT_IN.name or disk.is_folder(path := Path(request.data)):
        return ()
    beside = disk.from_root(path).parent
    return tuple(disk.from_root(beside / name) for name in _BESIDE if disk.is_folder(beside / name))


async def choose_encoder(
    cache: Cache, loader: Encoders, request: EvaluateRequest, names: Sequence[str]
) -> EncoderRecord:
    """The encoder asked for; else the collection's own; else the one that knows most pictures.

    Raises what `Encoders.describe` raises where it is neither in the cache nor on this machine.
    """
    known = await cache.read(encoders)
    wanted = request.encoder
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
