"""Decoding: every format, every oddity."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.errors import PictureError
from engine.workers.decoder import Decoded, decode
from tests.engine.library.pictures import pattern

LIMIT = 1_000_000


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(data: bytes, enough: int = 64) -> Decoded:
    return decode(io.BytesIO(data), max_pixels=LIMIT, enough=enough)


def far(one: Image.Image, other: Image.Image) -> float:
    a, b = (np.asarray(image.convert("RGB")).astype(np.float32) for image in (one, other))
    return float(np.abs(a - b).mean())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF"])
def test_every_format_comes_out_as_the_same_picture(kind: str) -> None:
    picture = pattern(1)
    result = decoded(encoded(picture, kind))
    assert (result.width, result.height) == (64, 48)
    assert result.format == kind.lower()
    assert not result.partial
    assert result.image.mode == "RGB"
    assert far(result.image, picture) < 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    upright = pattern(2)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = decoded(encoded(stored, kind, exif=exif.tobytes()))
    assert (result.width, result.height) == (64, 48)
    assert far(result.image, upright) < 6


def test_broken_exif_does_not_cost_the_picture() -> None:
    result = decoded(
        encoded(pattern(2), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\xff\xff\xff")
    )
    assert result.image.size == (64, 48)


def test_a_big_jpeg_is_decoded_reduced_and_keeps_its_true_size() -> None:
    picture = pattern(3, 900, 700)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture, "JPEG", exif=exif.tobytes())
    result = decoded(data, enough=100)
    assert (result.width, result.height) == (700, 900)
    assert result.image.size == (175, 225)
    whole = decoded(data, enough=700)
    assert whole.image.size == (700, 900)
    assert far(whole.image.resize((175, 225)), result.image) < 2


def test_an_animated_file_stands_for_its_first_frame() -> None:
    frames = [pattern(4), pattern(5)]
    for kind in ("GIF", "WEBP", "PNG", "AVIF", "TIFF", "MPO"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        with Image.open(io.BytesIO(data)) as image:
            assert getattr(image, "n_frames", 1) == 2
        assert far(decoded(data).image, frames[0]) < 6


def _deep(mode: str) -> tuple[Image.Image, NDArray[np.uint8]]:
    ramp = np.linspace(0, 1, 64 * 48).reshape(48, 64)
    expected = (ramp * 255).astype(np.uint8)
    if mode == "F":
        return Image.fromarray(ramp.astype(np.float32)), expected
    return Image.fromarray((ramp * 65535).astype(np.uint16)), expected


@pytest.mark.parametrize(("mode", "kind"), [("I;16", "PNG"), ("I;16", "TIFF"), ("F", "TIFF")])
def test_deep_grey_is_scaled_and_not_clipped(mode: str, kind: str) -> None:
    image, expected = _deep(mode)
    result = decoded(encoded(image, kind))
    assert np.abs(np.asarray(result.image)[:, :, 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(mode: str) -> None:
    image = pattern(6).convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    image.paste((200, 30, 30, 255), (0, 0, 32, 48))
    if mode == "P":
        image = image.quantize(16)
    elif mode == "LA":
        image = image.convert("LA")
    result = np.asarray(decoded(encoded(image, "PNG")).image)
    assert (result[:, 40:] == 255).all()
    assert (result[:, :24, 1] < 120).all()


def test_cmyk_keeps_its_colours() -> None:
    red = Image.new("RGB", (64, 48), (220, 20, 20))
    for kind in ("JPEG", "TIFF"):
        result = decoded(encoded(red.convert("CMYK"), kind))
        assert far(result.image, red) < 6


def test_a_truncated_file_is_partial_and_a_cut_header_is_bad() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    for kind in ("JPEG", "PNG", "BMP", "TIFF"):
        data = encoded(Image.fromarray(noise), kind)
        result = decoded(data[: len(data) // 2], enough=200)
        assert result.partial, kind
        rows = slice(160, 200) if kind == "BMP" else slice(0, 40)
        strip = result.image.crop((0, rows.start, 200, rows.stop))
        assert far(strip, Image.fromarray(noise[rows])) < 60
    with pytest.raises(PictureError):
        decoded(data[:10])


def test_a_file_without_a_single_pixel_is_bad_and_not_partial() -> None:
    data = encoded(pattern(8, 400, 400), "JPEG", quality=95)
    scan = data.index(b"\xff\xda")
    with pytest.raises(PictureError, match=r"before its first pixel|damaged|known format"):
        decoded(data[: scan + 14])


@pytest.mark.parametrize(
    "data", [b"not a picture", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"]
)
def test_garbage_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(PictureError):
        decoded(data)


def _bomb(width: int, height: int) -> bytes:
    """A small PNG that claims to be huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def test_a_huge_picture_is_refused_by_its_header() -> None:
    with pytest.raises(PictureError, match="60000 x 60000 pixels; the limit is 1 megapixels"):
        decoded(_bomb(60_000, 60_000))


def test_jpegs_decode_however_they_were_saved() -> None:
    for options in ({"progressive": True}, {"subsampling": 0}, {"optimize": True}):
        result = decoded(encoded(pattern(9), "JPEG", **options))
        assert far(result.image, pattern(9)) < 6
    assert far(decoded(encoded(pattern(9).convert("L"), "JPEG")).image, pattern(9).convert("L")) < 6
