"""Rows for the cache's tests."""

import numpy as np
from sqlite_utils import Database

from cache.embeddings import EncoderRecord, Vectors, add_embeddings, put_encoder
from cache.files import SeenFile, put_files
from cache.pictures import NewPicture, add_picture

DIM = 8
CLIP = EncoderRecord(id="clip", dim=DIM, logit_scale=100.0, source="hub/clip")
OTHER = EncoderRecord(id="other", dim=4, logit_scale=10.0, source="", languages=("zh", "en"))


def new_picture(number: int, *, synthetic: bool = False, side: int = 100) -> NewPicture:
    """A picture whose hash and thumbnail tell its number."""
    return NewPicture(
        sha256=f"{number:064x}",
        width=side * 2,
        height=side,
        format="JPEG",
        partial=False,
        synthetic=synthetic,
        thumbnail=b"thumbnail %d" % number,
    )


def put_picture(db: Database, number: int, *paths: str, mtime: float = 1e9, side: int = 100) -> int:
    """A picture with files at some paths."""
    picture_id = add_picture(db, new_picture(number, side=side))
    files = (SeenFile(path=path, size=number, mtime_ns=int(mtime * 1e9)) for path in paths)
    put_files(db, [(file, picture_id) for file in files])
    return picture_id


def unit_vectors(count: int, dim: int = DIM, seed: int = 0) -> Vectors:
    """Random unit vectors, float32 [count, dim]."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def embed(db: Database, encoder: EncoderRecord, ids: list[int], seed: int = 0) -> Vectors:
    """Give pictures random embeddings under an encoder, which is entered too."""
    put_encoder(db, encoder)
    vectors = unit_vectors(len(ids), encoder.dim, seed)
    add_embeddings(db, encoder.id, ids, vectors)
    return vectors
