"""Real CLIP vectors of real photos, some of which are on the disk."""

from pathlib import Path

import numpy as np

from cache.library import counts
from cache.texts import imported_texts
from engine.requests import ExportRequest, ImportRequest
from tests.engine.library.exchanging import CLIP, open_desk
from tests.shared_data import DATA, needs

SPACE = DATA / "clip_vitb32"
ROOT = DATA / "flickr8k" / "images"


@needs("clip_vitb32")
@needs("flickr8k")
async def test_published_vectors_come_in_exactly_and_go_out_again(tmp_path: Path) -> None:
    request = ImportRequest(
        encoder_id=CLIP,
        pictures=SPACE / "flickr8k_images.npz",
        texts=SPACE / "texts.npz",
        root=ROOT,
    )
    with np.load(SPACE / "flickr8k_images.npz", allow_pickle=False) as archive:
        given = {
            str(ROOT / name): vector
            for name, vector in zip(archive["image"].tolist(), archive["vector"], strict=True)
        }
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(request)
        held = await desk.cache.read(counts)
        assert (held.pictures, held.present, held.named) == (1828, 167, 1661)
        assert held.embedded == {CLIP: 1828}
        assert len(await desk.cache.read(imported_texts, CLIP)) == 1208
        found = await desk.vectors_by_path()
        assert found.keys() == given.keys()
        assert all(np.array_equal(found[path], vector) for path, vector in given.items())
        await desk.write_out(ExportRequest(encoder_id=CLIP, target=tmp_path / "out.npz"))
    with np.load(tmp_path / "out.npz", allow_pickle=False) as archive:
        names, vectors = archive["image"].tolist(), archive["vector"]
    assert names == sorted(given)
    assert all(np.array_equal(given[name], v) for name, v in zip(names, vectors, strict=True))
