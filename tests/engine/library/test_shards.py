"""Shards of folders: the layout, whole or not there, gone on with after an end of any kind."""

import asyncio
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from cache.files import failures
from cache.store import Cache
from engine.errors import VectorsError
from engine.events import JobFailed, JobFinished
from engine.library import shards
from engine.library.shards import done_shards, is_done, read_manifest
from engine.library.vector_files import read_folder
from tests.engine.library.pictures import SPEC, FakeEncoders, fill, pattern, vectors_of
from tests.engine.library.sharded import index_shards


def content(out: Path) -> dict[str, bytes]:
    """Every file of a folder of shards."""
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


async def message(home: Path, root: Path, out: Path, size: int = 4) -> str:
    outcome = await index_shards(home, root, out, FakeEncoders(), size)
    assert isinstance(outcome, JobFinished), outcome
    return outcome.message


async def test_shards_have_clip_retrievals_layout(tmp_path: Path) -> None:
    root, out = tmp_path / "pictures", tmp_path / "out"
    paths = fill(root, 10)
    said = await message(tmp_path / "home", root, out)
    assert said.startswith("10 files in 3 shards")
    folder = read_folder(out)
    assert [part.rows for part in folder.pictures] == [4, 4, 2]
    table = parquet.read_table(out / "metadata" / "metadata_1.parquet")
    assert table.column("image_path").to_pylist() == [str(path) for path in paths[4:8]]
    vectors = np.load(out / "img_emb" / "img_emb_1.npy")
    assert vectors.dtype == np.float32
    pixels = [np.asarray(pattern(n).resize((43, 32)).crop((5, 0, 37, 32))) for n in range(4, 8)]
    assert SPEC.height == 32
    assert (vectors * vectors_of(np.stack(pixels))).sum(axis=1).min() > 0.999
    starts = np.load(out / "thumbnails" / "starts_1.npy")
    thumbnails = np.load(out / "thumbnails" / "thumbnails_1.npy").tobytes()
    assert [thumbnails[at + 8 : at + 12] for at in starts[:-1]] == [b"WEBP"] * 4
    assert starts[-1] == len(thumbnails)


async def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    fill(root, 9)
    (root / "bad.png").write_bytes(b"no picture")
    for name in ("one", "two"):
        await message(tmp_path / f"home of {name}", root, tmp_path / name)
    assert content(tmp_path / "one") == content(tmp_path / "two")


async def test_what_fails_ends_in_the_ledger_of_the_home(tmp_path: Path) -> None:
    root, home = tmp_path / "pictures", tmp_path / "home"
    fill(root, 5)
    (root / "0002.png").write_bytes(b"no picture")
    said = await message(home, root, tmp_path / "out", size=2)
    assert "1 unreadable" in said
    cache = await Cache.open(home)
    (failure,) = await cache.read(failures, None)
    assert (failure.path, failure.cause) == (str(root / "0002.png"), "file")
    await cache.aclose()
    # A home of another machine learns of it from the shards.
    said = await message(tmp_path / "other home", root, tmp_path / "out", size=2)
    assert "1 unreadable" in said


@pytest.mark.parametrize("embedded", [1, 2])
async def test_a_killed_run_goes_on_at_the_shard_it_was_at(tmp_path: Path, embedded: int) -> None:
    root, out = tmp_path / "pictures", tmp_path / "out"
    fill(root, 12)
    await message(tmp_path / "home", root, tmp_path / "whole")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.engine.library.sharded"),
        *(str(path) for path in (tmp_path / "killed home", root, out)),
        "4",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    for _ in range(embedded):
        assert await process.stdout.readline() == b"embedded\n"
    process.kill()
    await process.wait()
    manifest = read_manifest(out)
    assert manifest is not None
    before = done_shards(out, manifest)
    assert len(before) in (embedded - 1, embedded)
    written = {path: path.stat().st_mtime_ns for path in (out / "img_emb").glob("*.npy")}
    encoders = FakeEncoders()
    outcome = await index_shards(tmp_path / "home", root, out, encoders, 4)
    assert isinstance(outcome, JobFinished)
    assert f"{3 - len(before)} made, {len(before)} there before" in outcome.message
    assert encoders.embedded == 4 * (3 - len(before))
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert content(out) == content(tmp_path / "whole")


async def test_a_shard_whose_files_cannot_all_be_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "pictures", tmp_path / "out"
    fill(root, 6)
    real, calls = shards._write_array, list[int]()

    def full(file: object, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
        calls.append(1)
        if len(calls) == 6:
            raise OSError(28, "No space left on device")
        real(file, array)  # type: ignore[arg-type]

    monkeypatch.setattr(shards, "_write_array", full)
    outcome = await index_shards(tmp_path / "home", root, out, FakeEncoders(), 3)
    assert isinstance(outcome, JobFailed)
    assert "No space left" in outcome.message
    assert (is_done(out, 0), is_done(out, 1)) == (True, False)
    assert not list(out.rglob("*.partial"))
    assert "1 made, 1 there before" in await message(tmp_path / "home", root, out, size=3)


async def test_new_and_changed_files_become_further_shards(tmp_path: Path) -> None:
    root, out, home = tmp_path / "pictures", tmp_path / "out", tmp_path / "home"
    fill(root, 4)
    await message(home, root, out)
    before = content(out)
    assert "all there" in await message(home, root, out)
    fill(root, 2, first=50)
    pattern(90).save(root / "0001.png")
    assert "1 made, 1 there before" in await message(home, root, out)
    table = parquet.read_table(out / "metadata" / "metadata_1.parquet")
    names = [Path(path).name for path in table.column("image_path").to_pylist()]
    assert names == ["0001.png", "0050.png", "0051.png"]
    after = content(out)
    assert {name: after[name] for name in before if name != "t2itui.json"} == {
        name: data for name, data in before.items() if name != "t2itui.json"
    }


async def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    root, out = tmp_path / "pictures", tmp_path / "out"
    fill(root, 2)
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    outcome = await index_shards(tmp_path / "home", root, out, FakeEncoders(), 4)
    assert isinstance(outcome, JobFailed)
    assert "holds no shards" in outcome.message
    assert [path.name for path in out.iterdir()] == ["letter.txt"]


async def test_another_encoder_gets_another_folder(tmp_path: Path) -> None:
    root, out = tmp_path / "pictures", tmp_path / "out"
    fill(root, 2)
    await message(tmp_path / "home", root, out)
    fill(root, 1, first=8)
    outcome = await index_shards(tmp_path / "home", root, out, FakeEncoders(id="other"), 4)
    assert isinstance(outcome, JobFailed)
    assert "are of fake, not of other" in outcome.message


def test_a_manifest_of_a_later_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t2itui.json").write_text('{"format": 2}')
    with pytest.raises(VectorsError, match="cannot be read"):
        read_manifest(tmp_path)
