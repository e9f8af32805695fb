"""Captions, classes and words are read from the formats of the field."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import RequestError
from engine.evaluation.readers import (
    Captioned,
    captions_data,
    classes_data,
    read_captions,
    words_data,
)
from engine.evaluation.sources import read_raw, roots_of, scenes_data
from engine.requests import EvaluateRequest
from engine.search.word_lists import read_words
from tests.shared_data import DATA, needs

TOKEN = "a.jpg#0\tA brown dog .\na.jpg#1\tA dog runs .\n\nb.jpg#0\tTwo cats .\n"


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def rows(path: Path, split: str = "test") -> list[tuple[str, str]]:
    return [(row.picture, row.text) for row in read_captions(path, split)]


def test_a_token_file_is_read(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "results.token", TOKEN)) == [
        ("a.jpg", "A brown dog ."),
        ("a.jpg", "A dog runs ."),
        ("b.jpg", "Two cats ."),
    ]


def test_karpathys_json_is_read_by_split(tmp_path: Path) -> None:
    images = [
        {"filename": "a.jpg", "split": "train", "sentences": [{"raw": "a dog"}]},
        {"filename": "b.jpg", "split": "test", "filepath": "val", "sentences": [{"raw": " cat "}]},
    ]
    path = write(tmp_path, "dataset.json", {"images": images})
    assert rows(path) == [("val/b.jpg", "cat")]
    assert rows(path, "") == [("a.jpg", "a dog"), ("val/b.jpg", "cat")]
    with pytest.raises(RequestError, match="no split 'val'") as caught:
        rows(path, "val")
    assert "test, train" in caught.value.hint


def test_cocos_json_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "captions_val2017.json",
        {
            "images": [{"id": 7, "file_name": "000007.jpg"}],
            "annotations": [{"image_id": 7, "caption": "A dog.\n"}],
        },
    )
    assert rows(path) == [("000007.jpg", "A dog.")]


@pytest.mark.parametrize(
    "content",
    [
        'image,caption\na.jpg,"a dog, brown"\n,a unicorn\n',
        "filename\ttext\na.jpg\ta dog, brown\n\ta unicorn\n",
        "image_name| comment\na.jpg| a dog, brown\n| a unicorn\n",
    ],
)
def test_csv_is_read_and_a_caption_without_a_picture_is_absent(
    tmp_path: Path, content: str
) -> None:
    path = write(tmp_path, "data.csv", content)
    assert rows(path) == [("a.jpg", "a dog, brown"), ("", "a unicorn")]
    data = captions_data("data", read_captions(path, ""), swaps=False, seed=0)
    assert [(query.text, query.present) for query in data.queries] == [
        ("a dog, brown", True),
        ("a unicorn", False),
    ]
    assert data.texts == ("a dog, brown",)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.csv", "name,words\na,b\n", "not a Flickr token file"),
        ("x.json", "{", "it is no JSON"),
        ("x.json", '{"images": [{"filename": "a"}]}', "there is no 'sentences'"),
        ("x.token", "a.jpg#0\tdog\nbroken\n", "line 2"),
        ("x.csv", "image,caption\n", "no captions"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: str, told: str
) -> None:
    with pytest.raises(RequestError, match=told):
        read_captions(write(tmp_path, name, content), "")


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_lines_end_at_line_ends_alone(tmp_path: Path, character: str) -> None:
    caption = f"A cat{character}looks at the camera"
    content = f"a.jpg#0\tA small dog\r\nb.jpg#0\t{caption}\r\n"
    assert rows(write(tmp_path, "x.token", content)) == [
        ("a.jpg", "A small dog"),
        ("b.jpg", caption),
    ]
    table = f"image,caption\na.jpg,A small dog\nb.jpg,{caption}\n"
    assert rows(write(tmp_path, "x.csv", table))[1] == ("b.jpg", caption)
    assert read_words(write(tmp_path, "w.txt", f"a{character}b\nc\n")) == [f"a{character}b", "c"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.token", b"a.jpg#0\tdog\nb.jpg#0\tc\xffat\n", "line 2 is not UTF-8"),
        ("x.token", b"a.jpg#0\tdog\n\nb.jpg cat\n", "line 3: expected NAME#N"),
        ("x.csv", b"image,caption\na.jpg,dog\nb.jpg\n", "line 3: expected 2 columns, found 1"),
        ("x.csv", b'image,caption\na.jpg,"a dog\nb.jpg,cat\n', "line 3: unexpected end"),
        ("x.csv", b"image,caption\na.jpg," + b"x" * 200_000, "line 2: field larger"),
        ("x.json", b"[" * 100_000, "nested"),
        ("x.json", b'{"images": [{"filename": 5, "sentences": []}]}', "image 1 has a number"),
        ("x.json", b'{"images": {"a": 1}}', "no list where one belongs"),
        ("x.json", b'{"images": [5]}', "no object where one belongs"),
        ("x.json", b'{"images": [], "annotations": [{"image_id": 1, "caption": "x"}]}',
         "annotation 1 is of an image that is not listed"),
        ("x.json", b'{"images": [{"id": {}, "file_name": "a"}], "annotations": []}', "no id"),
        ("x.json", b'{"images": [{"filename": "a.jpg", "sentences": [{"raw": "\\ud800"}]}]}',
         "half of a character"),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RequestError, match=told):
        read_captions(tmp_path / name, "")


def test_a_device_is_no_file_of_captions(tmp_path: Path) -> None:
    (tmp_path / "x.token").symlink_to("/dev/zero")
    with pytest.raises(RequestError, match="no file"):
        read_captions(tmp_path / "x.token", "")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.token"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestError, match="cannot be read as text"):
        read_captions(path, "")


def test_a_swapped_caption_is_not_true_by_another_caption_of_its_picture() -> None:
    told = [Captioned("a.jpg", "a red ball"), Captioned("a.jpg", "a blue ball")]
    for seed in range(30):
        data = captions_data("d", told, swaps=True, seed=seed)
        assert len(data.swapped) == 2
        for pair in data.swapped:
            assert pair.attribute == "colour"
            assert "red" not in pair.false
            assert "blue" not in pair.false


def test_folders_are_classes_with_a_prompt_for_each(tmp_path: Path) -> None:
    names = ("cane/1.jpg", "cane/deep/2.png", "gatto/1.webp", "empty/x.txt", ".hidden/1.jpg")
    leavings = ("@eaDir/1.jpg/M.jpg", "cane/@eaDir/1.jpg/M.jpg", "gatto/#recycle/3.jpg")
    for name in (*names, *leavings):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    data = classes_data(tmp_path, ("a {}.", "a photo of a {}."), {"cane": "dog"})
    assert data.texts == ("dog", "gatto")
    assert data.wordings[0] == ("a dog.", "a photo of a dog.")
    assert [Path(data.pictures[i]).name for i in data.right.picture] == ["1.jpg", "2.png", "1.webp"]
    assert data.right.text.tolist() == [0, 0, 1]
    with pytest.raises(RequestError, match="no place"):
        classes_data(tmp_path, ("a dog",), {})
    with pytest.raises(RequestError, match="no folders of pictures"):
        classes_data(tmp_path / "empty", ("a {}",), {})


def test_words_are_found_whole_and_in_the_plural() -> None:
    told = [
        Captioned("a.jpg", "Two dogs and a hotdog"),
        Captioned("b.jpg", "A hotdog"),
        Captioned("b.jpg", "a bus"),
    ]
    data = words_data("d", told, ["a dog", "the bus", "a cat", "a bat (animal)", "a hotdog"])
    held = {(data.texts[t], data.pictures[p]) for t, p in zip(*_pairs(data.right), strict=True)}
    assert held == {
        ("a dog", "a.jpg"), ("the bus", "b.jpg"), ("a hotdog", "a.jpg"), ("a hotdog", "b.jpg"),
    }  # fmt: skip
    assert [query.text for query in data.queries if not query.present] == ["a cat"]
    with pytest.raises(RequestError, match="none of the words"):
        words_data("d", told, ["a cat"])


def _pairs(right: object) -> tuple[list[int], list[int]]:
    return list(right.text), list(right.picture)  # type: ignore[attr-defined]


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no file or folder"):
        read_raw(EvaluateRequest(data=str(tmp_path / "none")))


def test_pictures_are_looked_for_beside_the_captions(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    path = write(tmp_path, "results.token", TOKEN)
    assert roots_of(EvaluateRequest(data=str(path))) == (tmp_path / "images", tmp_path)
    given = EvaluateRequest(data=str(path), images=tmp_path / "other")
    assert roots_of(given) == (tmp_path / "other",)


@needs("flickr8k")
def test_the_captions_of_flickr8k_are_read() -> None:
    raw = read_raw(EvaluateRequest(data=str(DATA / "flickr8k" / "results.token"), swaps=False))
    assert (len(raw.data.texts), len(raw.data.pictures)) == (3750, 750)
    assert raw.data.single_right


def test_a_query_whose_pictures_are_left_out_is_absent() -> None:
    """Else a part of the data would be asked for what it does not hold, and blamed for it."""
    told = [Captioned(f"{name}.jpg", f"a {name}") for name in ("dog", "cat", "dog cat")]
    data = words_data("d", told, ["a dog", "a cat", "a fish"])
    assert [query.answers for query in data.queries] == [(0, 2), (1, 2), ()]
    part = data.narrowed(np.array([0]), np.array([0]))
    assert [(query.text, query.answers, query.kind) for query in part.queries] == [
        ("a dog", (0,), "present"),
        ("a cat", (), "absent"),
        ("a fish", (), "absent"),
    ]


def test_the_storybooks_queries_know_the_pictures_that_answer_them() -> None:
    data = scenes_data("en")
    answered = {query.kind: query.present for query in data.queries}
    assert answered == {"satisfied": True, "absent": False, "foreign": False}
    assert all(query.present == (query.kind == "satisfied") for query in data.queries)
