"""Files, text and JSON that somebody else wrote: read whole and within limits, or refused.

What is refused raises UntrustedError, which is a ValueError, with a reason to follow "cannot be
read: ". Nothing here recurses, waits for a pipe that nobody asked for, or reads without an end.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import NoReturn, TypeAlias

from cache.home_files import FILE_NAME as CACHE_FILE

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

DOCUMENT_LIMIT = 64 << 20
"""Bytes of a configuration, a comparison or a report."""
MOST_DEPTH = 64
"""Lists and objects inside each other; what people and programs write has about ten."""
MOST_DIGITS = 40
"""Of a whole number; 64 bits need 20."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_CHUNK = 1 << 20


class UntrustedError(ValueError):
    """It is not what it should be, or beyond what is read of one; the message says why."""


def open_file(path: Path, *, or_pipe: bool = False) -> BufferedReader:
    """Open a regular file for reading, without waiting for what may be in its place.

    `or_pipe` takes what a shell hands over, too. Raises OSError, UntrustedError.
    """
    if path.name == CACHE_FILE:
        # Closing it would take SQLite's locks away; `cache.home_files.check_file` says why.
        raise UntrustedError("it is the cache of a library, which nothing else may open")
    wait = 0 if or_pipe else getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, os.O_RDONLY | wait | getattr(os, "O_BINARY", 0))
    except ValueError as error:
        raise UntrustedError("its name holds a character that no name may") from error
    file = os.fdopen(descriptor, "rb")
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) or (or_pipe and stat.S_ISFIFO(mode)):
        return file
    file.close()
    raise UntrustedError("it is no file but a folder, a device or a pipe")


def read_bytes(path: Path, most: int = DOCUMENT_LIMIT, *, or_pipe: bool = False) -> bytes:
    """The content of a file of at most so many bytes. Raises OSError, UntrustedError."""
    with open_file(path, or_pipe=or_pipe) as file:
        size = os.fstat(file.fileno()).st_size
        content = bytearray()
        while size <= most and (part := file.read(min(_CHUNK, most + 1 - len(content)))):
            content += part
            size = max(size, len(content))
    if size > most:
        raise UntrustedError(f"it has more than {_bytes(most)}")
    return bytes(content)


def read_text(path: Path, most: int = DOCUMENT_LIMIT, *, or_pipe: bool = False) -> str:
    """The text of a UTF-8 file, without a byte order mark. Raises OSError, UntrustedError."""
    content = read_bytes(path, most, or_pipe=or_pipe)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UntrustedError(f"line {line} is not UTF-8") from error


def lines_of(text: str) -> list[str]:
    """The lines of a text: split at line ends alone.

    `str.splitlines` would split at form feeds and at U+0085, U+2028 and U+2029, too, which
    captions hold.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines and not lines[-1] else lines


def parse_json(text: str | bytes, *, with_names: bool = False, nan_is_null: bool = False) -> Json:
    """What a JSON text says. Raises UntrustedError.

    Refused are NaN and infinities, numbers beyond 64-bit ones, nesting beyond MOST_DEPTH, and
    halves of characters, which nothing could store. `with_names` takes those, as Python writes the
    names of files that are no UTF-8; `nan_is_null` is for programs that write NaN for nothing.
    """
    if isinstance(text, bytes):
        text = _decoded(text)
    try:
        value: Json = json.loads(
            text,
            parse_constant=_as_null if nan_is_null else _refuse_constant,
            parse_int=_whole,
            parse_float=_number,
        )
    except RecursionError as error:
        raise UntrustedError("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise UntrustedError(f"it is no JSON: {error}") from error
    _check(value, has_escapes=not with_names and _SURROGATE.search(text) is not None)
    return value


def parse_object(
    text: str | bytes, *, with_names: bool = False, nan_is_null: bool = False
) -> dict[str, Json]:
    """The object that a JSON text is, as `parse_json` reads it. Raises UntrustedError."""
    value = parse_json(text, with_names=with_names, nan_is_null=nan_is_null)
    if not isinstance(value, dict):
        raise UntrustedError("it is no JSON object")
    return value


def read_object(
    path: Path, most: int = DOCUMENT_LIMIT, *, nan_is_null: bool = False
) -> dict[str, Json]:
    """The JSON object in a file, as `parse_json` reads it. Raises OSError, UntrustedError."""
    return parse_object(read_bytes(path, most), nan_is_null=nan_is_null)


def finite_number(value: object) -> float:
    """The finite number that a value is. Raises UntrustedError."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UntrustedError(f"{_short(value)} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise UntrustedError(f"{_short(value)} is no finite number")
    return number


def _decoded(content: bytes) -> str:
    try:
        return content.decode(json.detect_encoding(content))
    except UnicodeDecodeError as error:
        raise UntrustedError("it is not UTF-8") from error


def _as_null(name: str) -> None:
    return None


def _refuse_constant(name: str) -> NoReturn:
    raise UntrustedError(f"it holds {name} where a number belongs")


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise UntrustedError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise UntrustedError(f"it holds the number {digits[:20]}, which is too large")
    return value


def _check(value: Json, *, has_escapes: bool) -> None:
    """Look at every value, a level at a time."""
    level: list[Json] = [value]
    for _ in range(MOST_DEPTH + 1):
        if has_escapes:
            _check_characters(level)
        level = [each for each in level if isinstance(each, list | dict)]
        if not level:
            return
        level = [each for holder in level for each in _held(holder)]
    raise UntrustedError(f"it is nested deeper than {MOST_DEPTH}")


def _held(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_characters(values: Iterable[Json]) -> None:
    for value in values:
        texts = value if isinstance(value, Mapping) else (value,)
        for text in texts:
            if isinstance(text, str) and not is_text(text):
                raise UntrustedError("it holds half of a character")


def is_text(text: str) -> bool:
    """Whether every character of a text is one: it can be stored and written."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


def kind_of(value: object) -> str:
    """What a value of JSON is, for people: `a text`, `an object`."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "nothing")


def _short(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 4 * MOST_DIGITS:
        return f"a whole number of {value.bit_length()} bits"
    text = repr(value) if isinstance(value, int | float | str | None) else type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."


def _bytes(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} KB"
