"""Exporting, and that what was exported comes back bit for bit."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from cache.texts import imported_texts
from engine.errors import EngineError, RequestError, VectorsError
from engine.events import JobCancelled, JobNote, JobProgress
from engine.jobs.jobs import Jobs
from engine.jobs.progress import ThreadProgress
from engine.library import vector_files as clip_retrieval
from engine.requests import ExportRequest, ImportRequest
from tests.engine.library.exchanging import CLIP, Desk, open_desk, pictures_npz, texts_npz, units

NAMES = ["b/2.jpg", "/abs/1.jpg", "一只狗.jpg", "a b.jpg"]
TEXTS = ["a dog", "一只狗", 'Ünïcode, "quoted"']


async def fill(desk: Desk, folder: Path) -> None:
    await desk.bring_in(
        ImportRequest(
            encoder_id=CLIP,
            pictures=pictures_npz(folder / "given.npz", NAMES, units(4)),
            texts=texts_npz(folder / "given.texts.npz", TEXTS, units(3, seed=1)),
        )
    )


async def check_it_is_whole(desk: Desk) -> None:
    found = await desk.vectors_by_path()
    assert set(found) == set(NAMES)
    for name, vector in zip(NAMES, units(4), strict=True):
        np.testing.assert_array_equal(found[name], vector)
    records = {record.text: record for record in await desk.cache.read(imported_texts, CLIP)}
    assert set(records) == set(TEXTS)
    for text, vector in zip(TEXTS, units(3, seed=1), strict=True):
        np.testing.assert_array_equal(records[text].vector, vector)


async def test_npz_files_come_back_bit_for_bit(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.npz"
    async with open_desk(tmp_path / "first") as desk:
        await fill(desk, tmp_path)
        sentence = await desk.write_out(ExportRequest(encoder_id=CLIP, target=target))
    texts = target.with_name("out.texts.npz")
    assert "4 pictures and 3 texts" in sentence
    assert str(texts) in sentence
    assert sorted(path.name for path in target.parent.iterdir()) == ["out.npz", "out.texts.npz"]
    async with open_desk(tmp_path / "second") as desk:
        await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=target, texts=texts))
        await check_it_is_whole(desk)


async def test_a_clip_retrieval_folder_comes_back_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_retrieval, "ROWS_PER_FILE", 3)
    target = tmp_path / "new" / "out"
    request = ExportRequest(encoder_id=CLIP, target=target, layout="clip-retrieval")
    async with open_desk(tmp_path / "first") as desk:
        await fill(desk, tmp_path)
        await desk.write_out(request)
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*.*")) == [
        "img_emb/img_emb_0.npy",
        "img_emb/img_emb_1.npy",
        "metadata/metadata_0.parquet",
        "metadata/metadata_1.parquet",
        "texts.npz",
    ]
    async with open_desk(tmp_path / "second") as desk:
        await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=target))
        await check_it_is_whole(desk)


async def test_what_is_written_opens_with_plain_numpy(tmp_path: Path) -> None:
    target = tmp_path / "out.npz"
    async with open_desk(tmp_path / "home") as desk:
        await fill(desk, tmp_path)
        await desk.write_out(ExportRequest(encoder_id=CLIP, target=target))
    with np.load(target, allow_pickle=False) as archive:
        assert archive["image"].tolist() == sorted(NAMES)
        assert archive["vector"].dtype == np.float32
        order = [NAMES.index(name) for name in sorted(NAMES)]
        np.testing.assert_array_equal(archive["vector"], units(4)[order])


async def test_a_file_that_is_there_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.npz"
    target.write_bytes(b"yesterday's")
    async with open_desk(tmp_path / "home") as desk:
        await fill(desk, tmp_path)
        await desk.write_out(ExportRequest(encoder_id=CLIP, target=target))
    with np.load(target, allow_pickle=False) as archive:
        assert len(archive["image"]) == 4


@pytest.mark.parametrize("layout", ["npz", "clip-retrieval"])
async def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, layout: str) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "precious").touch()
    async with open_desk(tmp_path / "home") as desk:
        await fill(desk, tmp_path)
        with pytest.raises(RequestError, match=r"out is"):
            await desk.write_out(ExportRequest(encoder_id=CLIP, target=target, layout=layout))
    assert [path.name for path in target.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("encoder_id", "layout", "kind", "complaint"),
    [
        ("unknown", "npz", RequestError, "no vectors of unknown"),
        ("texts only", "nonsense", RequestError, "no layout nonsense"),
        ("empty", "npz", VectorsError, "Nothing to export"),
    ],
)
async def test_what_cannot_be_exported_is_refused(
    tmp_path: Path, encoder_id: str, layout: str, kind: type[EngineError], complaint: str
) -> None:
    async with open_desk(tmp_path / "home") as desk:
        texts = texts_npz(tmp_path / "t.npz", ["a"], units(1))
        nothing = texts_npz(tmp_path / "n.npz", [], np.empty((0, 8), np.float32))
        await desk.bring_in(ImportRequest(encoder_id="texts only", texts=texts))
        await desk.bring_in(ImportRequest(encoder_id="empty", texts=nothing))
        target = tmp_path / "out"
        with pytest.raises(kind, match=complaint):
            await desk.write_out(ExportRequest(encoder_id=encoder_id, target=target, layout=layout))
        assert not target.exists()


async def test_the_stages_are_told(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "home") as desk:
        await fill(desk, tmp_path)
        desk.events.clear()
        await desk.write_out(ExportRequest(encoder_id=CLIP, target=tmp_path / "out.npz"))
        stages = [event.stage for event in desk.events if isinstance(event, JobProgress)]
        assert list(dict.fromkeys(stages)) == ["reading vectors", "reading names", "writing"]
        assert not [event for event in desk.events if isinstance(event, JobNote)]


async def test_a_cancelled_export_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writing thread waits before its first piece until the job was cancelled."""
    loop, begun, cancelled = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    advance, stop = ThreadProgress.advance, ThreadProgress.stop

    def wait_then_advance(self: ThreadProgress, count: int) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert cancelled.wait(10)
        advance(self, count)

    def stop_and_go_on(self: ThreadProgress) -> None:
        stop(self)
        cancelled.set()

    out = tmp_path / "out"
    async with open_desk(tmp_path / "home") as desk:
        await fill(desk, tmp_path)
        monkeypatch.setattr(ThreadProgress, "advance", wait_then_advance)
        monkeypatch.setattr(ThreadProgress, "stop", stop_and_go_on)
        jobs = Jobs(desk.cache)
        await jobs.recover()
        job = jobs.start(
            desk.exchange.export_job(ExportRequest(encoder_id=CLIP, target=out / "out.npz"))
        )
        await begun.wait()
        job.cancel()
        assert isinstance(await job.wait(), JobCancelled)
        await jobs.aclose()
    assert list(out.iterdir()) == []
