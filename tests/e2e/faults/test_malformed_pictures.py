"""Malformed pictures: no crash, each among the failures once or indexed, all good ones indexed."""

from __future__ import annotations

import io
import json
import os
import random
import re
import struct
import subprocess
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.e2e.faults.programs import COMMAND, environment, new_home, noise_pictures, query

GOOD = 20
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
NO_PICTURES = {
    "script.jpg": b"#!/bin/sh\ntouch /owned-by-a-picture\n",
    "page.png": b"<html><script>alert(1)</script>",
    "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "post.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
    "program.gif": b"\x7fELF" + bytes(300),
    "zip.webp": b"PK\x03\x04" + bytes(300),
    "film.heic": b"\0\0\0\x18ftypisom" + bytes(300),
    "one byte.jpg": b"\xff",
    "empty.png": b"",
    "spaces.jpg": b" " * 4000,
}


def chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png(width: int, height: int, pixels: bytes, extra: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + extra + body


def bombs() -> Mapping[str, bytes]:
    """Pictures that unpack to more than they say, or say more than there is; none is indexed."""
    bitmap = struct.pack("<IiiHHIIiiII", 40, 2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 0, 0, 0, 0)
    return {
        "declares 60000 x 60000.png": png(60000, 60000, zlib.compress(bytes(4_000_000), 9)),
        "declares 2^31.png": png(2**31 - 1, 2**31 - 1, zlib.compress(bytes(1000))),
        "declares nothing.png": png(0, 0, zlib.compress(bytes(1000))),
        "huge.bmp": b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + bitmap + bytes(200),
    }


def wordy() -> bytes:
    """A whole picture with more text than Pillow takes."""
    text = zlib.compress(bytes(1_000_000), 9)
    texts = b"".join(chunk(b"zTXt", b"c%d\0\0" % number + text) for number in range(200))
    return png(8, 8, zlib.compress(bytes(200)), texts)


def seeds() -> Mapping[str, bytes]:
    """A whole picture of each format, with text and metadata where it has room for them."""
    random_pixels = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    photo = Image.fromarray(random_pixels)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 100
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a dog\nSteps: 20, Sampler: DDIM, CFG scale: 7, Seed: 1")
    info.add_itxt("t2itui", '{"prompt":"x"}')
    kinds: list[tuple[str, Image.Image, str, dict[str, object]]] = [
        ("jpg", photo, "JPEG", {"exif": exif}),
        ("jpeg", photo.convert("CMYK"), "JPEG", {"progressive": True}),
        ("png", photo, "PNG", {"pnginfo": info}),
        ("apng", photo, "PNG", {"save_all": True, "append_images": [photo.rotate(90)]}),
        ("webp", photo, "WEBP", {}),
        ("gif", photo.convert("P"), "GIF", {"save_all": True, "append_images": [photo]}),
        ("bmp", photo, "BMP", {}),
        ("tif", photo, "TIFF", {"compression": "tiff_lzw"}),
    ]
    found = {}
    for suffix, image, kind, options in kinds:
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        found[suffix] = stream.getvalue()
    return found


def mutated(number: int, rng: random.Random, whole: Mapping[str, bytes]) -> tuple[str, bytes]:
    """A name and the content of a picture that was damaged in one of six ways."""
    suffixes = sorted(whole)
    suffix = suffixes[number % len(suffixes)]
    data = bytearray(whole[suffix])
    how = rng.choice(["header", "flip", "cut", "splice", "zero", "length", "name"])
    start = rng.randrange(len(data) - 4)
    match how:
        case "header":
            for _ in range(rng.randrange(1, 9)):
                data[rng.randrange(64)] = rng.randrange(256)
        case "flip":
            for _ in range(rng.choice([1, 5, 50, 500])):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case "cut":
            del data[start:]
        case "splice":
            other = whole[rng.choice(suffixes)]
            data[start:] = other[rng.randrange(len(other)) :]
        case "zero":
            end = min(len(data), start + rng.randrange(1, 4000))
            data[start:end] = bytes(end - start)
        case "length":
            data[start : start + 4] = rng.choice([b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4)])
        case "name":
            suffix = rng.choice(suffixes)
    # No two are alike.
    return f"{number:05} {how}.{suffix}", bytes(data) + number.to_bytes(4, "big")


def write_all(folder: Path, count: int) -> Iterator[Path]:
    """Malformed pictures, and what is no file at all."""
    folder.mkdir()
    rng, whole = random.Random(1), seeds()
    several = {**NO_PICTURES, **bombs(), "wordy.png": wordy()}
    for number in range(count - len(several)):
        name, data = mutated(number, rng, whole)
        several[name] = data
    for name, data in several.items():
        (folder / name).write_bytes(data)
        yield folder / name
    os.mkfifo(folder / "pipe.jpg")
    for name, target in (("zero", "/dev/zero"), ("nowhere", "none.jpg"), ("loop", "loop.png")):
        (folder / f"{name}.png").symlink_to(target)
        yield folder / f"{name}.png"
    yield folder / "pipe.jpg"


def run(home: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    env = environment(home)
    return subprocess.run([*COMMAND, *words], env=env, capture_output=True, timeout=1800)


@pytest.mark.parametrize("count", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_each_is_listed_once_or_indexed_and_none_does_harm(tmp_path: Path, count: int) -> None:
    home = new_home(tmp_path / "home")
    noise_pictures(tmp_path / "good", GOOD)
    bad = list(write_all(tmp_path / "bad", count))
    folders = (str(tmp_path / "good"), str(tmp_path / "bad"))
    first = run(home, "index", *folders)
    assert first.returncode == 0, first.stderr
    failures = dict(query(home, "select path, reason from failures"))
    indexed = {path for (path,) in query(home, "select path from files where present = 1")}
    assert len([path for path in indexed if path.startswith(folders[0])]) == GOOD
    assert not indexed & failures.keys()
    assert {str(path) for path in bad} <= indexed | failures.keys()
    refused = {str(tmp_path / "bad" / name) for name in (*NO_PICTURES, *bombs(), "zero.png")}
    assert refused <= failures.keys()
    assert not [each for each in failures.values() if "crashed" in each or "within" in each]
    assert all(len(each) > 8 for each in failures.values())
    assert not Path("/owned-by-a-picture").exists()
    again = run(home, "index", *folders)
    assert again.returncode == 0
    assert b" new" not in again.stdout and b"unreadable" not in again.stdout
    listed = run(home, "library", "--failures").stdout.decode()
    assert len(listed.splitlines()) == len(failures)
    assert not STEERING.search(listed)
    as_json = run(home, "library", "--failures", "--json").stdout.decode()
    assert len([json.loads(line) for line in as_json.split("\n")[:-1]]) == len(failures)
    assert not STEERING.search(as_json)
