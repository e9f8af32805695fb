"""Reads what people marked in pictures: concepts, phrases with boxes, instances.

- NUS-WIDE (Chua et al. 2009): `Groundtruth/TrainTestLabels/Labels_WORD_Test.txt` with a 0 or a 1
  for each line of `ImageList/TestImagelist.txt`, the same for Train, and
  `Groundtruth/AllLabels/Labels_WORD.txt` for all of `ImageList/Imagelist.txt`.
- Flickr30K Entities (Plummer et al. 2017): `Sentences/ID.txt`, a caption a line with phrases as
  `[/EN#CHAIN/TYPE a brown dog]`, and `Annotations/ID.xml`, whose objects have the chains they
  belong to as `name` and a `bndbox` of whole pixels from 1.
- COCO's instances (Lin et al. 2014): `annotations` of `categories` with `bbox` [left, top, width,
  height] in pixels and `segmentation`: polygons [x, y, x, y ...] in pixels, whose union is meant,
  or `counts` and `size`, the lengths of runs column by column, plain or packed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from engine import disk
from engine.errors import RequestError
from engine.evaluation.data import Data
from engine.evaluation.readers import objects_in, reason
from engine.evaluation.regions import (
    Area,
    Region,
    RegionBox,
    RegionMask,
    RegionOutline,
    unpacked_counts,
)
from engine.evaluation.swaps import takes_an
from engine.scoring.metrics import RightPairs
from engine.states import DataKind
from engine.untrusted.documents import Json, finite_number, lines_of, parse_object, read_text
from engine.untrusted.markup import read_xml

MOST_BYTES = 1 << 30
_SPLITS = {"test": "Test", "train": "Train", "": ""}
_LABELS = re.compile(r"Labels_(?P<word>.+?)(?P<split>_Train|_Test)?\.txt")
_PHRASE = re.compile(r"\[/EN#(?P<chain>\d+)(?P<types>(?:/[\w-]+)+) (?P<phrase>[^\]]+)\]")


def is_nus_wide(folder: Path) -> bool:
    """Whether a folder is NUS-WIDE's, by the folder of its labels."""
    return disk.is_folder(folder / "Groundtruth") or disk.is_folder(folder / "TrainTestLabels")


def is_entities(folder: Path) -> bool:
    """Whether a folder is that of Flickr30K Entities."""
    return disk.is_folder(folder / "Annotations") and disk.is_folder(folder / "Sentences")


def nus_wide_data(folder: Path, split: str, templates: Sequence[str]) -> Data:
    """NUS-WIDE's concepts as queries, each with every picture that shows it.

    Raises RequestError where files are missing or do not fit together.
    """
    if split not in _SPLITS:
        raise RequestError(
            f"NUS-WIDE has no split {split!r}",
            hint="There are: train and test; an empty split takes both.",
            field="split",
        )
    pictures = _listed_pictures(folder, _SPLITS[split])
    held = {}
    for word, path in sorted(_label_files(folder, _SPLITS[split])):
        rows = _shown_rows(path, len(pictures))
        if rows:
            held[word.replace("_", " ")] = rows
    if not held:
        raise RequestError(f"{folder} marks no picture with any word", field="data")
    return Data(
        name=folder.name or str(folder),
        kind=DataKind.WORDS,
        pictures=tuple(pictures),
        texts=tuple(held),
        right=RightPairs.of(
            [number for number, rows in enumerate(held.values()) for _ in rows],
            [row for rows in held.values() for row in rows],
        ),
        wordings=tuple(tuple(t.replace("{}", word) for t in templates) for word in held),
    )


def _listed_pictures(folder: Path, split: str) -> list[str]:
    """The names of pictures in the order of the labels, with slashes as paths have them."""
    name = f"{split}Imagelist.txt"
    places = (folder / "ImageList" / name, folder / name)
    path = next((each for each in places if disk.is_file(each)), None)
    if path is None:
        raise RequestError(
            f"there is no ImageList/{name} in {folder}",
            hint="NUS-WIDE lists its pictures there; the labels follow its order.",
            field="data",
        )
    names = [line.strip().replace("\\", "/") for line in _lines(path)]
    for number, each in enumerate(names, 1):
        if not each:
            raise RequestError(
                f"{path}, line {number}: expected the name of a picture", field="data"
            )
    return names


def _label_files(folder: Path, split: str) -> list[tuple[str, Path]]:
    """The words of a split, each with its file."""
    below = "TrainTestLabels" if split else "AllLabels"
    places = (folder / "Groundtruth" / below, folder / below)
    labels = next((each for each in places if disk.is_folder(each)), None)
    if labels is None:
        raise RequestError(f"there is no folder Groundtruth/{below} in {folder}", field="data")
    wanted = f"_{split}" if split else None
    found = [
        (named["word"], path)
        for path in disk.entries(labels)
        if (named := _LABELS.fullmatch(path.name)) is not None and named["split"] == wanted
    ]
    if not found:
        raise RequestError(f"{labels} holds no Labels_WORD{wanted or ''}.txt", field="data")
    return found


def _shown_rows(path: Path, pictures: int) -> list[int]:
    """The pictures that a file of labels marks, by their lines from 0."""
    marks = [line.strip() for line in _lines(path)]
    for number, mark in enumerate(marks, 1):
        if mark not in ("0", "1"):
            raise RequestError(f"{path}, line {number}: expected 0 or 1", field="data")
    if len(marks) != pictures:
        raise RequestError(
            f"{path} has {len(marks):,} lines for {pictures:,} pictures", field="data"
        )
    return [number for number, mark in enumerate(marks) if mark == "1"]


@dataclass(frozen=True, slots=True)
class MarkedPhrase:
    """A phrase of a caption and the chain of mentions that it belongs to."""

    text: str
    chain: str
    kind: str
    """Its first type: people, animals, scene ..."""


def entities_data(folder: Path, split: str) -> Data:
    """Flickr30K Entities: captions as queries for their pictures, phrases with their boxes.

    A split is taken from `train.txt`, `val.txt` or `test.txt` beside the folders, where they are;
    of other data of this kind all of it is taken. Phrases of the whole scene, or that no box is
    given for, have no region. Raises RequestError where a file cannot be read.
    """
    names = _ids(folder, split)
    pictures, texts = list[str](), list[str]()
    owners, regions = list[int](), list[Region]()
    for name in names:
        sentences = folder / "Sentences" / f"{name}.txt"
        lines = [line for line in _lines(sentences) if line.strip()]
        boxes = _boxes(folder / "Annotations" / f"{name}.xml")
        seen: dict[str, Region] = {}
        for line in lines:
            texts.append(" ".join(_PHRASE.sub(r"\g<phrase>", line).split()))
            owners.append(len(pictures))
            for phrase in phrases_of(line):
                if phrase.chain in boxes:
                    region = Region(
                        picture=len(pictures),
                        text=phrase.text,
                        kind=phrase.kind,
                        areas=boxes[phrase.chain],
                    )
                    seen.setdefault(phrase.text, region)
        regions += seen.values()
        pictures.append(f"{name}.jpg")
    return Data(
        name=folder.name or str(folder),
        kind=DataKind.CAPTIONS,
        pictures=tuple(pictures),
        texts=tuple(texts),
        right=RightPairs.of(list(range(len(texts))), owners),
        regions=tuple(regions),
    )


def phrases_of(line: str) -> list[MarkedPhrase]:
    """The phrases that are marked in a caption; those that show nothing have the chain 0."""
    return [
        MarkedPhrase(
            text=" ".join(found["phrase"].split()).lower(),
            chain=found["chain"],
            kind=found["types"].split("/")[1],
        )
        for found in _PHRASE.finditer(line)
        if found["chain"] != "0"
    ]


def _ids(folder: Path, split: str) -> list[str]:
    list_file = folder / f"{split}.txt"
    if split and disk.is_file(list_file):
        return [line.strip() for line in _lines(list_file) if line.strip()]
    found = [each.stem for each in disk.entries(folder / "Sentences") if each.suffix == ".txt"]
    if not found:
        raise RequestError(f"{folder}/Sentences holds no captions", field="data")
    return sorted(found)


def _boxes(path: Path) -> dict[str, tuple[RegionBox, ...]]:
    """The boxes of each chain, as shares of width and height."""
    try:
        root = read_xml(path)
        size = root.find("size")
        if size is None:
            raise ValueError("it tells no size")
        width, height = (_whole(size, name) for name in ("width", "height"))
        if width < 1 or height < 1:
            raise ValueError("its size is no size")
        found: dict[str, tuple[RegionBox, ...]] = {}
        for each in root.findall("object"):
            bounds = each.find("bndbox")
            if bounds is None:
                continue
            left, top = (_whole(bounds, name) - 1 for name in ("xmin", "ymin"))
            right, bottom = (_whole(bounds, name) for name in ("xmax", "ymax"))
            box = RegionBox(
                left=left / width, top=top / height, right=right / width, bottom=bottom / height
            )
            for name in each.findall("name"):
                chain = (name.text or "").strip()
                found[chain] = (*found.get(chain, ()), box)
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be read: {error}", field="data") from error
    return found


def _whole(parent: Element, name: str) -> int:
    child = parent.find(name)
    text = "" if child is None or child.text is None else child.text.strip()
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise ValueError(f"{parent.tag} has no whole number {name}")
    return int(text)


def read_instances(path: Path, templates: Sequence[str]) -> Data | None:
    """COCO's instances; None for another file. Raises RequestError for a damaged one."""
    if path.suffix.lower() != ".json":
        return None
    try:
        text = read_text(path, MOST_BYTES)
        if '"categories"' not in text or '"bbox"' not in text:
            return None
        return instances_data(path.stem, parse_object(text), templates)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{path} is no file of COCO's instances: {reason(error)}",
            hint="It holds `images` with `id`, `file_name`, `width` and `height`, `categories` with"
            " `id` and `name`, and `annotations` with `image_id`, `category_id`, `bbox` and, if"
            " there are masks, `segmentation`.",
            field="data",
        ) from error


def instances_data(name: str, held: Mapping[str, Json], templates: Sequence[str]) -> Data:
    """COCO's instances: categories as queries for every picture that holds one, and where.

    An instance is where its mask is, or its box where it has none. The box of a crowd covers what
    is not of it, so that one without a mask counts for retrieval alone.
    Raises ValueError, KeyError or TypeError where it is something else.
    """
    categories = {_number(each["id"]): str(each["name"]) for each in objects_in(held["categories"])}
    images: dict[int, tuple[int, str, float, float]] = {}
    for number, each in enumerate(objects_in(held["images"])):
        width, height = finite_number(each["width"]), finite_number(each["height"])
        if width <= 0 or height <= 0:
            raise ValueError(f"image {number + 1} has no size")
        images[_number(each["id"])] = number, str(each["file_name"]), width, height
    words = list(categories.values())
    rows = {each: number for number, each in enumerate(categories)}
    pairs, areas = set[tuple[int, int]](), dict[tuple[int, int], list[Area]]()
    for number, each in enumerate(objects_in(held["annotations"]), 1):
        image, category = images.get(_number(each["image_id"])), _number(each["category_id"])
        if image is None or category not in rows:
            raise ValueError(f"annotation {number} is of an image or a category that is not listed")
        pair = rows[category], image[0]
        pairs.add(pair)
        try:
            found = _coco_mask(each.get("segmentation"), image[2], image[3])
            if not (found or each.get("iscrowd")):
                found = [_coco_box(each["bbox"], image[2], image[3])]
        except (ValueError, TypeError) as error:
            raise ValueError(f"annotation {number}: {error}") from error
        if found:
            areas.setdefault(pair, []).extend(found)
    shown = sorted({row for row, _ in pairs})
    new = {row: number for number, row in enumerate(shown)}
    return Data(
        name=name,
        kind=DataKind.WORDS,
        pictures=tuple(each[1] for each in images.values()),
        texts=tuple(words[row] for row in shown),
        right=RightPairs.of([new[row] for row, _ in pairs], [picture for _, picture in pairs]),
        wordings=tuple(tuple(t.replace("{}", words[row]) for t in templates) for row in shown),
        regions=tuple(
            Region(
                picture=picture,
                text=f"{'an' if takes_an(words[row]) else 'a'} {words[row]}",
                kind=words[row],
                areas=tuple(some),
            )
            for (row, picture), some in areas.items()
        ),
    )


def _coco_mask(value: Json, width: float, height: float) -> list[Area]:
    """The polygons of an instance, or its mask; nothing where it has neither."""
    if isinstance(value, list):
        outlines = [_coco_outline(each, width, height) for each in value]
        return [each for each in outlines if len(each.corners) > 2]
    if not isinstance(value, Mapping):
        return []
    counts, size = value.get("counts"), value.get("size")
    if not isinstance(size, list) or len(size) != 2:
        raise ValueError("its mask has no size of two numbers")
    if isinstance(counts, str):
        lengths = unpacked_counts(counts)
    elif isinstance(counts, list):
        lengths = [_number(each) for each in counts]
    else:
        raise ValueError("its mask has no counts")
    return [RegionMask.of_counts(lengths, *map(_number, size))]


def _coco_outline(value: Json, width: float, height: float) -> RegionOutline:
    if not isinstance(value, list) or len(value) % 2:
        raise ValueError("a polygon is no list of pairs of numbers")
    pixels = np.array([finite_number(each) for each in value], np.float64)
    return RegionOutline(corners=pixels.reshape(-1, 2) / (width, height))


def _coco_box(value: Json, width: float, height: float) -> RegionBox:
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError("it has no bbox of four numbers")
    left, top, across, down = map(finite_number, value)
    return RegionBox(
        left=left / width,
        top=top / height,
        right=(left + across) / width,
        bottom=(top + down) / height,
    )


def _number(value: Json) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a {type(value).__name__} is no whole number")
    return value


def _lines(path: Path) -> list[str]:
    try:
        return lines_of(read_text(path, MOST_BYTES))
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be read as text: {error}", field="data") from error
