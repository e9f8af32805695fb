"""Which picture counts as cut short: one whose pixels are, whatever else is wrong with it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from engine.errors import PictureError
from engine.workers.decoder import Decoded, decode

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
LONG = zlib.compress(b"<x:xmpmeta/>" * 200_000)


def chunk(kind: bytes, data: bytes, *, checksum: int | None = None) -> bytes:
    found = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", found)


def png(**options: object) -> bytes:
    target = io.BytesIO()
    Image.fromarray(PIXELS).save(target, "PNG", **options)
    return target.getvalue()


def with_side(*side: bytes, at: int = 33) -> bytes:
    """A whole PNG with chunks put in behind its header."""
    return png()[:at] + b"".join(side) + png()[at:]


def read(data: bytes) -> Decoded:
    return decode(io.BytesIO(data), max_pixels=10**6, enough=10)


SIDE = {
    "a long compressed text": chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + LONG),
    "a long international text": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
    "a long colour profile": chunk(b"iCCP", b"icc\0\0" + LONG),
    "a wrong checksum": chunk(b"tEXt", b"Comment\0hello", checksum=7),
    "a broken profile": chunk(b"iCCP", b"icc\0\0nonsense", checksum=7),
    "broken resolution": chunk(b"pHYs", b"1", checksum=7),
    "broken orientation": chunk(b"eXIf", b"nonsense", checksum=7),
}


@pytest.mark.parametrize("name", SIDE)
def test_a_side_chunk_does_not_decide_whether_the_pixels_are_whole(name: str) -> None:
    found = read(with_side(SIDE[name]))
    assert not found.partial
    assert np.array_equal(np.asarray(found.image), PIXELS)


def test_what_lies_behind_the_pixels_does_not_either() -> None:
    whole = png()
    assert not read(whole[:-12] + SIDE["a wrong checksum"] + whole[-12:]).partial


def test_a_picture_that_is_cut_short_is_partial_with_a_long_text_too() -> None:
    data = with_side(SIDE["a long compressed text"])
    assert read(data[: len(data) - 1200]).partial


def test_pixels_with_a_wrong_checksum_are_not_whole() -> None:
    data = bytearray(png())
    data[data.index(b"IDAT") + 200] ^= 0xFF
    try:
        assert read(bytes(data)).partial
    except PictureError as error:
        assert "damaged" in error.message


def test_transparency_and_orientation_are_kept_past_a_broken_text() -> None:
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    flat = Image.new("P", (20, 10), 0)
    flat.putpalette([255, 0, 0] * 256)
    flat.save(target, "PNG", transparency=0, exif=exif)
    data = target.getvalue()
    found = read(data[:33] + SIDE["a long compressed text"] + data[33:])
    assert not found.partial
    assert found.image.size == (10, 20)
    assert found.image.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("off", [-20, 999, 2**31])
def test_the_length_in_the_head_of_a_webp_does_not_decide_either(off: int) -> None:
    target = io.BytesIO()
    Image.fromarray(PIXELS).save(target, "WEBP", lossless=True)
    data = bytearray(target.getvalue())
    data[4:8] = struct.pack("<I", max(0, len(data) - 8 + off))
    found = read(bytes(data))
    assert (np.asarray(found.image) == PIXELS).all()
    assert not found.partial
    with pytest.raises(PictureError, match="it is damaged"):
        read(bytes(data[: len(data) // 2]))
