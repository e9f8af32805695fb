"""The table of picture file types, and that every entry of it can be read."""

import io
import threading
from pathlib import Path

import pytest
from PIL import Image

from engine.file_types import FILE_TYPES, FORMATS, SUFFIXES, FileType
from engine.library.folders import walk
from engine.workers.decoder import decode


@pytest.mark.parametrize("kind", FILE_TYPES, ids=lambda kind: kind.name)
def test_a_picture_of_every_type_is_found_by_its_name_and_read_by_its_content(
    kind: FileType, tmp_path: Path
) -> None:
    data = io.BytesIO()
    Image.new("RGB", (24, 16), "teal").save(data, kind.formats[0])
    for suffix in kind.suffixes:
        (tmp_path / f"a{suffix}").write_bytes(data.getvalue())
    found = [
        path for folder in walk([str(tmp_path)], threading.Event()) for path, *_ in folder.files
    ]
    assert sorted(Path(path).suffix for path in found) == sorted(kind.suffixes)
    decoded = decode(io.BytesIO(data.getvalue()), max_pixels=10_000, enough=16)
    assert (decoded.width, decoded.height) == (24, 16)


def test_no_suffix_and_no_format_stands_for_two_types() -> None:
    assert len(set(SUFFIXES)) == len(SUFFIXES)
    assert len(set(FORMATS)) == len(FORMATS)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
