"""Axes as they are typed, the cells they make, and the order in which these cost least."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from engine.errors import RequestError
from engine.generation.request import GenerateRequest
from engine.jobs.codec import command_words, job_request, request_to_json
from engine.sheets.prompts import SheetPrompt
from engine.sheets.request import (
    AXES,
    Axis,
    SheetRequest,
    cells_of,
    checked_sheet,
    painting_order,
    read_axis,
    spelt_axis,
)
from engine.states import AxisName, JobKind

PROMPTS = (SheetPrompt(prompt="a cat", group="basic"), SheetPrompt(prompt="a dog", negative="no"))


def sheet(*axes: str, **settings: object) -> SheetRequest:
    """Two prompts over axes as they are typed."""
    base = replace(GenerateRequest(prompt=""), **settings)  # type: ignore[arg-type]
    return SheetRequest(prompts=PROMPTS, axes=tuple(map(read_axis, axes)), settings=base)


def test_an_axis_is_read_as_it_is_typed() -> None:
    assert read_axis("seed=1..3,7, 7").values == ("1", "2", "3", "7")
    assert read_axis(' LoRA = none, "a,b.safetensors:0.5"').values == (
        "none",
        "a,b.safetensors:0.5",
    )
    for text in ("seed=1,2", 'lora="a,b.safetensors",none', "guidance=5,7.5"):
        assert spelt_axis(read_axis(text)) == text


@pytest.mark.parametrize(
    "text", ["seed", "seed=", "seed=1,,2", "colour=red", "seed=5..1", "seed=1..5000", "=1"]
)
def test_what_is_no_axis_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(RequestError):
        read_axis(text)


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ("seed=x", "no whole number"),
        ("steps=0", "at least 1"),
        ("guidance=nan", "no number to work with"),
        ("scheduler=none", "no scheduler"),
        ("strength=0.5", "no start picture"),
        ("lora-weight=1", "needs a LoRA"),
    ],
)
def test_values_that_their_axis_does_not_take_are_named(axis: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        checked_sheet(sheet(axis))


def test_cells_lie_row_by_row_with_the_last_axis_changing_first() -> None:
    cells = cells_of(checked_sheet(sheet("guidance=1,2", "seed=5,6", steps=3)))
    found = [(c.row, c.column, c.request.guidance, c.request.seed) for c in cells]
    assert found[:4] == [(0, 0, 1.0, 5), (0, 1, 1.0, 6), (0, 2, 2.0, 5), (0, 3, 2.0, 6)]
    assert [cell.request.prompt for cell in cells] == ["a cat"] * 4 + ["a dog"] * 4
    assert {(c.request.negative, c.request.steps, c.request.count) for c in cells[4:]} == {
        ("no", 3, 1)
    }


def test_a_sheet_without_seeds_has_the_same_one_in_every_cell() -> None:
    assert {cell.request.seed for cell in cells_of(sheet("guidance=1,2"))} == {0}
    assert {cell.request.seed for cell in cells_of(sheet(seed=9))} == {9}


def test_a_weight_is_that_of_the_lora_of_its_cell_whatever_the_order_of_the_axes() -> None:
    cells = cells_of(sheet("lora-weight=0.5,2", "lora=none,/a.safetensors"))
    loras = [cell.request.loras for cell in cells[:4]]
    assert [[(str(lora.path), lora.weight) for lora in each] for each in loras] == [
        [],
        [("/a.safetensors", 0.5)],
        [],
        [("/a.safetensors", 2.0)],
    ]


def test_every_axis_has_an_example_that_can_be_read() -> None:
    assert set(AXES) == set(AxisName)
    for name, kind in AXES.items():
        axis = read_axis(f"{name}={kind.example}")
        extra = {"start_picture": Path("/a.png")} if name is AxisName.STRENGTH else {}
        asked = sheet(*(["lora=/a.safetensors"] if name is AxisName.LORA_WEIGHT else []), **extra)
        cells_of(replace(asked, axes=(*asked.axes, axis)))


def test_models_change_least_then_loras_and_each_prompt_is_read_once_for_them() -> None:
    cells = cells_of(sheet("seed=1,2", "model=x,y", "lora=none,/a.safetensors"))
    order = [cells[number] for number in painting_order(cells)]
    assert sorted(painting_order(cells)) == list(range(len(cells)))

    def runs(key: str) -> int:
        values: list[object] = [getattr(cell.request, key) for cell in order]
        return 1 + sum(int(a != b) for a, b in pairwise(values))

    assert (runs("model"), runs("loras"), runs("prompt")) == (2, 4, 8)
    seeds = [cell.request.seed for cell in order]
    assert seeds == [1, 2] * 8


def test_too_many_cells_and_an_axis_twice_are_refused() -> None:
    with pytest.raises(RequestError, match="would have 2,000,000 cells"):
        checked_sheet(sheet("seed=1..1000", "steps=1..1000"))
    with pytest.raises(RequestError, match="there twice"):
        checked_sheet(sheet("seed=1", "seed=2"))
    with pytest.raises(RequestError, match="needs a prompt"):
        checked_sheet(SheetRequest(prompts=()))


def test_a_sheet_is_the_same_in_its_three_spellings() -> None:
    asked = sheet("seed=1,2", 'lora="/a,b.safetensors",none', steps=4, width=64, height=32)
    assert job_request(JobKind.SHEET, request_to_json(asked)) == asked
    assert command_words(asked) == [
        "sheet",
        *("--axis", "seed=1,2", "--axis", 'lora="/a,b.safetensors",none'),
        *("--steps", "4", "--size", "64x32"),
        '{"prompt": "a cat", "group": "basic"}',
        '{"prompt": "a dog", "negative": "no"}',
    ]
    example = SheetRequest(prompts=PROMPTS, axes=(Axis(name=AxisName.SEED, values=("1",)),),
                           example="storybook", library="storybook")  # fmt: skip
    assert command_words(example) == [
        "sheet",
        *("--axis", "seed=1", "--example", "storybook", "--in", "storybook"),
    ]
