"""clip-retrieval's layout, as clip-retrieval itself writes it."""

import sys
from pathlib import Path

import numpy as np
import pytest

from cache.texts import imported_texts
from engine.errors import VectorsError
from engine.requests import ImportRequest
from tests.engine.library.exchanging import CLIP, open_desk, save_picture, units

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def write_part(
    folder: Path,
    number: int,
    columns: dict[str, list[str | None]],
    images: np.typing.NDArray[np.generic] | None = None,
    texts: np.typing.NDArray[np.generic] | None = None,
) -> None:
    for kind, vectors in (("img_emb", images), ("text_emb", texts)):
        if vectors is not None:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            np.save(folder / kind / f"{kind}_{number}.npy", vectors)
    (folder / "metadata").mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), folder / "metadata" / f"metadata_{number}.parquet")


async def test_parts_are_joined_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Eleven parts: the tenth must not come second."""
    folder, vectors = tmp_path / "in", units(11)
    for number in range(11):
        write_part(folder, number, {"image_path": [f"{number}.jpg"]}, vectors[number : number + 1])
    async with open_desk(tmp_path / "home") as desk:
        sentence = await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=folder))
        found = await desk.vectors_by_path()
        assert list(found) == [f"{number}.jpg" for number in range(11)]
        np.testing.assert_array_equal(np.stack(list(found.values())), vectors)
        assert "11 pictures, 11 new" in sentence


async def test_half_precision_is_made_unit_length(tmp_path: Path) -> None:
    folder, vectors = tmp_path / "in", units(3, dim=512)
    names: list[str | None] = ["a", "b", "c"]
    write_part(folder, 0, {"image_path": names}, vectors.astype(np.float16))
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=folder))
        found = np.stack(list((await desk.vectors_by_path()).values()))
    lengths = np.linalg.norm(found.astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-6)
    np.testing.assert_allclose(found, vectors, atol=1e-3)


async def test_captions_become_texts_and_blank_ones_are_left_out(tmp_path: Path) -> None:
    folder, images, texts = tmp_path / "in", units(4), units(4, seed=1)
    names: list[str | None] = ["a", "b", "c", "d"]
    captions: list[str | None] = ["a dog", None, " ", "a cat"]
    write_part(folder, 0, {"image_path": names, "caption": captions}, images, texts)
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=folder))
        assert len(await desk.vectors_by_path()) == 4
        records = await desk.cache.read(imported_texts, CLIP)
        assert [record.text for record in records] == ["a cat", "a dog"]
        np.testing.assert_array_equal(records[0].vector, texts[3])
        np.testing.assert_array_equal(records[1].vector, texts[0])


async def test_paths_lie_below_the_root(tmp_path: Path) -> None:
    root, folder = tmp_path / "pictures", tmp_path / "in"
    path = save_picture(root / "x" / "red.png", "red")
    absolute: list[str | None] = ["x/gone.png", str(path)]
    write_part(folder, 0, {"image_path": absolute}, units(2))
    async with open_desk(tmp_path / "home") as desk:
        sentence = await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=folder, root=root))
        assert set(await desk.vectors_by_path()) == {str(root / "x/gone.png"), str(path)}
        assert "1 of them on the disk" in sentence


async def test_a_set_without_paths_is_listed_by_url(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_part(folder, 0, {"url": ["https://example.org/a.jpg"]}, units(1))
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=folder))
        assert list(await desk.vectors_by_path()) == ["https://example.org/a.jpg"]


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ("no img_emb", "neither img_emb nor text_emb"),
        ("no metadata", "has no names"),
        ("no column", "has no column image_path or url; it has width"),
        ("too few names", "1 names for 2 vectors"),
        ("npy", "cannot be read as a .npy file"),
        ("parquet", "cannot be read as a parquet file"),
    ],
)
async def test_a_folder_that_does_not_fit_is_refused(
    tmp_path: Path, broken: str, complaint: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names: list[str | None] = ["a", "b"]
    columns = {"width": names} if broken == "no column" else {"image_path": names}
    if broken == "too few names":
        columns = {"image_path": names[:1]}
    if broken != "no img_emb":
        write_part(folder, 0, columns, units(2))
    if broken == "no metadata":
        (folder / "metadata" / "metadata_0.parquet").unlink()
    for suffix, name in (
        ("npy", "img_emb/img_emb_0.npy"),
        ("parquet", "metadata/metadata_0.parquet"),
    ):
        if broken == suffix:
            (folder / name).write_bytes(b"nonsense")
    async with open_desk(tmp_path / "home") as desk:
        with pytest.raises(VectorsError, match=complaint):
            await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=folder))
        assert await desk.cache.read(lambda db: db["pictures"].count) == 0


async def test_without_pyarrow_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    write_part(folder, 0, {"image_path": ["a"]}, units(1))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    async with open_desk(tmp_path / "home") as desk:
        with pytest.raises(VectorsError, match="pyarrow is not installed") as caught:
            await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=folder))
        assert "t2itui[parquet]" in caught.value.hint
