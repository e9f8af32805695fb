"""Messages between the program and its workers."""

import asyncio
import io
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from hypothesis.extra.numpy import arrays as numpy_arrays

from engine.models import messages as wire
from engine.models.messages import Array, Json, Reply, WireError


def through_pipe(message: Reply) -> Reply:
    stream = io.BytesIO(b"".join(wire.pack(message)))
    received = wire.read(stream)
    assert received is not None
    assert stream.read() == b""
    return received


async def through_reader(data: bytes) -> Reply | None:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await wire.receive(reader)


def test_fields_and_arrays_arrive_as_they_were_sent() -> None:
    fields: dict[str, Json] = {
        "path": "/a/caf\u00e9\udcff \u732b",
        "n": [1, 2.5, None, True],
        "o": {"k": ""},
    }
    arrays: tuple[Array, ...] = (
        np.arange(12, dtype=np.float32).reshape(3, 4).T,
        np.zeros((0, 5), np.uint8),
        np.array([2**60], np.int64),
        np.array(1.5),
    )
    received = through_pipe(Reply(fields=fields, arrays=arrays))
    assert received.fields == fields
    for sent, got in zip(arrays, received.arrays, strict=True):
        assert got.dtype == sent.dtype
        np.testing.assert_array_equal(got, sent)


async def test_the_event_loop_reads_what_a_blocking_stream_wrote() -> None:
    stream = io.BytesIO()
    wire.write(stream, Reply(fields={"a": 1}, arrays=[np.ones((2, 3), np.float32)]))
    received = await through_reader(stream.getvalue())
    assert received is not None
    assert received.whole("a") == 1
    assert received.arrays[0].shape == (2, 3)


async def test_a_stream_that_ends_within_a_message_is_at_its_end() -> None:
    data = b"".join(wire.pack(Reply(arrays=[np.ones(1000, np.float32)])))
    for size in (0, 3, 10, len(data) - 1):
        assert await through_reader(data[:size]) is None
        assert wire.read(io.BytesIO(data[:size])) is None


@pytest.mark.parametrize(
    "data",
    [
        b"Loading weights: 100%|######|\n",
        b"\x00\x00\x00\x02{}",
        b"\x00\x00\x00\x03[1]",
        b'\x00\x00\x00\x27{"fields":{},"arrays":[["<f4",-1,200]]}',
        b'\x00\x00\x00\x2e{"fields":{},"arrays":[["<f4",4000000000,9000]]}',
        b'\x00\x00\x00\x20{"fields":{},"arrays":[["|O",1]]}',
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.read(io.BytesIO(data))


def test_arrays_of_objects_do_not_cross() -> None:
    with pytest.raises(WireError):
        wire.pack(Reply(arrays=[np.array([object()])]))


def test_getters_refuse_a_field_of_another_type() -> None:
    reply = Reply(fields={"text": "a", "n": 1, "list": ["a", 1], "x": 0.5, "o": {"k": 1}})
    assert (reply.text("text"), reply.whole("n"), reply.number("n"), reply.number("x")) == (
        "a",
        1,
        1.0,
        0.5,
    )
    assert reply.mapping("o") == {"k": 1}
    for wrong in (
        lambda: reply.text("n"),
        lambda: reply.whole("x"),
        lambda: reply.number("text"),
        lambda: reply.texts("list"),
        lambda: reply.items("text"),
        lambda: reply.mapping("list"),
        lambda: reply.text("absent"),
    ):
        with pytest.raises(WireError):
            wrong()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
    | st.text() | st.binary(max_size=9).map(os.fsdecode),
    lambda held: st.lists(held, max_size=4) | st.dictionaries(st.text(), held, max_size=4),
    max_leaves=10,
)  # fmt: skip
ARRAYS = st.sampled_from(["|b1", "|u1", "<i4", "<i8", "<f4", "<f8"]).flatmap(
    lambda dtype: numpy_arrays(
        np.dtype(dtype), array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    )
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.lists(ARRAYS, max_size=3))
def test_whatever_is_sent_arrives(fields: dict[str, Json], arrays: list[Array]) -> None:
    received = through_pipe(Reply(fields=fields, arrays=arrays))
    assert received.fields == fields
    for sent, got in zip(arrays, received.arrays, strict=True):
        assert (got.dtype, got.shape) == (sent.dtype, sent.shape)
        np.testing.assert_array_equal(got, sent)


@given(
    st.binary(max_size=64)
    | st.binary(max_size=64).map(lambda data: len(data).to_bytes(4, "big") + data)
    | JSON.map(lambda value: json.dumps({"fields": {}, "arrays": value}).encode()).map(
        lambda data: len(data).to_bytes(4, "big") + data
    )
)
def test_noise_is_no_message_and_nothing_worse(data: bytes) -> None:
    try:
        found = wire.read(io.BytesIO(data))
    except WireError as error:
        assert str(error)
    else:
        assert found is None or isinstance(found.fields, dict)


def test_a_header_that_is_nested_without_end_is_no_message() -> None:
    header = b"[" * 1_000_000
    with pytest.raises(WireError, match="a header cannot be read"):
        wire.read(io.BytesIO(len(header).to_bytes(4, "big") + header))
