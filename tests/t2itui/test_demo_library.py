"""The library that is painted for screenshots."""

from pathlib import Path

import numpy as np
from PIL import Image

from t2itui.demo_library import ENCODER_ID, PAINTED_AT, paint, text_vectors


def test_the_painted_library_is_the_same_each_time_and_ranks_by_what_is_painted(
    tmp_path: Path,
) -> None:
    first, again = paint(tmp_path / "a", 12), paint(tmp_path / "b", 12)
    with np.load(first.pictures) as one, np.load(again.pictures) as two:
        names, vectors = one["image"].tolist(), one["vector"]
        assert names == two["image"].tolist()
        assert np.array_equal(vectors, two["vector"])
    for name in names:
        one_file, other = tmp_path / "a/pictures" / name, tmp_path / "b/pictures" / name
        assert one_file.read_bytes() == other.read_bytes()
        assert one_file.stat().st_mtime == PAINTED_AT
        with Image.open(one_file) as picture:
            assert picture.size == (256, 256)
    words, texts = text_vectors()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-6)
    cosine = vectors @ texts.T
    assert cosine.min() > 0.1 and cosine.max() < 0.4
    for name, row in zip(names, cosine, strict=True):
        shown = name.rpartition("-")[0].split("-and-")
        best = [words[index].split()[1] for index in np.argsort(-row)[: len(shown)]]
        assert sorted(best) == sorted(shown)
    assert first.request.encoder_id == ENCODER_ID
