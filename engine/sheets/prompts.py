"""Prompts of a sheet as people write them: lines, CSV, JSON lines, and `{a|b}` alternatives.

The grammar of alternatives is the one that Dynamic Prompts and Stable Diffusion's web interfaces
share, without their wildcards and their chance: every alternative is painted.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from engine import disk
from engine.collections import BUILT_IN
from engine.errors import RequestError
from engine.untrusted.documents import UntrustedError, lines_of, parse_object, read_text

MAX_PROMPTS = 1_000
"""Of a sheet, with its alternatives."""
MAX_DEPTH = 20
"""Alternatives inside alternatives."""
MAX_BYTES = 4 << 20
"""Of a file of prompts."""
FIELDS = ("prompt", "group", "negative")
"""What a line of CSV or JSON can say of a prompt."""
COMMENT, ESCAPE = "#", "\\"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPrompt:
    """A prompt with nothing left open."""

    prompt: str
    group: str = ""
    """What prompts are gathered under, such as nested; empty without."""
    negative: str = ""
    """What its pictures should not show; empty leaves it to the sheet."""


def prompts_from(words: Sequence[str]) -> tuple[SheetPrompt, ...]:
    """The prompts that arguments of a command line stand for, each one line as in a file."""
    return distinct(each for word in words for each in _line(word))


def read_prompts(path: Path, *, or_pipe: bool = False) -> tuple[SheetPrompt, ...]:
    """The prompts in a file, or of a pipe, which is waited for. Raises RequestError."""
    try:
        text = read_text(path, MAX_BYTES, or_pipe=or_pipe)
    except FileNotFoundError as error:
        reason = disk.absence(path, f"there is no file {path}")
        raise RequestError(reason, field="prompts") from error
    except (OSError, UntrustedError) as error:
        raise RequestError(f"{path} cannot be read: {error}", field="prompts") from error
    return parse_prompts(text, name=path.name)


def parse_prompts(text: str, *, name: str = "") -> tuple[SheetPrompt, ...]:
    """The prompts in a text: CSV where its first line names the columns, else one a line.

    A line is a prompt or an object of JSON; empty ones and those that begin with `#` say nothing.
    Raises RequestError, which names the line.
    """
    lines = lines_of(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))
    where = f" of {name}" if name else ""
    found: list[SheetPrompt] = []
    for number, row in _csv_rows(lines) if _is_csv(lines) else enumerate(lines, 1):
        try:
            found += _line(row) if isinstance(row, str) else _expanded(row)
        except RequestError as error:
            message = f"line {number}{where}: {error.message}"
            raise RequestError(message, hint=error.hint, field="prompts") from error
        if len(found) > MAX_PROMPTS:
            raise RequestError(f"more than {MAX_PROMPTS:,} prompts are no sheet", field="prompts")
    return distinct(found)


def distinct(prompts: Iterator[SheetPrompt] | Sequence[SheetPrompt]) -> tuple[SheetPrompt, ...]:
    """The prompts without those that were there before."""
    return tuple(dict.fromkeys(prompts))


def _is_csv(lines: Sequence[str]) -> bool:
    first = next((line for line in lines if line.strip()), "")
    names = [name.strip().lower() for name in first.split(",")]
    return "prompt" in names and set(names) <= set(FIELDS)


def _csv_rows(lines: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The fields of each row of CSV, with the number of its last line."""
    reader = csv.reader(lines, skipinitialspace=True, strict=True)
    names: list[str] = []
    try:
        for row in reader:
            if not names:
                names = [name.strip().lower() for name in row]
            elif row and not row[0].startswith(COMMENT):
                yield reader.line_num, dict(zip_longest(names, row[: len(names)], fillvalue=""))
    except csv.Error as error:
        message = f"line {reader.line_num} is no CSV: {error}"
        raise RequestError(message, field="prompts") from error


def _line(line: str) -> list[SheetPrompt]:
    text = line.strip()
    if not text or text.startswith(COMMENT):
        return []
    if not text.startswith("{") or not text[1:].lstrip().startswith('"'):
        return _expanded({"prompt": text})
    try:
        values = parse_object(text)
    except UntrustedError as error:
        raise RequestError(f"{error}", hint='Such as {"prompt": "a cat", "group": "basic"}') from (
            error
        )
    unknown = [name for name in values if name not in FIELDS]
    if unknown:
        raise RequestError(f"it names {unknown[0]!r}", hint=f"Known: {', '.join(FIELDS)}")
    if not all(isinstance(value, str) for value in values.values()):
        raise RequestError(f"{', '.join(values)} must be texts")
    return _expanded({name: str(value) for name, value in values.items()})


def _expanded(values: Mapping[str, str]) -> list[SheetPrompt]:
    """A prompt for each of its alternatives."""
    if not values.get("prompt", "").strip():
        raise RequestError("it has no prompt")
    base = SheetPrompt(
        prompt="",
        group=values.get("group", "").strip(),
        negative=values.get("negative", "").strip(),
    )
    return [replace(base, prompt=each) for each in alternatives(values["prompt"])]


def alternatives(text: str) -> list[str]:
    r"""Every text that one with `{a|b}` stands for, the last alternatives changing first.

    They may be empty and lie inside one another; `\` before `{`, `|`, `}`, `#` or itself takes the
    character as it is. Raises RequestError for braces that do not close, and for too many.
    """
    levels: list[list[list[str]]] = [[[""]]]
    for part in _parts(text):
        options = levels[-1]
        match part:
            case "{":
                levels.append([[""]])
                if len(levels) > MAX_DEPTH:
                    raise RequestError(f"alternatives are nested deeper than {MAX_DEPTH}")
            case "|" if len(levels) > 1:
                options.append([""])
            case "}":
                if len(levels) == 1:
                    raise RequestError("a } closes no {", hint=r"Write \} for the sign itself.")
                levels.pop()
                chosen = [each for option in options for each in option]
                levels[-1][-1] = _product(levels[-1][-1], chosen)
            case _:
                options[-1] = _product(options[-1], [_plain(part)])
    if len(levels) > 1:
        raise RequestError("a { is not closed", hint=r"Write \{ for the sign itself.")
    return [" ".join(each.split()) for each in levels[0][0]]


def _parts(text: str) -> Iterator[str]:
    """Braces and bars on their own, escaped characters with their escape, and what is between."""
    start = at = 0
    while at < len(text):
        if text[at] == ESCAPE and text[at + 1 : at + 2] in ("{", "|", "}", COMMENT, ESCAPE):
            length = 2
        elif text[at] in "{|}":
            length = 1
        else:
            at += 1
            continue
        if start < at:
            yield text[start:at]
        yield text[at : at + length]
        start = at = at + length
    if start < at:
        yield text[start:]


def _plain(part: str) -> str:
    is_escaped = len(part) == 2 and part[0] == ESCAPE and part[1] in "{|}#\\"
    return part[1] if is_escaped else part


def _product(starts: Sequence[str], ends: Sequence[str]) -> list[str]:
    if len(starts) * len(ends) > MAX_PROMPTS:
        raise RequestError(
            f"its alternatives make more than {MAX_PROMPTS:,} prompts",
            hint="Write fewer of them, or several sheets.",
        )
    return [start + end for start in starts for end in ends]


def spelt(prompt: SheetPrompt) -> str:
    """A prompt as an argument of a command line or a line of a file that stands for it alone."""
    text = "".join(f"{ESCAPE}{c}" if c in "{|}\\" else c for c in prompt.prompt)
    if prompt.group or prompt.negative:
        values = {"prompt": text, "group": prompt.group, "negative": prompt.negative}
        return json.dumps({name: each for name, each in values.items() if each}, ensure_ascii=False)
    return f"{ESCAPE}{text}" if text.startswith(COMMENT) else text


EXAMPLES: Mapping[str, str] = {
    BUILT_IN.name: "ten prompts in the words of the built-in generator, painted without a download",
    "paper": "the five prompts of the paper's experiments on generation",
}
"""Sheets that ship, each a file of engine/data, and what is said of them."""


def example_prompts(name: str) -> tuple[SheetPrompt, ...]:
    """The prompts of an example. Raises RequestError for a name that is none."""
    if name not in EXAMPLES:
        known = ", ".join(EXAMPLES)
        raise RequestError(f"there is no example {name!r}", hint=f"Known: {known}", field="example")
    return read_prompts(Path(__file__).parents[1] / "data" / f"prompts.{name}.jsonl")
