"""Reads a PNG or WebP past what has nothing to do with its pixels."""

import io
import os
import struct
import zlib
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRANSPARENCY = b"tRNS"
_EXIF = b"eXIf"
"""Where the orientation stands."""
_SIDE_BIT = 0x20
"""Of a kind's first letter: the chunk is not needed to show the picture."""
_LONGEST_EXIF = 1 << 20


def without_side_chunks(source: BinaryIO) -> BinaryIO | None:
    """A view of a picture that holds its pixels alone; None for what is no PNG or WebP.

    A PNG keeps transparency and orientation, too: a text of megabytes, a colour profile that cannot
    be unpacked, or a checksum that is wrong in one of them says nothing of the pixels. Of a WebP
    the length in its head does not count, which whoever took metadata out may have left as it was.
    """
    source.seek(0)
    head = source.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return _of_its_own_length(source)
    return _bare_png(source) if head.startswith(_SIGNATURE) else None


def _of_its_own_length(source: BinaryIO) -> BinaryIO:
    source.seek(0)
    data = bytearray(source.read())
    data[4:8] = struct.pack("<I", len(data) - 8)
    return io.BytesIO(data)


def _bare_png(source: BinaryIO) -> BinaryIO:
    end = source.seek(0, os.SEEK_END)
    spans = [(0, len(_SIGNATURE))]
    at = len(_SIGNATURE)
    while at + 12 <= end:
        source.seek(at)
        length, kind = struct.unpack(">I4s", source.read(8))
        if _is_needed(source, kind, length):
            spans.append((at, min(12 + length, end - at)))
        at += 12 + length
    return io.BufferedReader(_Spans(source, spans))  # type: ignore[type-var]


def _is_needed(source: BinaryIO, kind: bytes, length: int) -> bool:
    if kind == _EXIF and length <= _LONGEST_EXIF:
        data = source.read(length)
        return source.read(4) == struct.pack(">I", zlib.crc32(kind + data))
    return kind == _TRANSPARENCY or not kind[0] & _SIDE_BIT


class _Spans(io.RawIOBase):
    """Parts of a file, read as if nothing lay between them."""

    def __init__(self, source: BinaryIO, spans: list[tuple[int, int]]) -> None:
        super().__init__()
        self._source, self._spans = source, spans
        self._size = sum(length for _, length in spans)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        skipped = 0
        for start, length in self._spans:
            if self._at < skipped + length:
                self._source.seek(start + self._at - skipped)
                data = self._source.read(min(len(buffer), skipped + length - self._at))
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
            skipped += length
        return 0
