"""XML that somebody else wrote: within limits, and without the document types that could grow."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from engine.untrusted.documents import MOST_DEPTH, UntrustedError, read_text

XML_LIMIT = 4 << 20
"""Bytes of an annotation; those of a picture have some thousand."""


def read_xml(path: Path) -> ElementTree.Element:
    """The root element of an XML file. Raises OSError, UntrustedError."""
    return parse_xml(read_text(path, XML_LIMIT))


def parse_xml(text: str) -> ElementTree.Element:
    """The root element of an XML text. Raises UntrustedError.

    A document type is refused, as entities are declared there that stand for whatever they like,
    and nesting beyond MOST_DEPTH.
    """
    if "<!DOCTYPE" in text:
        raise UntrustedError("it declares a document type, which nothing that is read here needs")
    builder = _Builder()
    parser = ElementTree.XMLParser(target=builder)
    try:
        parser.feed(text)
        root: ElementTree.Element = parser.close()
    except ElementTree.ParseError as error:
        line, _ = error.position
        raise UntrustedError(f"line {line} is no XML: {error}") from error
    return root


class _Builder(ElementTree.TreeBuilder):
    """Builds no deeper than MOST_DEPTH."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> ElementTree.Element:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise UntrustedError(f"it is nested deeper than {MOST_DEPTH}")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)
