"""Decoder processes, well and ill."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest_asyncio

from cache.embeddings import short_hash
from engine.library.decoders import (
    DecoderProcess,
    DecoderSettings,
    FileContent,
    RefusedFile,
    decoder_count,
    open_decoders,
)
from engine.library.plan import FileTask
from engine.states import FailureCause
from tests.engine.library.pictures import SPEC, save


def task(path: Path, *, named_id: int | None = None) -> FileTask:
    status = path.stat()
    return FileTask(str(path), status.st_size, status.st_mtime_ns, named_id, False, False)


def settings(
    tmp_path: Path, *, known: tuple[str, ...] = (), has_model: bool = True
) -> DecoderSettings:
    return DecoderSettings(
        count=1,
        log=tmp_path / "decoder.log",
        spec=SPEC if has_model else None,
        max_pixels=1_000_000,
        thumbnail_side=20,
        known=np.array(sorted(map(short_hash, known)), np.int64),
        timeout_s=3.0,
        module="tests.engine.library.bad_decoder",
    )


@pytest_asyncio.fixture
async def decoder(tmp_path: Path) -> AsyncIterator[DecoderProcess]:
    async with open_decoders(settings(tmp_path)) as (decoder,):
        yield decoder


async def test_a_crash_costs_the_file_and_nothing_else(
    decoder: DecoderProcess, tmp_path: Path
) -> None:
    bad = await decoder.read(task(save(tmp_path / "crash.png")))
    good = await decoder.read(task(save(tmp_path / "good.png")))
    assert isinstance(bad, RefusedFile)
    assert "crashed" in bad.reason
    assert "SIGSEGV" in bad.reason
    assert bad.cause is FailureCause.DECODER
    assert isinstance(good, FileContent)


async def test_a_hang_costs_the_file_and_nothing_else(tmp_path: Path) -> None:
    from dataclasses import replace

    async with open_decoders(replace(settings(tmp_path), timeout_s=1.5)) as (decoder,):
        await decoder.read(task(save(tmp_path / "first.png")))
        bad = await decoder.read(task(save(tmp_path / "hang.png")))
        assert bad == RefusedFile(
            task=bad.task,
            reason="it could not be read within 2 seconds",
            cause=FailureCause.DECODER,
        )
        assert isinstance(await decoder.read(task(save(tmp_path / "good.png"))), FileContent)


async def test_a_process_that_was_killed_is_replaced_and_the_file_read_again(
    decoder: DecoderProcess, tmp_path: Path
) -> None:
    assert isinstance(await decoder.read(task(save(tmp_path / "once.png"))), FileContent)


async def test_known_content_is_hashed_only(tmp_path: Path) -> None:
    async with open_decoders(settings(tmp_path)) as (decoder,):
        first = await decoder.read(task(save(tmp_path / "a.png", 1)))
        assert isinstance(first, FileContent)
        assert first.new is not None
        assert first.pixels is not None
    async with open_decoders(settings(tmp_path, known=(first.sha256,))) as (decoder,):
        again = await decoder.read(task(save(tmp_path / "copy.png", 1)))
        other = await decoder.read(task(save(tmp_path / "b.png", 2)))
        adopted = await decoder.read(task(save(tmp_path / "c.png", 1), named_id=5))
    assert isinstance(again, FileContent)
    assert (again.new, again.is_known, again.sha256) == (None, True, first.sha256)
    assert isinstance(other, FileContent)
    assert other.new is not None
    assert isinstance(adopted, FileContent)
    assert adopted.new is not None


async def test_without_a_model_only_adopted_files_are_decoded(tmp_path: Path) -> None:
    async with open_decoders(settings(tmp_path, has_model=False)) as (decoder,):
        plain = await decoder.read(task(save(tmp_path / "a.png", 1)))
        adopted = await decoder.read(task(save(tmp_path / "b.png", 2), named_id=5))
    assert isinstance(plain, FileContent)
    assert (plain.new, plain.is_known) == (None, False)
    assert isinstance(adopted, FileContent)
    assert adopted.new is not None
    assert adopted.pixels is None


def test_the_number_of_processes_follows_the_wish_and_else_the_cores() -> None:
    assert decoder_count(5) == 5
    assert 1 <= decoder_count(0) <= 8
