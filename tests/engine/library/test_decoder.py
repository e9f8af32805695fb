"""What the decoder process does with one file."""

import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from engine.errors import PictureError
from engine.models.input_spec import SQUASH, InputSpec, prepare
from engine.models.messages import Json, Reply
from engine.states import FailureCause
from engine.workers import decoder
from engine.workers import decoder as pixels
from engine.workers.decoder import DecoderSetup, DecoderWorker, UnreadableError, read_picture
from engine.workers.loop import Call, Outlet
from tests.engine.library.pictures import SPEC, pattern, save

SETUP = DecoderSetup(
    spec=SPEC, max_pixels=1_000_000, thumbnail_side=40, known=np.array([], np.int64)
)


def test_a_picture_is_hashed_whole_with_thumbnail_and_pixels(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", 1)
    reply = read_picture(str(path), SETUP, anyway=False, known_only=False)
    status = path.stat()
    assert reply.fields == {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "width": 64,
        "height": 48,
        "format": "png",
        "partial": False,
    }
    small, seen = reply.arrays
    with Image.open(io.BytesIO(small.tobytes())) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (40, 30))
    assert (seen == prepare(pattern(1), SPEC)).all()


def test_a_large_file_is_hashed_in_pieces_to_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(save(tmp_path / "a.png", 1))
    whole = read_picture(path, SETUP, anyway=False, known_only=False)
    monkeypatch.setattr(decoder, "IN_MEMORY", 100)
    monkeypatch.setattr(decoder, "_CHUNK", 64)
    pieces = read_picture(path, SETUP, anyway=False, known_only=False)
    assert pieces.fields == whole.fields
    assert (pieces.arrays[1] == whole.arrays[1]).all()


def test_a_file_of_many_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "vast.tiff"
    with path.open("wb") as file:
        file.truncate(50_000_000_000)
    with pytest.raises(PictureError, match=r"50\.0 GB: no picture within the limit"):
        read_picture(str(path), SETUP, anyway=False, known_only=False)


def test_a_file_that_changes_while_it_is_read_is_left_for_another_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", 1)
    real = pixels.decode

    def slow(source: BinaryIO, *, max_pixels: int, enough: int) -> pixels.Decoded:
        with path.open("ab") as file:
            file.write(b"more")
        return real(source, max_pixels=max_pixels, enough=enough)

    monkeypatch.setattr(decoder, "decode", slow)
    with pytest.raises(UnreadableError, match="being written"):
        read_picture(str(path), SETUP, anyway=False, known_only=False)


def test_a_file_that_is_gone_may_be_there_another_time(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file"):
        read_picture(str(tmp_path / "gone.png"), SETUP, anyway=False, known_only=False)


def test_a_thin_strip_is_cut_before_it_is_scaled(tmp_path: Path) -> None:
    Image.new("RGB", (100_000, 2), "red").save(tmp_path / "strip.png")
    reply = read_picture(str(tmp_path / "strip.png"), SETUP, anyway=False, known_only=False)
    assert (reply.fields["width"], reply.fields["height"]) == (100_000, 2)
    assert reply.arrays[1].shape == (32, 32, 3)
    small = Image.open(io.BytesIO(reply.arrays[0].tobytes()))
    assert small.size == (40, 1)


def test_a_squashing_encoder_sees_the_whole_strip() -> None:
    picture = Image.new("RGB", (400, 10), "red")
    picture.paste("blue", (200, 0, 400, 10))
    spec = InputSpec(height=16, width=16, mode=SQUASH)
    seen = decoder.pixels(picture, spec)
    assert seen[8, 2].tolist() == [255, 0, 0]
    assert seen[8, 13].tolist() == [0, 0, 255]


def test_a_reduced_photo_gives_the_encoder_nearly_the_same_picture(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    big = Image.fromarray(noise).resize((960, 720), Image.Resampling.BICUBIC)
    path = tmp_path / "big.jpg"
    big.save(path, quality=95)
    seen = read_picture(str(path), SETUP, anyway=False, known_only=False).arrays[1]
    with Image.open(path) as image:
        exact = prepare(image.convert("RGB"), SPEC)
    assert np.abs(seen.astype(int) - exact.astype(int)).mean() < 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_forbidden_file_may_be_readable_another_time(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    path.chmod(0)
    with pytest.raises(UnreadableError, match="Permission denied"):
        read_picture(str(path), SETUP, anyway=False, known_only=False)


def asked(path: Path, **fields: Json) -> Call:
    request = Reply(fields={"path": str(path), "anyway": False, "known_only": False, **fields})
    return Call(1, "read", 1, request, Outlet(io.BytesIO()))


@pytest.mark.parametrize("error", [MemoryError(), OSError("out of memory error when reading")])
def test_want_of_memory_is_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def short(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(decoder, "_decode", short)
    worker = DecoderWorker()
    worker._setup = SETUP
    assert worker.read(asked(save(tmp_path / "a.png"))).fields == {
        "refused": "there was not enough memory to decode it",
        "cause": FailureCause.MOMENT,
    }


def test_settings_that_fit_no_picture_are_the_encoders_fault(tmp_path: Path) -> None:
    worker = DecoderWorker()
    worker._setup = replace(SETUP, spec=replace(SPEC, shortest_edge=0))
    fields = worker.read(asked(save(tmp_path / "a.png"))).fields
    assert fields["cause"] == FailureCause.MODEL
    assert "the encoder's picture settings" in str(fields["refused"])


def test_a_broken_file_is_its_own_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    worker = DecoderWorker()
    worker._setup = SETUP
    assert worker.read(asked(path)).fields["cause"] == FailureCause.FILE
