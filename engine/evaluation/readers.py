"""Reads captioned pictures: Flickr's token files, Karpathy's and COCO's JSON, CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine.errors import RequestError
from engine.evaluation.data import (
    Data,
    LabelledQuery,
    SwappedPair,
)
from engine.evaluation.swaps import random_variant
from engine.file_types import SUFFIXES
from engine.scoring.metrics import RightPairs
from engine.states import DataKind, QueryKind

MOST_SWAPS = 2000
_PICTURE = ("image", "picture", "file", "filename", "file_name", "filepath", "path", "image_name",
            "image_path")  # fmt: skip
_TEXT = ("caption", "text", "sentence", "description", "title", "query", "comment")
_TOKEN = re.compile(r"(?P<picture>[^\t]+?)#\d+[a-z]*\t(?P<text>.*)")
_FORMATS = "a Flickr token file, Karpathy's JSON, COCO's captions JSON or CSV"


@dataclass(frozen=True, slots=True)
class Captioned:
    """A caption and its picture; an empty picture says that none answers it."""

    picture: str
    text: str
    split: str = ""


def read_captions(path: Path, split: str) -> list[Captioned]:
    """Every caption of a file, of one split where the file tells splits.

    Raises RequestError where the file is none of the known kinds, or holds no caption.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read as text: {error}", field="data") from error
    rows = list(_rows(path, content))
    kept = [row for row in rows if row.text]
    if split and any(row.split for row in kept):
        splits = sorted({row.split for row in kept})
        kept = [row for row in kept if row.split == split]
        if not kept:
            raise RequestError(
                f"{path} has no split {split!r}",
                hint=f"There are: {', '.join(splits)}",
                field="split",
            )
    if not any(row.picture for row in kept):
        raise RequestError(
            f"{path} holds no captions", hint=f"Known are: {_FORMATS}.", field="data"
        )
    return kept


def captions_data(name: str, rows: list[Captioned], *, swaps: bool, seed: int) -> Data:
    """Captions as a data set: every caption is a query for its own picture."""
    own = [row for row in rows if row.picture]
    pictures = {name: index for index, name in enumerate(dict.fromkeys(r.picture for r in own))}
    return Data(
        name=name,
        kind=DataKind.CAPTIONS,
        pictures=tuple(pictures),
        texts=tuple(row.text for row in own),
        right=RightPairs.of(list(range(len(own))), [pictures[row.picture] for row in own]),
        queries=_queries(rows, pictures),
        swapped=_swapped(own, pictures, Random(seed)) if swaps else (),
    )


def _queries(rows: list[Captioned], pictures: dict[str, int]) -> tuple[LabelledQuery, ...]:
    """What is present and absent, where the file says what is absent."""
    if all(row.picture for row in rows):
        return ()
    return tuple(
        LabelledQuery(text=row.text, answers=(pictures[row.picture],), kind=QueryKind.PRESENT)
        if row.picture
        else LabelledQuery(text=row.text, answers=(), kind=QueryKind.ABSENT)
        for row in rows
    )


def _swapped(
    rows: list[Captioned], pictures: dict[str, int], random: Random
) -> tuple[SwappedPair, ...]:
    said_of: dict[str, list[str]] = {}
    for row in rows:
        said_of.setdefault(row.picture, []).append(row.text)
    chosen = rows if len(rows) <= MOST_SWAPS else random.sample(rows, MOST_SWAPS)
    pairs = []
    for row in chosen:
        variant = random_variant(row.text, said_of[row.picture], random)
        if variant is not None:
            pairs.append(
                SwappedPair(
                    true=row.text,
                    false=variant.text,
                    picture=pictures[row.picture],
                    attribute=variant.attribute,
                )
            )
    return tuple(pairs)


def _rows(path: Path, content: str) -> Iterator[Captioned]:
    if path.suffix.lower() == ".json":
        yield from _json_rows(path, content)
        return
    first = content.split("\n", 1)[0]
    if _TOKEN.fullmatch(first.rstrip("\r")):
        yield from _token_rows(path, content)
    else:
        yield from _csv_rows(path, content, first)


def _token_rows(path: Path, content: str) -> Iterator[Captioned]:
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        found = _TOKEN.fullmatch(line)
        if found is None:
            raise RequestError(
                f"{path}, line {number}: expected NAME#N, a tab and a caption", field="data"
            )
        yield Captioned(found["picture"], found["text"].strip())


def _csv_rows(path: Path, content: str, first: str) -> Iterator[Captioned]:
    delimiter = max("\t,;|", key=first.count)
    reader = csv.DictReader(io.StringIO(content), delimiter=delimiter, skipinitialspace=True)
    names = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    picture = next((names[name] for name in _PICTURE if name in names), None)
    text = next((names[name] for name in _TEXT if name in names), None)
    if picture is None or text is None:
        raise RequestError(
            f"{path} is not {_FORMATS}",
            hint="A CSV file needs a head with a column `image` and a column `caption`; a split"
            " and captions without an image, which no picture answers, are understood too.",
            field="data",
        )
    split = names.get("split", "")
    for row in reader:
        yield Captioned(
            (row[picture] or "").strip(), (row[text] or "").strip(), (row.get(split) or "").strip()
        )


def _json_rows(path: Path, content: str) -> Iterator[Captioned]:
    try:
        held = json.loads(content)
        if "annotations" in held:
            yield from _coco(held)
        else:
            yield from _karpathy(held)
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{path} is not {_FORMATS}: {type(error).__name__} {error}",
            hint="Karpathy's JSON holds `images` with `filename` and `sentences`; COCO's holds"
            " `images` with `id` and `file_name`, and `annotations` with `image_id` and `caption`.",
            field="data",
        ) from error


def _karpathy(held: dict[str, list[dict[str, object]]]) -> Iterator[Captioned]:
    for image in held["images"]:
        folder = str(image.get("filepath") or "")
        name = f"{folder}/{image['filename']}" if folder else str(image["filename"])
        sentences = image["sentences"]
        if not isinstance(sentences, list):
            raise TypeError("sentences are not a list")
        for sentence in sentences:
            yield Captioned(name, str(sentence["raw"]).strip(), str(image.get("split", "")))


def _coco(held: dict[str, list[dict[str, object]]]) -> Iterator[Captioned]:
    names = {image["id"]: str(image["file_name"]) for image in held["images"]}
    for annotation in held["annotations"]:
        yield Captioned(names[annotation["image_id"]], str(annotation["caption"]).strip())


_ARTICLE = re.compile(r"^(a|an|the) ", re.IGNORECASE)


def classes_data(folder: Path, templates: Sequence[str], names: Mapping[str, str]) -> Data:
    """A folder whose folders are classes, as a data set; pictures go by their absolute path.

    Raises RequestError where no folder holds a picture, or a template has no place for the name.
    """
    for template in templates:
        if "{}" not in template:
            raise RequestError(
                f"the template {template!r} has no place {{}} for a name", field="templates"
            )
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
            field="data",
        )
    words = [names.get(name, name.replace("_", " ").strip()) for name, _ in held]
    owners = [number for number, (_, paths) in enumerate(held) for _ in paths]
    return Data(
        name=folder.name or str(folder),
        kind=DataKind.CLASSES,
        pictures=tuple(str(path) for _, paths in held for path in paths),
        texts=tuple(words),
        right=RightPairs.of(owners, list(range(len(owners)))),
        wordings=tuple(tuple(t.replace("{}", word) for t in templates) for word in words),
    )


def words_data(name: str, rows: Iterable[Captioned], texts: Iterable[str]) -> Data:
    """Words as queries for the pictures whose captions hold them; the others are absent.

    An article at the start of a text is not looked for, a text with a sense in brackets is left
    out, and a word is held by a caption in which it, or its plural in -s or -es, stands whole.
    """
    said_of: dict[str, list[str]] = {}
    for row in rows:
        if row.picture:
            said_of.setdefault(row.picture, []).append(row.text.lower())
    spaced = [f" {re.sub(r'[^a-z]+', ' ', ' '.join(some))} " for some in said_of.values()]
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
            field="words",
        )
    return Data(
        name=name,
        kind=DataKind.WORDS,
        pictures=tuple(said_of),
        texts=tuple(held),
        right=RightPairs.of(
            [number for number, found in enumerate(held.values()) for _ in found],
            [picture for found in held.values() for picture in found],
        ),
        queries=(
            *(
                LabelledQuery(text=t, answers=tuple(found), kind=QueryKind.PRESENT)
                for t, found in held.items()
            ),
            *(LabelledQuery(text=text, answers=(), kind=QueryKind.ABSENT) for text in absent),
        ),
    )


def read_words(path: Path) -> list[str]:
    """The lines of a file of words; RequestError where it cannot be read or is empty."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read as text: {error}", field="words") from error
    words = [line.strip() for line in lines if line.strip()]
    if not words:
        raise RequestError(f"{path} holds no words", field="words")
    return words


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
