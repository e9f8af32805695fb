"""Descriptions of growing detail against pictures, on imported vectors, without a model."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.collections import BUILT_IN
from engine.comparing.beside import beside
from engine.comparing.comparer import added, chosen
from engine.comparing.comparison import (
    Comparison,
    ComparisonRequest,
    Description,
    DescriptionScores,
    PictureScores,
    load_request,
    save_request,
)
from engine.comparing.files import as_csv, check_exports, export
from engine.comparing.known_scenes import example, examples, scenes_of
from engine.errors import OfflineError, RequestError
from engine.requests import ImportRequest, SearchRequest
from engine.results import SearchResult
from engine.storybook.suggestions import first_texts
from tests.engine.evaluation.libraries import ENCODER, opened, write_data

TEXTS = tuple(f"a red thing 3 of kind {number}" for number in range(3))


def lines(*texts: str) -> tuple[Description, ...]:
    return tuple(Description(text=text) for text in texts)


async def test_each_line_has_its_scores_ranks_and_changes(tmp_path: Path) -> None:
    write_data(tmp_path)
    async with opened(tmp_path) as engine:
        request = ComparisonRequest(
            pictures=("03.jpg", str(tmp_path / "04.jpg")), lines=lines(*TEXTS)
        )
        (found,) = await engine.comparer.compare(request, offline=True)
        assert found.encoder == ENCODER
        assert found.library == 30
        for row in found.rows:
            result = await engine.searcher.compare(SearchRequest(query=row.text, offline=True))
            assert result.scores is not None
            for number, cell in zip((3, 4), row.cells, strict=True):
                assert cell.cosine == pytest.approx(float(result.scores.cosine[number]))
                assert cell.match == pytest.approx(float(result.scores.match[number]))
                order = np.argsort(-result.scores.cosine, kind="stable").tolist()
                assert cell.cosine_rank == order.index(number) + 1
        first, second = found.rows[0].cells[0], found.rows[1].cells[0]
        assert first.cosine_change is None
        assert second.cosine_change == pytest.approx(second.cosine - first.cosine)
        assert second.match_change == pytest.approx(second.match - first.match)
        assert [row.added for row in found.rows] == [TEXTS[0], "1", "2"]
        assert await engine.history.entries(10, 0, "") == []


async def test_swapped_descriptions_are_told_apart_where_they_are_known(tmp_path: Path) -> None:
    write_data(tmp_path)
    with np.load(tmp_path / "t.npz") as known:
        texts, vectors = known["text"].tolist(), known["vector"]
    random = np.random.default_rng(1).standard_normal((10, vectors.shape[1]))
    colours = [variant.text for variant in chosen(Description(text=TEXTS[0]), lines())]
    np.savez(
        tmp_path / "t.npz",
        text=[*texts, *colours],
        vector=np.concatenate([vectors, random[: len(colours)].astype(np.float32)]),
    )
    async with opened(tmp_path) as engine:
        request = ComparisonRequest(pictures=("03.jpg",), lines=lines(TEXTS[0]))
        (found,) = await engine.comparer.compare(request, swaps=True, offline=True)
    assert [swap.false for swap in found.swaps] == colours
    assert {swap.attribute for swap in found.swaps} == {"colour"}
    for swap in found.swaps:
        assert swap.prefers_true == (swap.cosine > 0, swap.match > 0)
    assert sum(swap.prefers_true[0] for swap in found.swaps) >= 5


async def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    write_data(tmp_path)
    async with opened(tmp_path) as engine:
        for request, told in (
            (ComparisonRequest(pictures=(), lines=lines("a")), "needs a picture"),
            (ComparisonRequest(pictures=("03.jpg",), lines=()), "needs descriptions"),
            (
                ComparisonRequest(pictures=("none.jpg",), lines=lines(TEXTS[0])),
                "not in the library",
            ),
        ):
            with pytest.raises(RequestError, match=told):
                await engine.comparer.compare(request, offline=True)
        with pytest.raises(OfflineError):
            request = ComparisonRequest(pictures=("03.jpg",), lines=lines("never heard of"))
            await engine.comparer.compare(request, offline=True)


def test_variants_take_each_attribute_before_any_twice() -> None:
    line = Description(text="a brown dog on the left at night")
    found = chosen(line, (line, Description(text="a black dog")))
    assert [variant.attribute for variant in found[:4]] == ["colour", "animal", "side", "time"]
    assert len(found) == 6
    assert all(variant.new != "black" for variant in found)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("", "a horse", "a horse"),
        ("a horse", "a brown horse", "brown"),
        ("a brown horse", "a brown horse eating grass", "eating grass"),
        ("a horse in snow", "a brown horse in deep snow", "brown ... deep"),
        ("A dog", "a dog, asleep", "asleep"),
        ("an elephant", "a brown elephant", "brown"),
        ("一匹马", "一匹棕色的马在吃草", "棕色的 ... 在吃草"),
        ("the same", "the same", ""),
    ],
)
def test_the_added_phrase_is_what_is_new(before: str, now: str, told: str) -> None:
    assert added(before, now) == told


def test_a_request_is_saved_and_loaded(tmp_path: Path) -> None:
    request = ComparisonRequest(
        pictures=("a.jpg",),
        lines=(
            Description(text="a horse", pair=1),
            Description(text="一匹马", pair=1),
            Description(text="a cow"),
        ),
        encoders=("e", "f"),
    )
    path = tmp_path / "s.json"
    save_request(request, path)
    assert load_request(path) == request


def test_a_file_of_when_there_was_one_encoder_or_none_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    start = '{"version": 1, "pictures": ["a"], "lines": [{"text": "x", "pair": null}], "encoder": '
    for old, encoders in (("null", ()), ('"e"', ("e",))):
        path.write_text(f"{start}{old}}}")
        assert load_request(path).encoders == encoders


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[]", '{"version": 1}', '{"version": 2}', '{"version": "1"}', "[" * 100_000),
        '{"version": 1, "pictures": ["a"], "lines": [{"text": "x", "pair": {}}]}',
        '{"version": 1, "pictures": ["a"], "lines": [{"text": "x", "pair": 1' + "0" * 400 + "}]}",
        '{"version": 1, "pictures": "abc", "lines": []}',
        '{"version": 1, "pictures": ["a"], "lines": [{"text": 5}]}',
        '{"version": 1, "pictures": ["a"], "lines": [], "encoder": 7}',
    ],
    ids=range(11),
)
def test_a_file_that_is_no_comparison_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(content)
    with pytest.raises(RequestError):
        load_request(path)


async def test_several_encoders_each_have_their_scores(tmp_path: Path) -> None:
    write_data(tmp_path)
    async with opened(tmp_path) as engine:
        await engine.import_vectors(
            ImportRequest(
                encoder_id="other/clip",
                pictures=tmp_path / "p.npz",
                texts=tmp_path / "t.npz",
                root=tmp_path,
            )
        ).wait()
        request = ComparisonRequest(pictures=("03.jpg",), lines=lines(*TEXTS))
        encoders = ("other/clip", ENCODER, "other/clip")
        found = await engine.comparer.compare(replace(request, encoders=encoders), offline=True)
        assert [each.encoder for each in found] == ["other/clip", ENCODER]
        (alone,) = await engine.comparer.compare(
            replace(request, encoders=(ENCODER,)), offline=True
        )
        assert found[1] == alone
        with pytest.raises(RequestError, match="encoder none"):
            await engine.comparer.compare(replace(request, encoders=(ENCODER, "none")))


@pytest.fixture
async def comparison(tmp_path: Path) -> Comparison:
    write_data(tmp_path)
    async with opened(tmp_path) as engine:
        request = ComparisonRequest(pictures=("03.jpg", "04.jpg"), lines=lines(*TEXTS))
        (found,) = await engine.comparer.compare(request, offline=True)
        return found


def test_a_comparison_is_exported_in_every_kind(comparison: Comparison, tmp_path: Path) -> None:
    for name, start in (("c.png", b"\x89PNG"), ("c.svg", b"<?xml"), ("c.csv", b"description,")):
        export([comparison], tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    export([comparison, replace(comparison, encoder="other")], tmp_path / "c.json")
    assert json.loads((tmp_path / "c-2.json").read_text())["encoder"] == "other"
    assert json.loads((tmp_path / "c.json").read_text())["library"] == 30
    rows = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    assert [row["picture"] for row in rows] == ["03.jpg", "04.jpg"] * 3
    assert float(rows[2]["match"]) == comparison.rows[1].cells[0].match
    with pytest.raises(RequestError, match="no kind of export"):
        check_exports((tmp_path / "c.bmp",))


def test_a_description_never_becomes_a_formula_of_a_spreadsheet(comparison: Comparison) -> None:
    row = replace(comparison.rows[0], text="=cmd|' /C calc'!A0")
    told = as_csv(replace(comparison, rows=(row,)))
    assert "\n=cmd" not in told
    assert "'=cmd" in told


async def test_a_changed_line_is_the_only_one_that_is_scored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path)
    async with opened(tmp_path) as engine:
        asked: list[str] = []
        compare = engine.searcher.compare

        async def counted(request: SearchRequest) -> SearchResult:
            asked.append(request.query)
            return await compare(request)

        monkeypatch.setattr(engine.searcher, "compare", counted)
        request = ComparisonRequest(pictures=("03.jpg",), lines=lines(*TEXTS[:2]))
        (before,) = await engine.comparer.compare(request, offline=True)
        assert len(asked) == 2
        request = replace(request, lines=lines(TEXTS[0], TEXTS[2]))
        (now,) = await engine.comparer.compare(request, offline=True)
        assert asked[2:] == [f'"{TEXTS[2]}"']
        assert now.rows[0] == before.rows[0]


async def test_pictures_of_the_storybook_are_named_shortly_and_ranked_among_themselves(
    tmp_path: Path,
) -> None:
    write_data(tmp_path)
    async with opened(tmp_path) as engine:
        texts = first_texts()[:2]
        request = ComparisonRequest(pictures=("storybook/0004.webp",), lines=lines(*texts))
        (found,) = await engine.comparer.compare(request, offline=True)
        assert found.library == 600
        ids = await engine.comparer.find(
            ["storybook/0004.webp", str(BUILT_IN.folder / "0004.webp")]
        )
        assert ids[0] == ids[1]
        mixed = replace(request, pictures=("storybook/0004.webp", "03.jpg"))
        with pytest.raises(RequestError, match="among themselves"):
            await engine.comparer.compare(mixed, offline=True)
        await engine.collection.leave_out()
        with pytest.raises(RequestError, match="left out"):
            await engine.comparer.compare(request, offline=True)


def test_an_example_has_five_descriptions_in_two_languages_about_another_picture_each() -> None:
    requests = [example(number) for number in range(3)]
    assert len({request.pictures for request in requests}) == 3
    for request in requests:
        assert request.pictures[0].startswith("storybook/")
        assert [line.pair for line in request.lines] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        assert [line.text.isascii() for line in request.lines] == [True, False] * 5
    assert example(len(examples())) == requests[0]


def test_variants_of_a_storybook_text_are_false_of_its_picture() -> None:
    (scene,) = scenes_of([str(BUILT_IN.folder / "0001.webp")])
    line = Description(text="a yellow spider on the left")
    found = chosen(line, (line,), (scene,))
    assert {variant.attribute for variant in found} == {"colour", "animal", "position"}
    assert not any(variant.new in ("red", "on the right") for variant in found)
    assert scenes_of([str(BUILT_IN.folder / "0001.webp"), "/photos/1.jpg"]) == ()


def made_up(encoder: str, match: list[float], rank: int) -> Comparison:
    """Two pictures under descriptions of these scores, all of one rank."""
    cells = [
        PictureScores(
            cosine=0.3,
            match=value,
            cosine_rank=rank,
            match_rank=1,
            cosine_change=None,
            match_change=None,
        )
        for value in match
    ]
    rows = tuple(
        DescriptionScores(
            text=str(number),
            pair=None,
            language="en",
            added="",
            tokens=1,
            lost="",
            cells=tuple(cells[2 * number : 2 * number + 2]),
        )
        for number in range(len(match) // 2)
    )
    return Comparison(pictures=("a", "b"), encoder=encoder, match="m", library=9, rows=rows)


def test_encoders_stand_beside_the_first_paired_by_descriptions() -> None:
    random = np.random.default_rng(0)
    first = random.uniform(0.2, 0.6, 40)
    second = first + 0.1 + random.uniform(-0.02, 0.02, 40)
    one = made_up("one", first.tolist(), 4)
    other = made_up("other", second.tolist(), 2)
    match, by_match, by_cosine = beside([one, other])
    assert (match.one, match.other, match.measure) == ("other", "one", "match")
    assert match.difference.value == pytest.approx(np.mean(second - first))
    assert match.difference.low > 0.09
    assert match.p < 0.01
    assert (by_match.measure, by_match.difference.value, by_match.p) == ("1 / rank by match", 0, 1)
    assert (by_cosine.other_value, by_cosine.one_value) == (0.25, 0.5)
    assert beside([one]) == ()
