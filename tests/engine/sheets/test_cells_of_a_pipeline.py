"""The cells of a sheet through a small real pipeline, in the order in which they are painted."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.models.parameters import GenerationParameters
from engine.sheets.prompts import SheetPrompt
from engine.sheets.request import Cell, SheetRequest, cells_of, painting_order, read_axis
from engine.workers.memory_need import pictures_together
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


def test_seeds_that_are_painted_together_are_those_painted_alone_but_for_a_level(
    tiny: Path, tmp_path: Path
) -> None:
    pipe = load(tiny / "plain", tmp_path)
    calls = []
    pipe.text_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    denoiser, notes, seeds = denoiser_of(pipe, CPU), Notes(), [3, 4, 5, 6]
    task = replace(TASK, prompt="a red horse", guidance=5.0)
    together = denoiser.generate_batch(task, seeds, notes, None)
    assert len(calls) == 2, "the prompt and the empty negative one"
    assert notes.steps == [(1, 3), (2, 3), (3, 3)], "each step is taken once for all"
    assert [image.seed for image in together] == seeds
    alone = [denoiser.generate(task, seed, Notes(), None) for seed in seeds]
    for one, other in zip(together, alone, strict=True):
        apart = np.abs(one.pixels.astype(int) - other.pixels)
        assert apart.max() <= 2 and (apart > 0).mean() < 0.2
        assert one.parameters == other.parameters
    assert not np.array_equal(together[0].pixels, together[1].pixels)


def test_texts_that_are_painted_together_are_read_once_each_and_painted_as_alone(
    tiny: Path, tmp_path: Path
) -> None:
    pipe = load(tiny / "plain", tmp_path)
    read, calls = pipe.text_encoder.forward, []

    @functools.wraps(read)
    def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - transformers' own
        calls.append(args)
        return read(*args, **kwargs)

    pipe.text_encoder.forward = counted
    denoiser, seeds = denoiser_of(pipe, CPU), [3, 4, 3, 5]
    for negative in ("", "rain"):
        prompts = ["a red horse", "a cat", "a very long tale of two dogs", "a cat"]
        texts = [(prompt, negative) for prompt in prompts]
        task = replace(TASK, guidance=5.0, prompt=prompts[0], negative=negative)
        calls.clear()
        together = denoiser.generate_batch(task, seeds, Notes(), None, texts)
        assert len(calls) == (4 if not negative else 1), "three prompts, and what is not to be seen"
        for said, seed, image in zip(texts, seeds, together, strict=True):
            alone = denoiser.generate(task.saying(said), seed, Notes(), None)
            apart = np.abs(image.pixels.astype(int) - alone.pixels)
            assert apart.max() <= 2 and (apart > 0).mean() < 0.2
            assert image.parameters == alone.parameters
        assert len(calls) == (4 if not negative else 1), "a text alone was read by then"
    one, other = together[1], together[3]
    assert not np.array_equal(one.pixels, other.pixels), "each has noise of its own"


def test_what_joins_another_cell_differs_by_its_texts_alone() -> None:
    cat, dog = replace(TASK, prompt="a cat"), replace(TASK, prompt="a dog")
    assert cat.joins(dog) and not cat.joins(replace(dog, steps=TASK.steps + 1))
    assert not cat.joins(replace(dog, negative="rain")), "an empty one may be another than none"
    assert replace(cat, negative="fog").joins(replace(dog, negative="rain"))


def test_want_of_memory_has_a_batch_painted_one_by_one(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denoiser, notes = denoiser_of(load(tiny / "plain", tmp_path), CPU), Notes()
    denoise = denoiser._denoise

    def narrow(draft: Any, *args: Any) -> Any:  # noqa: ANN401 - torch's own
        if len(draft.seeds) > 1:
            raise torch.OutOfMemoryError("out of memory: there are 8 MiB left")
        return denoise(draft, *args)

    monkeypatch.setattr(denoiser, "_denoise", narrow)
    found = denoiser.generate_batch(TASK, [1, 2], notes, None)
    assert [image.seed for image in found] == [1, 2]
    assert notes.reported[0] == "one picture at a time"


def test_how_many_are_painted_together_is_read_from_the_memory_that_is_free() -> None:
    found = [pictures_together(free, 2 << 30) for free in (1 << 30, 9 << 30, 100 << 30)]
    assert found == [1, 2, 8]
