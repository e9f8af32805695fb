"""XML from elsewhere is read within limits, or refused with the line."""

from pathlib import Path

import pytest

from engine.untrusted.documents import UntrustedError
from engine.untrusted.markup import XML_LIMIT, parse_xml, read_xml


def test_an_annotation_is_read(tmp_path: Path) -> None:
    path = tmp_path / "1.xml"
    path.write_text('<?xml version="1.0"?>\n<a><b>x &lt; 1</b><b/></a>\n')
    root = read_xml(path)
    assert root.tag == "a"
    assert [each.text for each in root.findall("b")] == ["x < 1", None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "bb">]>\n<a>&b;</a>', "document type"),
        ("<a>\n<b></a>", "line 2 is no XML"),
        ("<a>&b;</a>", "line 1 is no XML"),
        ("", "is no XML"),
        ("<a>" * 70 + "</a>" * 70, "nested deeper than 64"),
    ],
)
def test_what_is_no_annotation_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UntrustedError, match=reason):
        parse_xml(text)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    with path.open("wb") as file:
        file.truncate(XML_LIMIT + 1)
    with pytest.raises(UntrustedError, match="more than 4 MB"):
        read_xml(path)
