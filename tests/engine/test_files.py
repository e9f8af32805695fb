import os
from pathlib import Path

import pytest

from engine.files import replaced


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("before")
    with pytest.raises(ValueError, match="in the middle"), replaced(path) as temporary:
        temporary.write_text("half")
        raise ValueError("in the middle")
    assert path.read_text() == "before"
    with replaced(path) as temporary:
        temporary.write_text("after")
    assert path.read_text() == "after"
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_a_link_stays_a_link_to_the_new_content(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "a.json")
    with replaced(link) as temporary:
        temporary.write_text("after")
    assert link.is_symlink()
    assert (tmp_path / "there" / "a.json").read_text() == "after"


def test_a_device_is_written_to_and_not_replaced() -> None:
    with replaced(Path(os.devnull)) as target:
        target.write_text("away")
    assert not Path(os.devnull).is_file()
