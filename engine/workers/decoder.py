"""The process that reads picture files: hash, decode, thumbnail, pixels for the encoder."""

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.hashes import short_hash
from engine.errors import PictureError
from engine.models.input_spec import SHORTEST_EDGE_CROP, InputSpec, prepare
from engine.thumbnails import thumbnail
from engine.wire import Json, Reply
from engine.workers.loop import Call, serve
from engine.workers.pixels import Decoded, decode

IN_MEMORY = 64 << 20
"""Bytes up to which a file is held in memory, so that hash and picture are of the same bytes."""

_CHUNK = 1 << 20
_DETAIL = 2
"""A JPEG is decoded with at least so many times the pixels that the encoder will see."""
_THUMBNAIL_DETAIL = 448
_LONGEST = 16
"""Times the shorter edge: a longer picture is cut before it is scaled."""
_NICE = 5


class UnreadableError(Exception):
    """The file cannot be read now, whatever it holds: another time it may be."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setup:
    """What stays the same from file to file."""

    spec: InputSpec | None
    """None where no encoder is at hand."""
    max_pixels: int
    thumbnail_side: int
    known: NDArray[np.int64]
    """Sorted short hashes of pictures that need no decoding."""

    @property
    def max_bytes(self) -> int:
        """More than any picture of `max_pixels` takes, even uncompressed at 16 bits."""
        return 8 * self.max_pixels + IN_MEMORY

    def knows(self, sha256: str) -> bool:
        """The content has been decoded and embedded before."""
        wanted = short_hash(sha256)
        at = int(np.searchsorted(self.known, wanted))
        return at < len(self.known) and int(self.known[at]) == wanted


def read_picture(path: str, setup: Setup, *, anyway: bool, known_only: bool) -> Reply:
    """Read a file once; decode it unless its content is known, or `anyway`.

    With `known_only`, unknown content is not decoded either. Raises PictureError for a file that
    will stay bad until it changes, UnreadableError for one that may be readable another time.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - paths stay text on their way
            before = os.fstat(file.fileno())
            if before.st_size == 0:
                raise PictureError("the file is empty")
            if before.st_size > setup.max_bytes:
                raise PictureError(
                    f"the file has {before.st_size / 1e9:.1f} GB: no picture within the limit of"
                    f" {setup.max_pixels / 1e6:g} megapixels is that large"
                )
            sha256, content = _read(file, before.st_size)
            decoded = None
            if anyway or not (known_only or setup.knows(sha256)):
                decoded = decode(content, max_pixels=setup.max_pixels, enough=_enough(setup.spec))
            after = os.fstat(file.fileno())
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    stamp = (before.st_size, before.st_mtime_ns)
    if stamp != (after.st_size, after.st_mtime_ns):
        raise UnreadableError("it was being written while it was read")
    fields: dict[str, Json] = {"sha256": sha256, "size": stamp[0], "mtime_ns": stamp[1]}
    if decoded is None:
        return Reply(fields={**fields, "known": setup.knows(sha256)})
    return _reply(fields, decoded, setup)


def _read(file: BinaryIO, size: int) -> tuple[str, BinaryIO]:
    """Return the SHA-256 of all of the file, and its content from the start."""
    if size <= IN_MEMORY:
        data = file.read()
        return hashlib.sha256(data).hexdigest(), io.BytesIO(data)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest(), file


def _enough(spec: InputSpec | None) -> int:
    if spec is None:
        return _THUMBNAIL_DETAIL
    return _DETAIL * max(spec.height, spec.width, spec.shortest_edge)


def _reply(fields: dict[str, Json], decoded: Decoded, setup: Setup) -> Reply:
    described: dict[str, Json] = {
        **fields,
        "width": decoded.width,
        "height": decoded.height,
        "format": decoded.format,
        "partial": decoded.partial,
    }
    arrays = [np.frombuffer(thumbnail(decoded.image, setup.thumbnail_side), dtype=np.uint8)]
    if setup.spec is not None:
        arrays.append(pixels(decoded.image, setup.spec))
    return Reply(fields=described, arrays=arrays)


def pixels(image: Image.Image, spec: InputSpec) -> NDArray[np.uint8]:
    """Return what the encoder will see, uint8 [height, width, 3]."""
    short, long = min(image.size), max(image.size)
    if spec.mode == SHORTEST_EDGE_CROP and long > _LONGEST * short:
        # Only the centre survives the crop; scaling all of a thin strip would need gigabytes.
        width, height = (min(edge, _LONGEST * short) for edge in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    return prepare(image, spec)


def _spec(fields: Reply) -> InputSpec:
    return InputSpec(
        height=fields.whole("height"),
        width=fields.whole("width"),
        mode=fields.text("mode"),
        shortest_edge=fields.whole("shortest_edge"),
        resample=fields.whole("resample"),
    )


class Decoder:
    """Answers the pool: `set up` once a run, then `read` for every file."""

    def __init__(self) -> None:
        self._setup: Setup | None = None

    def set_up(self, call: Call) -> Reply:
        """Take the settings of a run, and the sorted short hashes of what is known."""
        request = call.request
        spec = request.fields.get("spec")
        self._setup = Setup(
            spec=_spec(Reply(fields=spec)) if isinstance(spec, Mapping) else None,
            max_pixels=request.whole("max_pixels"),
            thumbnail_side=request.whole("thumbnail_side"),
            known=request.arrays[0].astype(np.int64),
        )
        return Reply()

    def read(self, call: Call) -> Reply:
        """Read one file; a process that was started anew asks to be set up first."""
        if self._setup is None:
            return Reply(fields={"set_up": False})
        fields = call.request.fields
        try:
            return read_picture(
                call.request.text("path"),
                self._setup,
                anyway=bool(fields["anyway"]),
                known_only=bool(fields["known_only"]),
            )
        except PictureError as error:
            return Reply(fields={"bad": error.message})
        except UnreadableError as error:
            return Reply(fields={"unreadable": str(error)})


def main() -> None:
    """Serve the parent, giving way to what a person waits for."""
    os.nice(_NICE)
    decoder = Decoder()
    serve({"set up": decoder.set_up, "read": decoder.read})


if __name__ == "__main__":
    main()
