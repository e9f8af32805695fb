"""The messages between the program and its worker processes.

A message is a JSON header and raw array buffers, each with its length in front:
`uint32 header size | header | buffer | buffer ...`. The header lists shape and dtype of every
buffer under `arrays`. Nothing is pickled.
"""

import asyncio
import json
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Array: TypeAlias = NDArray[np.generic]

HEADER_LIMIT = 64 << 20
BUFFER_LIMIT = 4 << 30
_LENGTH = struct.Struct(">I")
_DTYPES = frozenset({"|b1", "|u1", "<i4", "<i8", "<f2", "<f4", "<f8"})


class WireError(Exception):
    """The bytes on the pipe are no message: the other side is broken."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reply:
    """What one side sends the other: plain values by name, and arrays.

    The getters check the type of a field and raise WireError where it is another.
    """

    fields: Mapping[str, Json] = field(default_factory=dict)
    arrays: Sequence[Array] = ()

    def text(self, name: str) -> str:
        """Return the string under `name`."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise WireError(f"{name} is no text: {value!r}")
        return value

    def whole(self, name: str) -> int:
        """Return the integer under `name`."""
        value = self.fields.get(name)
        if not isinstance(value, int):
            raise WireError(f"{name} is no whole number: {value!r}")
        return value

    def number(self, name: str) -> float:
        """Return the number under `name`."""
        value = self.fields.get(name)
        if not isinstance(value, int | float):
            raise WireError(f"{name} is no number: {value!r}")
        return float(value)

    def items(self, name: str) -> Sequence[Json]:
        """Return the list under `name`."""
        value = self.fields.get(name)
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise WireError(f"{name} is no list: {value!r}")
        return value

    def texts(self, name: str) -> list[str]:
        """Return the list of strings under `name`."""
        values = self.items(name)
        if not all(isinstance(value, str) for value in values):
            raise WireError(f"{name} holds something other than texts")
        return [str(value) for value in values]

    def mapping(self, name: str) -> Mapping[str, Json]:
        """Return the object under `name`."""
        value = self.fields.get(name)
        if not isinstance(value, Mapping):
            raise WireError(f"{name} is no object: {value!r}")
        return value


def pack(message: Reply) -> list[bytes | memoryview]:
    """Return the buffers that make up `message` on the wire; arrays are not copied."""
    arrays = [np.asarray(array, order="C") for array in message.arrays]
    for array in arrays:
        if array.dtype.str not in _DTYPES:
            raise WireError(f"arrays of {array.dtype} do not cross")
    layout = [[array.dtype.str, *array.shape] for array in arrays]
    header = json.dumps({"fields": message.fields, "arrays": layout}).encode("ascii")
    if len(header) > HEADER_LIMIT:
        raise WireError(f"a header of {len(header)} bytes is too long")
    buffers: list[bytes | memoryview] = [_LENGTH.pack(len(header)), header]
    return buffers + [array.reshape(-1).view(np.uint8).data for array in arrays if array.size]


async def receive(reader: asyncio.StreamReader) -> Reply | None:
    """Read the next message; None at the end of the stream, also in the middle of a message."""
    try:
        size = _header_size(await reader.readexactly(_LENGTH.size))
        fields, layout = _parse(await reader.readexactly(size))
        arrays = [
            _array(await reader.readexactly(size), dtype, shape) for size, dtype, shape in layout
        ]
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Reply(fields=fields, arrays=arrays)


def read(stream: BinaryIO) -> Reply | None:
    """Read the next message as `receive` does, from a blocking stream."""
    try:
        size = _header_size(_exactly(stream, _LENGTH.size))
        fields, layout = _parse(_exactly(stream, size))
        arrays = [_array(_exactly(stream, size), dtype, shape) for size, dtype, shape in layout]
    except EOFError:
        return None
    return Reply(fields=fields, arrays=arrays)


def write(stream: BinaryIO, message: Reply) -> None:
    """Write `message` to a blocking stream and flush it."""
    for buffer in pack(message):
        stream.write(buffer)
    stream.flush()


def _exactly(stream: BinaryIO, size: int) -> bytes | bytearray:
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        count = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        filled += count
    return data


def _header_size(prefix: bytes | bytearray) -> int:
    size: int = _LENGTH.unpack(prefix)[0]
    if size > HEADER_LIMIT:
        raise WireError(f"a header of {size} bytes is announced: this is no message")
    return size


def _parse(header: bytes | bytearray) -> tuple[dict[str, Json], list[tuple[int, str, list[int]]]]:
    try:
        content = json.loads(header)
        fields, layout = content["fields"], list(_sizes(content["arrays"]))
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise WireError(f"a header cannot be read: {error}") from error
    if not isinstance(fields, dict):
        raise WireError("a header has no fields")
    return fields, layout


def _sizes(layout: list[list[int | str]]) -> Iterator[tuple[int, str, list[int]]]:
    for dtype, *numbers in layout:
        shape = [int(number) for number in numbers]
        if dtype not in _DTYPES or any(number < 0 for number in shape):
            raise ValueError(f"no array is {dtype} {shape}")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > BUFFER_LIMIT:
            raise ValueError(f"an array of {size} bytes is too large")
        yield size, str(dtype), shape


def _array(data: bytes | bytearray, dtype: str, shape: list[int]) -> Array:
    if not data:
        return np.zeros(shape, dtype)
    array: Array = np.frombuffer(data, dtype=dtype).reshape(shape)
    return array
