"""Small storybooks in folders of their own, shaped like the one that ships."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save, save_file

from engine.collections import BUILT_IN, Collection
from engine.scoring.matcher import about_matcher

DIM = 8
TEXTS = ("a horse", "a cow")


def make_package(place: Path, *, encoder_id: str = "book@1", count: int = 4) -> Collection:
    """A storybook of `count` plain pictures, the same for the same arguments."""
    gallery = place / "gallery"
    gallery.mkdir(parents=True)
    random = np.random.default_rng(len(encoder_id) + count)
    lines, hashes, parts = [], [], []
    for number in range(count):
        name, data = f"{number:04d}.webp", _picture(number)
        (gallery / name).write_bytes(data)
        lines.append(json.dumps({"file": name}))
        hashes.append(np.frombuffer(hashlib.sha256(data).digest(), np.uint8))
        parts.append(np.frombuffer(data, np.uint8))
    (gallery / BUILT_IN.records).write_text("\n".join(lines), encoding="utf-8")
    package = replace(
        BUILT_IN,
        folder=gallery,
        vectors=place / "gallery.safetensors",
        thumbnails=place / "thumbnails.safetensors",
        matcher=place / "matcher.safetensors",
        zeros=place / "zeros.json",
    )
    thumbnails: dict[str, NDArray[Any]] = {
        "data": np.concatenate(parts),
        "ends": np.cumsum([len(part) for part in parts], dtype=np.int64),
        "sha256": np.stack(hashes),
        "sizes": np.full((count, 2), 16, np.int64),
    }
    save_file(thumbnails, package.thumbnails)
    vectors: dict[str, NDArray[Any]] = {
        "vectors": unit(random.normal(size=(count, DIM))),
        "text_vectors": unit(random.normal(size=(len(TEXTS), DIM))),
        "tokens": np.full(len(TEXTS), 4, np.int64),
    }
    facts = {
        "encoder_id": encoder_id,
        "logit_scale": "20.0",
        "languages": '["en", "zh"]',
        "texts": json.dumps(TEXTS),
    }
    save_file(vectors, package.vectors, metadata=facts)
    package.matcher.write_bytes(make_matcher(encoder_id))
    return package


def make_matcher(encoder_id: str, seed: int = 0) -> bytes:
    """A matcher of random weights."""
    random = np.random.default_rng(seed)
    weights = {
        "w1": random.normal(size=(3, 4 * DIM)).astype(np.float32),
        "b1": np.zeros(3, np.float32),
        "w2": random.normal(size=(1, 3)).astype(np.float32),
        "b2": np.zeros(1, np.float32),
    }
    return save(weights, metadata=about_matcher(encoder_id, "{}", knows_false_texts=True))


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows of unit length."""
    lengths: NDArray[np.float64] = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths).astype(np.float32)


def _picture(number: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (number * 40 % 256, 90, 120)).save(stream, "WEBP")
    return stream.getvalue()
