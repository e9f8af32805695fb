"""A cache of many pictures with thumbnails and vectors, made up in seconds."""

import io
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image
from sqlite_utils import Database

from cache.embeddings import EncoderRecord, add_embeddings, put_encoder
from cache.files import SeenFile, put_files
from cache.pictures import NewPicture, add_picture
from cache.store import Cache
from cache.texts import TextRecord, put_texts
from tests.shared_data import DATA

ENCODER = EncoderRecord(id="bench", dim=512, logit_scale=100.0, source="")
QUERY = "a dog"
TEXTS = 60
DISTINCT = 200
"""Thumbnails that differ; real photos where there are any, which cost more to decode and send."""


async def build(home: Path, count: int) -> None:
    """Fill the cache of `home` with `count` pictures under one encoder."""
    cache = await Cache.open(home)
    try:
        await cache.write(_fill, count, _thumbnails())
    finally:
        await cache.aclose()


def _fill(db: Database, count: int, thumbnails: list[bytes]) -> None:
    random = np.random.default_rng(0)
    put_encoder(db, ENCODER)
    ids = []
    for number in range(count):
        new = NewPicture(
            sha256=sha256(str(number).encode()).hexdigest(),
            width=500,
            height=375,
            format="JPEG",
            partial=False,
            thumbnail=thumbnails[number % len(thumbnails)],
        )
        ids.append(add_picture(db, new))
    files = [
        SeenFile(path=f"/photos/{number:06}.jpg", size=9, mtime_ns=9) for number in range(count)
    ]
    put_files(db, zip(files, ids, strict=True))
    vectors = random.normal(size=(count + TEXTS, ENCODER.dim)).astype(np.float32)
    vectors[:, 0] += 10
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    add_embeddings(db, ENCODER.id, ids, vectors[:count])
    words = [QUERY, *(f"thing {number}" for number in range(1, TEXTS))]
    texts = zip(words, vectors[count:], strict=True)
    records = [TextRecord(text=t, vector=v, tokens=0, lost="", imported=True) for t, v in texts]
    put_texts(db, ENCODER.id, records)


def _thumbnails() -> list[bytes]:
    photos = sorted((DATA / "flickr8k" / "images").glob("*.jpg"))[:DISTINCT]
    images = [Image.open(photo).convert("RGB") for photo in photos] or _made_up()
    thumbnails = []
    for image in images:
        image.thumbnail((320, 320))
        file = io.BytesIO()
        image.save(file, "WEBP", quality=80)
        thumbnails.append(file.getvalue())
    return thumbnails


def _made_up() -> list[Image.Image]:
    random = np.random.default_rng(1)
    coarse = random.integers(0, 255, (DISTINCT, 24, 32, 3), np.uint8)
    return [Image.fromarray(pixels).resize((320, 240)) for pixels in coarse]
