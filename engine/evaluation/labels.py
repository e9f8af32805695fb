"""Data whose texts are labels: a folder for each class, and words that occur in captions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from engine.errors import RequestError
from engine.evaluation.captions import Captioned
from engine.evaluation.data import ABSENT, CLASSES, PRESENT, WORDS, Data, Query, Right
from engine.indexing.walk import SUFFIXES

_ARTICLE = re.compile(r"^(a|an|the) ", re.IGNORECASE)


def classes_data(folder: Path, templates: Sequence[str], names: Mapping[str, str]) -> Data:
    """A folder whose folders are classes, as a data set; pictures go by their absolute path.

    Raises RequestError where no folder holds a picture, or a template has no place for the name.
    """
    for template in templates:
        if "{}" not in template:
            raise RequestError(f"the template {template!r} has no place {{}} for a name")
    held = [
        (below.name, sorted(path for path in below.rglob("*") if _is_picture(path)))
        for below in sorted(folder.absolute().iterdir())
        if below.is_dir() and not below.name.startswith(".")
    ]
    held = [(name, paths) for name, paths in held if paths]
    if not held:
        raise RequestError(
            f"{folder} has no folders of pictures in it",
            hint="Evaluation takes a folder with a folder of pictures for each class.",
        )
    words = [names.get(name, name.replace("_", " ").strip()) for name, _ in held]
    owners = [number for number, (_, paths) in enumerate(held) for _ in paths]
    return Data(
        name=folder.name or str(folder),
        kind=CLASSES,
        pictures=tuple(str(path) for _, paths in held for path in paths),
        texts=tuple(words),
        right=Right.of(owners, list(range(len(owners)))),
        wordings=tuple(tuple(t.replace("{}", word) for t in templates) for word in words),
    )


def words_data(name: str, rows: Iterable[Captioned], texts: Iterable[str]) -> Data:
    """Words as queries for the pictures whose captions hold them; the others are absent.

    An article at the start of a text is not looked for, a text with a sense in brackets is left
    out, and a word is held by a caption in which it, or its plural in -s or -es, stands whole.
    """
    told: dict[str, list[str]] = {}
    for row in rows:
        if row.picture:
            told.setdefault(row.picture, []).append(row.text.lower())
    spaced = [f" {re.sub(r'[^a-z]+', ' ', ' '.join(some))} " for some in told.values()]
    held: dict[str, list[int]] = {}
    absent = []
    for text in dict.fromkeys(texts):
        word = re.sub(r"[^a-z]+", " ", _ARTICLE.sub("", text).lower()).strip()
        if not word or "(" in text:
            continue
        forms = (f" {word} ", f" {word}s ", f" {word}es ")
        found = [i for i, line in enumerate(spaced) if any(form in line for form in forms)]
        if found:
            held[text] = found
        else:
            absent.append(text)
    if not held:
        raise RequestError(
            "none of the words occurs in the captions",
            hint="--words FILE names them, one a line; without it the imported texts are taken.",
        )
    return Data(
        name=name,
        kind=WORDS,
        pictures=tuple(told),
        texts=tuple(held),
        right=Right.of(
            [number for number, found in enumerate(held.values()) for _ in found],
            [picture for found in held.values() for picture in found],
        ),
        queries=(
            *(Query(text=t, answers=tuple(found), kind=PRESENT) for t, found in held.items()),
            *(Query(text=text, answers=(), kind=ABSENT) for text in absent),
        ),
    )


def read_words(path: Path) -> list[str]:
    """The lines of a file of words; RequestError where it cannot be read or is empty."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read as text: {error}") from error
    words = [line.strip() for line in lines if line.strip()]
    if not words:
        raise RequestError(f"{path} holds no words")
    return words


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
