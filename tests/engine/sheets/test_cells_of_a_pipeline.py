"""The cells of a sheet through a small real pipeline, in the order in which they are painted."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.models.parameters import GenerationParameters
from engine.sheets.prompts import SheetPrompt
from engine.sheets.request import Cell, SheetRequest, cells_of, painting_order, read_axis
from tests.engine.generation.pipelines.conftest import tiny as tiny
from tests.engine.generation.pipelines.test_denoising import CPU, TASK, Notes, denoiser_of, load

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

SHEET = SheetRequest(
    prompts=(SheetPrompt(prompt="a red horse"), SheetPrompt(prompt="a cat in the snow")),
    axes=(read_axis("seed=1..3"), read_axis("steps=2,3")),
)


def in_painting_order() -> list[Cell]:
    """The cells as a job paints them."""
    cells = cells_of(SHEET)
    return [cells[number] for number in painting_order(cells)]


def parameters_of(cell: Cell) -> GenerationParameters:
    """What a cell resolves to."""
    return replace(TASK, prompt=cell.request.prompt, steps=cell.request.steps or 1)


def test_each_text_is_read_once_and_each_picture_is_the_same_as_alone(
    tiny: Path, tmp_path: Path
) -> None:
    pipe = load(tiny / "plain", tmp_path)
    read, calls = pipe.text_encoder.forward, []

    @functools.wraps(read)
    def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - transformers' own
        calls.append(args)
        return read(*args, **kwargs)

    pipe.text_encoder.forward = counted
    denoiser = denoiser_of(pipe, CPU)
    pictures = [
        denoiser.generate(parameters_of(cell), cell.request.seed or 0, Notes(), None).pixels
        for cell in in_painting_order()
    ]
    # Each prompt and, at most beside each, the empty negative one; twice for every picture alone.
    assert len(SHEET.prompts) < len(calls) <= 2 * len(SHEET.prompts)
    last = in_painting_order()[-1]
    alone = denoiser_of(load(tiny / "plain", tmp_path), CPU)
    pixels = alone.generate(parameters_of(last), last.request.seed or 0, Notes(), None).pixels
    assert np.array_equal(pictures[-1], pixels)
