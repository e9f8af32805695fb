"""Turns the bytes of a picture file into upright 8-bit RGB, as far as they allow."""

import contextlib
import hashlib
import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from cache.embeddings import short_hash
from engine import numbers
from engine.errors import PictureError
from engine.file_types import FORMATS, REDUCED, register_openers
from engine.files import thumbnail
from engine.models.input_spec import SHORTEST_EDGE_CROP, InputSpec, prepare
from engine.models.messages import Json, Reply
from engine.states import FailureCause
from engine.workers.loop import Call, serve
from engine.workers.side_chunks import without_side_chunks

register_openers()

# The size is checked here, against the setting; Pillow's own check only knows a warning first.
Image.MAX_IMAGE_PIXELS = None

_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """A picture in memory."""

    image: Image.Image
    """RGB and upright; smaller than the file's picture where a reduced decode was enough."""
    width: int
    """Pixels of the whole picture, upright."""
    height: int
    format: str
    partial: bool
    """The file is cut short or damaged; what could be read stands for it."""


def decode(source: BinaryIO, *, max_pixels: int, enough: int) -> Decoded:
    """Decode the first frame; a JPEG may be reduced while its shorter edge keeps `enough` pixels.

    Raises PictureError with the reason where no picture comes out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _strictly_or_not(source, max_pixels, enough)


def _strictly_or_not(source: BinaryIO, max_pixels: int, enough: int) -> Decoded:
    try:
        return _decode(source, max_pixels, enough, partial=False)
    except UnidentifiedImageError as error:
        strict: Exception = error
    except PictureError:
        raise
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything on damaged files
        strict = _unless_memory(error)
    try:
        if (bare := without_side_chunks(source)) is not None:
            with contextlib.suppress(PictureError, *_DAMAGE):
                return _decode(bare, max_pixels, enough, partial=False)
        if isinstance(strict, UnidentifiedImageError):
            raise PictureError("it is no picture of a known format") from strict
        source.seek(0)
        with _tolerance():
            return _decode(source, max_pixels, enough, partial=True)
    except PictureError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise PictureError(f"it is damaged: {_reason(strict)}") from _unless_memory(error)


_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error)
"""What Pillow raises where a picture is cut short or broken."""


def _unless_memory(error: Exception) -> Exception:
    """The error, unless it says that memory ran out: that is not the file's fault."""
    words = str(error).lower()
    # What a PNG's texts may take is a limit of Pillow's own, whatever the machine has.
    if isinstance(error, MemoryError) or ("memory" in words and "text chunks" not in words):
        raise MemoryError from error
    return error


def _decode(source: BinaryIO, max_pixels: int, enough: int, *, partial: bool) -> Decoded:
    image: Image.Image = Image.open(source, formats=FORMATS)
    width, height = image.size
    if width * height > max_pixels:
        raise PictureError(
            f"it has {width} x {height} pixels; the limit is {max_pixels / 1e6:g} megapixels"
        )
    kind = (image.format or "").lower()
    with image:
        reduced = image.format in REDUCED and _reduce(image, enough)
        image.load()
        orientation = _orientation(image)
        upright = _upright(_rgb(image), orientation)
    if partial and len(upright.resize((8, 8)).getcolors() or ()) == 1:
        raise PictureError("it is cut short before its first pixel")
    if reduced and orientation >= 5:
        width, height = height, width
    elif not reduced:
        width, height = upright.size
    return Decoded(image=upright, width=width, height=height, format=kind, partial=partial)


@contextlib.contextmanager
def _tolerance() -> Iterator[None]:
    """Let Pillow fill in what a truncated file lacks."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _reduce(image: Image.Image, enough: int) -> bool:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8 of its size, where that leaves enough."""
    before = image.size
    if min(before) >= 2 * enough:
        # Pillow reduces only as far as both edges keep the size asked for.
        image.draft(None, (enough, enough))
    return image.size != before


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - malformed metadata must not cost the picture
        return 1
    return value if isinstance(value, int) else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


def _rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB, with transparency over white."""
    if image.mode in _DEEP_MODES:
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        white.alpha_composite(over)
        return white.convert("RGB")
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise PictureError(f"its colour mode {image.mode} is not supported") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and floating point grey to 8 bits; Pillow alone would clip it."""
    values: NDArray[np.float64] = np.nan_to_num(np.asarray(image).astype(np.float64))
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16") or (low >= 0 and 255 < high <= 65535):
        values = values / 257
    elif low < 0 or high > 255:
        values = (values - low) * (255 / (high - low or 1))
    elif image.mode == "F" and 0 < high <= 1:
        values = values * 255
    return Image.fromarray((values + 0.5).astype(np.uint8))


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


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


class UnpreparedError(Exception):
    """The picture was read, and cannot be brought into the form that the encoder wants."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecoderSetup:
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


def read_picture(path: str, setup: DecoderSetup, *, anyway: bool, known_only: bool) -> Reply:
    """Read a file once; decode it unless its content is known, or `anyway`.

    With `known_only`, unknown content is not decoded either. Raises PictureError for a file that
    will stay bad until it changes, UnreadableError or MemoryError for one that may be readable
    another time, and UnpreparedError where the encoder cannot take it.
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
    stamp = numbers.stamp(before)
    if stamp != numbers.stamp(after):
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


def _reply(fields: dict[str, Json], decoded: Decoded, setup: DecoderSetup) -> Reply:
    described: dict[str, Json] = {
        **fields,
        "width": decoded.width,
        "height": decoded.height,
        "format": decoded.format,
        "partial": decoded.partial,
    }
    arrays = [np.frombuffer(thumbnail(decoded.image, setup.thumbnail_side), dtype=np.uint8)]
    if setup.spec is not None:
        try:
            arrays.append(pixels(decoded.image, setup.spec))
        except Exception as error:
            raise UnpreparedError(_reason(_unless_memory(error))) from error
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


class DecoderWorker:
    """Answers the pool: `set up` once a run, then `read` for every file."""

    def __init__(self) -> None:
        self._setup: DecoderSetup | None = None

    def set_up(self, call: Call) -> Reply:
        """Take the settings of a run, and the sorted short hashes of what is known."""
        request = call.request
        spec = request.fields.get("spec")
        self._setup = DecoderSetup(
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
            return _refused(error.message, FailureCause.FILE)
        except UnreadableError as error:
            return _refused(str(error), FailureCause.MOMENT)
        except MemoryError:
            return _refused("there was not enough memory to decode it", FailureCause.MOMENT)
        except UnpreparedError as error:
            reason = f"the encoder's picture settings do not fit it: {error}"
            return _refused(reason, FailureCause.MODEL)


def _refused(reason: str, cause: FailureCause) -> Reply:
    return Reply(fields={"refused": reason, "cause": cause})


def main() -> None:
    """Serve the parent, giving way to what a person waits for."""
    os.nice(_NICE)
    decoder = DecoderWorker()
    serve({"set up": decoder.set_up, "read": decoder.read})


if __name__ == "__main__":
    main()
