"""Safetensors headers and numpy archives are held against what their files really hold."""

import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from engine.untrusted import arrays
from engine.untrusted.arrays import open_npy, read_npz, read_scalar, read_tensors, tensors_header
from engine.untrusted.documents import UntrustedError


def tensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(offsets: object = (0, 4), shape: object = (), dtype: object = "F32") -> object:
    return {"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "0 bytes"),
        (b"\0" * 7, "7 bytes"),
        (struct.pack("<Q", 2**63) + b"{", "header should have"),
        (struct.pack("<Q", 99 << 20) + b" ", "header should have"),
        (tensors(b"[" * 100_000), "nested"),
        (tensors(b'{"a":' * 100_000), "nested"),
        (tensors(b"[]"), "no JSON object"),
        (tensors(b"\x80\x04pickle"), "UTF-8|no JSON"),
        *((tensors(entry(o), bytes(16)), "does not fit") for o in (
            ["a", "b"], [], [0], [-1, 3], [4, 0], [10**15, 10**15 + 4], [[1], [2]], [0.0, 4.0],
            None, [0, 8], [14, 18],
        )),
        (tensors(entry([10**400, 4]), bytes(16)), "digits"),
        (tensors(entry(shape=[-1]), bytes(16)), "does not fit"),
        (tensors(entry(shape=["x"]), bytes(16)), "does not fit"),
        (tensors(entry(shape=[10**30, 10**30]), bytes(16)), "does not fit"),
        (tensors(entry(shape=[1] * 33), bytes(16)), "does not fit"),
        (tensors(entry(dtype=5), bytes(16)), "does not fit"),
        (tensors({"x": [1]}, bytes(16)), "does not fit"),
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_a_header_that_is_none_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(UntrustedError, match=reason):
        tensors_header(content)


@pytest.mark.parametrize(
    "others",
    [
        {"y": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}},
        {"y": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        {str(each): {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} for each in range(99)},
    ],
    ids=["in part", "wholly", "many"],
)
def test_tensors_that_share_bytes_are_refused(others: dict[str, object]) -> None:
    """Or a file of a megabyte is a terabyte in memory."""
    first: Any = entry([0, 4], [1])
    with pytest.raises(UntrustedError, match="lie over each other"):
        tensors_header(tensors({**first, **others}, bytes(16)))


def test_tensors_without_numbers_and_gaps_between_them_are_fine() -> None:
    held = {
        "a": {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "c": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]},
    }
    assert set(tensors_header(tensors(held, bytes(12))).tensors) == {"a", "b", "c"}


def test_a_shape_that_no_array_has_is_refused() -> None:
    with pytest.raises(UntrustedError, match="no array has the shape"):
        read_tensors(tensors(entry([0, 0], [0, 10**30])))


@given(st.binary(max_size=200))
def test_noise_is_no_header(content: bytes) -> None:
    with pytest.raises(UntrustedError):
        tensors_header(content)


def test_tensors_come_as_float32() -> None:
    values = np.array([[1.5, -2.0]])
    named = {"a": values.astype(np.float16), "b": values, "c": np.array([1], np.int64)}
    found, metadata = read_tensors(safetensors.numpy.save(named, {"who": "me"}))
    assert metadata == {"who": "me"}
    assert set(found) == {"a", "b"}
    assert all(each.dtype == np.float32 and (each == values).all() for each in found.values())
    half = tensors(entry([0, 2], [1], "BF16"), struct.pack("<H", 0x3FC0))
    assert read_tensors(half)[0]["x"].tolist() == [1.5]


def test_one_number_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors.numpy.save({"s": np.array(4.5, np.float32), "v": np.ones(3)}))
    assert read_scalar(path, "s") == 4.5
    assert read_scalar(path, "v") is None
    assert read_scalar(path, "t") is None


def npz(path: Path, **held: Any) -> Path:  # noqa: ANN401
    np.savez(path, **held)
    return path


def npy(header: bytes, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def test_an_archive_is_read(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", image=np.array(["a", "b"]), vector=np.eye(2), more=np.ones(1))
    found = read_npz(path, ("image", "vector"))
    assert found["image"].tolist() == ["a", "b"]
    assert (found["vector"] == np.eye(2)).all()
    with pytest.raises(UntrustedError, match="it has the arrays image, more, vector; `text` and"):
        read_npz(path, ("text", "vector"))


VECTOR = io.BytesIO()
np.lib.format.write_array(VECTOR, np.eye(2))


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (b"", "magic"),
        (b"hello", "magic"),
        (npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 8)}\n"), "length"),
        (npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-4,)}\n"), "length"),
        (npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n", b"x"), "Python objects"),
        (npy(b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (0,)}\n"), "neither"),
        (npy(b"(" * 9000), "."),
        (npy(b"{'descr': __import__('os'), 'fortran_order': False, 'shape': ()}\n"), "."),
        # No bytes, and so many texts as one likes.
        (npy(b"{'descr': '<U0', 'fortran_order': False, 'shape': (99999999999,)}\n"), "neither"),
        (npy(b"(" * 60_000), "^Header info length [^\n]*$"),
    ],
    ids=range(10),
)
def test_an_array_that_is_none_is_refused(tmp_path: Path, member: bytes, reason: str) -> None:
    path = archive(tmp_path / "a.npz", image=member, vector=VECTOR.getvalue())
    with pytest.raises(UntrustedError, match=reason):
        read_npz(path, ("image", "vector"))
    (tmp_path / "a.npy").write_bytes(member)
    with pytest.raises(UntrustedError, match=reason):
        open_npy(tmp_path / "a.npy")


def test_what_unpacks_to_more_than_the_machine_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "machine_memory", lambda: 1 << 20)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, image=np.array(["a"]), vector=np.zeros((1, 1 << 20)))
    assert path.stat().st_size < 1 << 16
    with pytest.raises(UntrustedError, match="more than this machine has"):
        read_npz(path, ("image", "vector"))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_packed_otherwise_than_numpy_packs_is_refused(tmp_path: Path, method: int) -> None:
    """A few kilobytes of these unpack into gigabytes at once."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as file:
        for name in ("image", "vector"):
            file.writestr(f"{name}.npy", VECTOR.getvalue())
    with pytest.raises(UntrustedError, match="packed otherwise"):
        read_npz(tmp_path / "a.npz", ("image", "vector"))


def test_devices_and_other_kinds_are_no_archives(tmp_path: Path) -> None:
    zero = tmp_path / "zero.npz"
    zero.symlink_to("/dev/zero")
    for read in (lambda: read_npz(zero, ("a", "b")), lambda: open_npy(zero)):
        with pytest.raises(UntrustedError, match="no file"):
            read()
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UntrustedError, match="something else"):
        read_npz(tmp_path / "text.npz", ("a", "b"))
    whole = npz(tmp_path / "whole.npz", image=np.array(["a"]), vector=np.eye(1)).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UntrustedError, match="something else, or cut short"):
        read_npz(tmp_path / "cut.npz", ("image", "vector"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """Makes a folder for each example."""
    return tmp_path_factory


@given(noise=st.binary(max_size=60), at=st.integers(0, 400))
def test_a_damaged_archive_gives_its_arrays_or_a_reason(
    folder: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    stream = io.BytesIO()
    np.savez(stream, image=np.array(["a"]), vector=np.eye(1))
    content = bytearray(stream.getvalue())
    content[at : at + len(noise)] = noise
    path = folder.mktemp("noise", numbered=True) / "a.npz"
    path.write_bytes(content)
    try:
        read_npz(path, ("image", "vector"))
    except UntrustedError as error:
        assert str(error)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_a_file_are_read_when_they_are_asked_for(tmp_path: Path, order: str) -> None:
    whole = np.arange(600, dtype="<f2").reshape(200, 3)
    np.save(tmp_path / "a.npy", np.array(whole, order="F" if order == "F" else "C"))
    found = open_npy(tmp_path / "a.npy")
    assert (found.shape, found.ndim, found.dtype.str) == ((200, 3), 2, "<f2")
    assert found[50:60].tolist() == whole[50:60].tolist()
    assert found[190:900].tolist() == whole[190:].tolist()
    assert found[:].tolist() == whole.tolist()
    os.truncate(tmp_path / "a.npy", found.at + 300)
    with pytest.raises(UntrustedError, match="it ends before"):
        found[:]
