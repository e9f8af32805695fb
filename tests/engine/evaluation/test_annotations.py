"""NUS-WIDE, Flickr30K Entities and COCO's instances are read as they are published."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import RequestError
from engine.evaluation.annotations import phrases_of
from engine.evaluation.data import Data
from engine.evaluation.regions import RegionBox
from engine.evaluation.sources import read_raw, roots_of
from engine.requests import EvaluateRequest
from engine.states import DataKind


def read(path: Path, split: str = "test") -> Data:
    return read_raw(EvaluateRequest(data=str(path), split=split, templates=("a photo of {}",))).data


def right(data: Data) -> set[tuple[str, str]]:
    """The pairs of a text and a picture that belong together."""
    pairs = zip(data.right.text.tolist(), data.right.picture.tolist(), strict=True)
    return {(data.texts[text], data.pictures[picture]) for text, picture in pairs}


@pytest.fixture
def nus_wide(tmp_path: Path) -> Path:
    """Three test pictures and one to train on, with Windows' line ends, as the originals have."""
    folder = tmp_path / "NUS-WIDE"
    labels = folder / "Groundtruth" / "TrainTestLabels"
    (folder / "ImageList").mkdir(parents=True)
    labels.mkdir(parents=True)
    (folder / "Groundtruth" / "AllLabels").mkdir()
    names = ["actor\\0001_21.jpg", "zoo\\0002_22.jpg", "zoo\\0003_23.jpg"]
    (folder / "ImageList" / "TestImagelist.txt").write_bytes("\r\n".join([*names, ""]).encode())
    (folder / "ImageList" / "TrainImagelist.txt").write_text("beach\\0004_24.jpg\n")
    (folder / "ImageList" / "Imagelist.txt").write_text("".join(f"{n}\n" for n in names))
    for word, marks in (("airport", "000"), ("dog", "110"), ("person", "011")):
        (labels / f"Labels_{word}_Test.txt").write_text("".join(f"{each} \r\n" for each in marks))
        (labels / f"Labels_{word}_Train.txt").write_text("1\n")
        everywhere = folder / "Groundtruth" / "AllLabels" / f"Labels_{word}.txt"
        everywhere.write_text("".join(f"{each}\n" for each in reversed(marks)))
    return folder


def test_nus_wides_concepts_are_queries_with_every_picture_that_shows_them(nus_wide: Path) -> None:
    data = read(nus_wide)
    assert data.kind is DataKind.WORDS
    assert data.pictures == ("actor/0001_21.jpg", "zoo/0002_22.jpg", "zoo/0003_23.jpg")
    assert data.texts == ("dog", "person"), "a word that no picture shows is no query"
    assert right(data) == {
        ("dog", "actor/0001_21.jpg"),
        ("dog", "zoo/0002_22.jpg"),
        ("person", "zoo/0002_22.jpg"),
        ("person", "zoo/0003_23.jpg"),
    }
    assert data.wordings == (("a photo of dog",), ("a photo of person",))
    assert read(nus_wide, "train").pictures == ("beach/0004_24.jpg",)
    assert ("dog", "zoo/0003_23.jpg") in right(read(nus_wide, ""))


def test_pictures_of_nus_wide_lie_beside_its_lists_or_where_they_are_said_to(
    nus_wide: Path, tmp_path: Path
) -> None:
    (nus_wide / "Flickr").mkdir()
    request = EvaluateRequest(data=str(nus_wide))
    assert roots_of(request) == (nus_wide / "Flickr", nus_wide)
    assert roots_of(EvaluateRequest(data=str(nus_wide), images=tmp_path)) == (tmp_path,)


def test_what_does_not_fit_is_said_with_file_and_line(nus_wide: Path) -> None:
    path = nus_wide / "Groundtruth" / "TrainTestLabels" / "Labels_dog_Test.txt"
    path.write_text("1\n2\n0\n")
    with pytest.raises(RequestError, match=r"Labels_dog_Test\.txt, line 2: expected 0 or 1"):
        read(nus_wide)
    path.write_text("1\n0\n")
    with pytest.raises(RequestError, match="has 2 lines for 3 pictures"):
        read(nus_wide)
    with pytest.raises(RequestError, match="no split 'val'"):
        read(nus_wide, "val")
    (nus_wide / "ImageList" / "TestImagelist.txt").unlink()
    with pytest.raises(RequestError, match=r"no ImageList/TestImagelist\.txt"):
        read(nus_wide)


SENTENCES = """\
[/EN#7/people Two young guys] with [/EN#8/bodyparts/other shaggy hair] look at [/EN#0/notvisual each other] .
[/EN#7/people Two young , White males] are outside near [/EN#9/scene many bushes] .
"""  # noqa: E501
ANNOTATION = """\
<annotation>
  <filename>1.jpg</filename>
  <size><width>200</width><height>100</height><depth>3</depth></size>
  <object><name>7</name><bndbox><xmin>1</xmin><ymin>51</ymin><xmax>50</xmax><ymax>100</ymax></bndbox></object>
  <object><name>7</name><name>8</name><bndbox><xmin>101</xmin><ymin>1</ymin><xmax>150</xmax><ymax>25</ymax></bndbox></object>
  <object><name>9</name><scene>1</scene><nobndbox>0</nobndbox></object>
</annotation>
"""


@pytest.fixture
def entities(tmp_path: Path) -> Path:
    """A picture with two sentences and boxes of two chains, and another without."""
    folder = tmp_path / "entities"
    (folder / "Sentences").mkdir(parents=True)
    (folder / "Annotations").mkdir()
    (folder / "Sentences" / "1.txt").write_text(SENTENCES)
    (folder / "Annotations" / "1.xml").write_text(ANNOTATION)
    (folder / "Sentences" / "2.txt").write_text("[/EN#11/animals A dog] runs .\n")
    size = "<size><width>10</width><height>10</height></size>"
    (folder / "Annotations" / "2.xml").write_text(f"<annotation>{size}</annotation>")
    return folder


def test_entities_are_captions_with_phrases_that_have_boxes(entities: Path) -> None:
    data = read(entities)
    assert data.kind is DataKind.CAPTIONS
    assert data.pictures == ("1.jpg", "2.jpg")
    assert data.texts == (
        "Two young guys with shaggy hair look at each other .",
        "Two young , White males are outside near many bushes .",
        "A dog runs .",
    )
    assert data.right.picture.tolist() == [0, 0, 1]
    low, high = (
        RegionBox(left=0, top=0.5, right=0.25, bottom=1),
        RegionBox(left=0.5, top=0, right=0.75, bottom=0.25),
    )
    assert [(each.text, each.kind, each.areas) for each in data.regions] == [
        ("two young guys", "people", (low, high)),
        ("shaggy hair", "bodyparts", (high,)),
        ("two young , white males", "people", (low, high)),
    ]
    assert {each.picture for each in data.regions} == {0}
    assert "shaggy hair" in data.spoken()


def test_a_split_of_entities_is_taken_from_its_list(entities: Path) -> None:
    (entities / "test.txt").write_text("2\n")
    assert read(entities).pictures == ("2.jpg",)
    assert read(entities, "").pictures == ("1.jpg", "2.jpg")


def test_regions_follow_their_pictures_when_data_is_narrowed(entities: Path) -> None:
    data = read(entities)
    assert data.narrowed(np.array([1]), np.array([2])).regions == ()
    kept = data.narrowed(np.array([0]), np.array([0, 1])).regions
    assert len(kept) == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<annotation>\n<size>", r"1\.xml cannot be read: line 2"),
        ("<annotation/>", r"1\.xml cannot be read: it tells no size"),
        (ANNOTATION.replace(">51<", ">high<"), "bndbox has no whole number ymin"),
        (ANNOTATION.replace(">200<", ">0<"), "its size is no size"),
        (f"<!DOCTYPE a>{ANNOTATION}", "document type"),
    ],
)
def test_a_damaged_annotation_is_named(entities: Path, content: str, reason: str) -> None:
    (entities / "Annotations" / "1.xml").write_text(content)
    with pytest.raises(RequestError, match=reason):
        read(entities)


def test_phrases_keep_their_chain_and_first_type() -> None:
    (one, two) = phrases_of("[/EN#12/vehicles/other A  Red car] by [/EN#3/scene the sea] .")
    assert (one.text, one.chain, one.kind) == ("a red car", "12", "vehicles")
    assert two.text == "the sea"


def instances(**changes: object) -> dict[str, object]:
    found: dict[str, object] = {
        "images": [
            {"id": 5, "file_name": "5.jpg", "width": 100, "height": 50},
            {"id": 6, "file_name": "6.jpg", "width": 10, "height": 10},
        ],
        "categories": [
            {"id": 1, "name": "person"},
            {"id": 18, "name": "elephant"},
            {"id": 90, "name": "toothbrush"},
        ],
        "annotations": [
            {"id": 1, "image_id": 5, "category_id": 18, "bbox": [10, 5, 40, 20], "iscrowd": 0},
            {"id": 2, "image_id": 5, "category_id": 18, "bbox": [60, 5.5, 10, 10], "iscrowd": 0},
            {"id": 3, "image_id": 6, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        ],
    }
    return {**found, **changes}


def test_cocos_instances_are_queries_by_category_with_their_boxes(tmp_path: Path) -> None:
    path = tmp_path / "instances_val2017.json"
    path.write_text(json.dumps(instances()))
    data = read(path)
    assert (data.name, data.kind) == ("instances_val2017", DataKind.WORDS)
    assert data.texts == ("person", "elephant"), "a category without an instance is no query"
    assert right(data) == {("elephant", "5.jpg"), ("person", "6.jpg")}
    (region,) = data.regions
    assert (region.text, region.kind, region.picture) == ("an elephant", "elephant", 0)
    assert region.areas == (
        RegionBox(left=0.1, top=0.1, right=0.5, bottom=0.5),
        RegionBox(left=0.6, top=0.11, right=0.7, bottom=0.31),
    )
    assert roots_of(EvaluateRequest(data=str(path)))[-1] == tmp_path


def segmented(*segmentations: object, **more: object) -> dict[str, object]:
    """Instances of an elephant in the first picture, with masks."""
    return instances(
        annotations=[
            {"image_id": 5, "category_id": 18, "bbox": [0, 0, 99, 49], "segmentation": each, **more}
            for each in segmentations
        ]
    )


def held(path: Path, values: object, *points: tuple[float, float]) -> list[bool]:
    """Which points lie where the only region is."""
    path.write_text(json.dumps(values))
    (region,) = read(path).regions
    across, down = np.array(points).T
    return [bool(each) for each in region.holds(across, down)]


def test_cocos_masks_stand_before_its_boxes(tmp_path: Path) -> None:
    """A triangle at the left and another at the right are one instance, in 100 x 50 pixels."""
    path = tmp_path / "i.json"
    points = [(0.05, 0.1), (0.15, 0.9), (0.9, 0.5), (0.5, 0.5)]
    left, right = [0, 0, 20, 0, 0, 50], [80.0, 0, 100, 0, 100, 50]
    assert held(path, segmented([left, right]), *points) == [True, False, True, False]
    # Runs go column by column, plain or packed.
    plain = {"size": [4, 4], "counts": [5, 2, 2, 2, 5]}
    assert held(path, segmented(plain), (0.3, 0.3), (0.6, 0.6), (0.1, 0.1)) == [True, True, False]
    packed = {"size": [20, 30], "counts": "c2<8000000FL44LL44LL44LL44600000000000000U6"}
    assert held(path, segmented(packed), (0.2, 0.2), (0.3, 0.3)) == [True, False]
    # An empty mask is none.
    for nothing in ([], [[3, 4]], None):
        assert held(path, segmented(nothing), (0.5, 0.5)) == [True]


def test_a_crowd_is_where_its_mask_is_and_without_one_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "i.json"
    crowd = {"size": [2, 2], "counts": [2, 2]}
    assert held(path, segmented(crowd, iscrowd=1), (0.7, 0.5), (0.2, 0.5)) == [True, False]
    path.write_text(json.dumps(segmented([], iscrowd=1)))
    assert read(path).regions == ()


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        ([[1, 2, 3]], "pairs of numbers"),
        ([["a", "b"]], "annotation 1"),
        ([3], "pairs of numbers"),
        ({"counts": [4]}, "no size of two numbers"),
        ({"counts": [3], "size": [2, 2]}, "runs of 3 pixels for a mask of 4"),
        ({"counts": [-1, 5], "size": [2, 2]}, "no less than nothing"),
        ({"counts": "oooooooo0", "size": [2, 2]}, "packed in another way"),
        ({"counts": 4, "size": [2, 2]}, "no counts"),
        ({"counts": [4], "size": [2.5, 2]}, "annotation 1: a float is no whole number"),
    ],
)
def test_a_damaged_mask_is_named(tmp_path: Path, mask: object, reason: str) -> None:
    path = tmp_path / "i.json"
    path.write_text(json.dumps(segmented(mask)))
    with pytest.raises(RequestError, match=reason):
        read(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"images": [{"id": 5, "file_name": "5.jpg"}]}, "there is no 'width'"),
        ({"images": []}, "annotation 1 is of an image or a category that is not listed"),
        (
            {"annotations": [{"image_id": 5, "category_id": 18, "bbox": [1, 2]}]},
            "annotation 1: it has no bbox of four numbers",
        ),
        (
            {"images": [{"id": 5, "file_name": "5.jpg", "width": 0, "height": 9}]},
            "image 1 has no size",
        ),
    ],
)
def test_damaged_instances_are_named(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    path = tmp_path / "i.json"
    path.write_text(json.dumps({**instances(**changes), "info": "bbox"}))
    with pytest.raises(RequestError, match=reason):
        read(path)
