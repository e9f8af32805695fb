"""Reads captioned pictures: Flickr's token files, Karpathy's and COCO's JSON, CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine import disk
from engine.errors import RequestError
from engine.evaluation.data import (
    Data,
    LabelledQuery,
    SwappedPair,
)
from engine.evaluation.swaps import random_variant
from engine.file_types import SUFFIXES
from engine.library.left_out import is_never_a_picture
from engine.scoring.metrics import RightPairs
from engine.states import DataKind, QueryKind
from engine.untrusted.documents import Json, kind_of, lines_of, parse_object, read_text

MOST_SWAPS = 2000
MOST_BYTES = 1 << 30
"""Of a file of captions; COCO's largest has 90 MB."""
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
        content = read_text(path, MOST_BYTES)
    except (OSError, ValueError) as error:
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
    for number, line in enumerate(lines_of(content), 1):
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
    lines = io.StringIO(content, newline="")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        picture = next((head.index(name) for name in _PICTURE if name in head), None)
        text = next((head.index(name) for name in _TEXT if name in head), None)
        if picture is None or text is None:
            raise RequestError(
                f"{path} is not {_FORMATS}",
                hint="A CSV file needs a head with a column `image` and a column `caption`; a split"
                " and captions without an image, which no picture answers, are understood too.",
                field="data",
            )
        split = head.index("split") if "split" in head else None
        for row in reader:
            if not any(row):
                continue
            if len(row) <= max(picture, text):
                raise RequestError(
                    f"{path}, line {reader.line_num}: expected {len(head)} columns, found"
                    f" {len(row)}",
                    field="data",
                )
            part = row[split].strip() if split is not None and split < len(row) else ""
            yield Captioned(row[picture].strip(), row[text].strip(), part)
    except csv.Error as error:
        raise RequestError(
            f"{path}, line {reader.line_num}: {error}",
            hint="A text that holds a quotation mark or a line end stands in quotation marks.",
            field="data",
        ) from error


def _json_rows(path: Path, content: str) -> Iterator[Captioned]:
    try:
        held = parse_object(content)
        yield from _coco(held) if "annotations" in held else _karpathy(held)
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{path} is not {_FORMATS}: {reason(error)}",
            hint="Karpathy's JSON holds `images` with `filename` and `sentences`; COCO's holds"
            " `images` with `id` and `file_name`, and `annotations` with `image_id` and `caption`.",
            field="data",
        ) from error


def reason(error: Exception) -> str:
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)


def _karpathy(held: Mapping[str, Json]) -> Iterator[Captioned]:
    for number, image in enumerate(objects_in(held["images"]), 1):
        where = f"image {number}"
        folder = _text(image.get("filepath") or "", where)
        name = _text(image["filename"], where)
        name = f"{folder}/{name}" if folder else name
        for sentence in objects_in(image["sentences"]):
            text = _text(sentence["raw"], where)
            yield Captioned(name, text.strip(), _text(image.get("split", ""), where))


def _coco(held: Mapping[str, Json]) -> Iterator[Captioned]:
    names: dict[object, str] = {}
    for number, image in enumerate(objects_in(held["images"]), 1):
        names[_id(image["id"])] = _text(image["file_name"], f"image {number}")
    for number, annotation in enumerate(objects_in(held["annotations"]), 1):
        where = f"annotation {number}"
        picture = names.get(_id(annotation["image_id"]))
        if picture is None:
            raise ValueError(f"{where} is of an image that is not listed")
        yield Captioned(picture, _text(annotation["caption"], where).strip())


def objects_in(value: Json) -> Iterator[Mapping[str, Json]]:
    """The objects of a list. Raises TypeError for anything else."""
    if not isinstance(value, list):
        raise TypeError("there is no list where one belongs")
    for each in value:
        if not isinstance(each, dict):
            raise TypeError("there is no object where one belongs")
        yield each


def _text(value: Json, where: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{where} has {kind_of(value)} where a text belongs")
    return value


def _id(value: Json) -> Json:
    if not isinstance(value, int | str):
        raise TypeError(f"{kind_of(value)} is no id")
    return value


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
        (below.name, sorted(path for path in disk.below(below) if _is_of_class(below, path)))
        for below in disk.entries(disk.from_root(folder))
        if disk.is_folder(below) and not below.name.startswith(".")
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


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _is_of_class(folder: Path, path: Path) -> bool:
    """Whether a file below the folder of a class is a picture that an index would take."""
    parts = path.relative_to(folder.parent).parts
    return _is_picture(path) and not any(is_never_a_picture(part) for part in parts)
