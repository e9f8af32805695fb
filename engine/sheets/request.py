"""What a sheet is asked to be: prompts as rows, values of axes as columns, and its cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from engine import numbers
from engine.errors import RequestError
from engine.generation.request import MAX_SEED, GenerateRequest
from engine.models.parameters import read_lora
from engine.models.schedulers import scheduler_named
from engine.sheets.prompts import MAX_PROMPTS, SheetPrompt
from engine.states import AxisName

MAX_CELLS = 10_000
MAX_VALUES = 1_000
"""Of one axis."""
DEFAULT_SEED = 0
"""Of every cell where nothing is said of seeds: the same sheet is the same pictures."""
NO_LORA = "none"
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One thing that varies over the columns."""

    name: AxisName
    values: tuple[str, ...]
    """As they are typed."""


_NOTHING_SAID = GenerateRequest(prompt="")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRequest:
    """Prompts, axes, and what all cells have in common."""

    prompts: tuple[SheetPrompt, ...]
    axes: tuple[Axis, ...] = ()
    settings: GenerateRequest = _NOTHING_SAID
    """Of every cell, where no axis says otherwise; its prompt and count say nothing."""
    library: str = ""
    """Whose pictures the new ones join: empty for a person's own, else a collection's name."""
    example: str = ""
    """The example whose prompts these are; empty for others."""

    @property
    def size(self) -> int:
        """How many cells it has."""
        return len(self.prompts) * len(columns(self))

    @property
    def title(self) -> str:
        """What it is, for people: untrusted text."""
        first = self.prompts[0].prompt if self.prompts else ""
        more = f" and {len(self.prompts) - 1} more" if len(self.prompts) > 1 else ""
        return f"sheet of the {self.example} example" if self.example else f"sheet {first}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One picture of a sheet."""

    row: int
    """Of its prompt, from 0."""
    column: int
    request: GenerateRequest
    """With its seed."""


Values = tuple[str, ...]
"""One of each axis."""


def _seed(request: GenerateRequest, text: str) -> GenerateRequest:
    seed = numbers.whole(text, 0)
    if seed > MAX_SEED:
        raise ValueError(f"seeds lie between 0 and {MAX_SEED}")
    return replace(request, seed=seed)


def _steps(request: GenerateRequest, text: str) -> GenerateRequest:
    return replace(request, steps=numbers.whole(text, 1))


def _guidance(request: GenerateRequest, text: str) -> GenerateRequest:
    return replace(request, guidance=numbers.finite(text))


def _strength(request: GenerateRequest, text: str) -> GenerateRequest:
    if request.start_picture is None:
        raise ValueError("there is no start picture to go from")
    return replace(request, strength=numbers.finite(text))


def _scheduler(request: GenerateRequest, text: str) -> GenerateRequest:
    return replace(request, scheduler=scheduler_named(text).name)


def _model(request: GenerateRequest, text: str) -> GenerateRequest:
    return replace(request, model=text)


def _lora(request: GenerateRequest, text: str) -> GenerateRequest:
    return request if text == NO_LORA else replace(request, loras=(*request.loras, read_lora(text)))


def _lora_weight(request: GenerateRequest, text: str) -> GenerateRequest:
    """Weigh the LoRA that was added last; without one there is nothing to weigh."""
    weight = numbers.finite(text)
    if not request.loras:
        return request
    *others, last = request.loras
    return replace(request, loras=(*others, replace(last, weight=weight)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisKind:
    """How the values of an axis are written, and what they change."""

    example: str
    apply: Callable[[GenerateRequest, str], GenerateRequest]
    """Raises ValueError or RequestError for a value that is none."""


AXES: Mapping[AxisName, AxisKind] = {
    AxisName.MODEL: AxisKind(example="hub/one,folder/two", apply=_model),
    AxisName.LORA: AxisKind(example="none,style.safetensors:0.8", apply=_lora),
    AxisName.LORA_WEIGHT: AxisKind(example="0.5,1", apply=_lora_weight),
    AxisName.SCHEDULER: AxisKind(example="ddim,dpm++", apply=_scheduler),
    AxisName.STEPS: AxisKind(example="10,20,40", apply=_steps),
    AxisName.GUIDANCE: AxisKind(example="5,7.5", apply=_guidance),
    AxisName.STRENGTH: AxisKind(example="0.3,0.6", apply=_strength),
    AxisName.SEED: AxisKind(example="1..5", apply=_seed),
}
"""In the order in which they are applied: a weight is that of the LoRA before it."""
_COUNTED = frozenset({AxisName.SEED, AxisName.STEPS})
"""Axes of whole numbers, which may be written as a range."""


def read_axis(text: str) -> Axis:
    """An axis as it is typed: `seed=1,2,3`, `seed=1..5`, `lora="a,b.safetensors",none`.

    Raises RequestError, which says what could stand there.
    """
    name, equals, written = text.partition("=")
    try:
        axis = AxisName(name.strip().lower())
    except ValueError as error:
        hint = f"Known: {', '.join(AXES)}; such as seed={AXES[AxisName.SEED].example}"
        raise RequestError(f"{name!r} is no axis", hint=hint, field="axes") from error
    kind = AXES[axis]
    values = [each.strip() for each in next(csv.reader([written], skipinitialspace=True), [])]
    values = [one for each in values for one in (_span(each) if axis in _COUNTED else [each])]
    if not equals or not values or not all(values):
        raise RequestError(
            f"the axis {axis} has {'an empty value' if values else 'no values'}",
            hint=f"Such as {axis}={kind.example}",
            field="axes",
        )
    found = Axis(name=axis, values=tuple(dict.fromkeys(values)))
    if len(found.values) > MAX_VALUES:
        raise RequestError(f"the axis {axis} has more than {MAX_VALUES:,} values", field="axes")
    return found


def _span(text: str) -> Sequence[str]:
    """The numbers of a range; any other value as it is."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return [text]
    first, last = int(match[1]), int(match[2])
    if not first <= last < first + MAX_VALUES:
        raise RequestError(f"{text} is no range of at most {MAX_VALUES:,} numbers", field="axes")
    return [str(number) for number in range(first, last + 1)]


def spelt_axis(axis: Axis) -> str:
    """An axis as it is typed."""
    values = [f'"{each}"' if "," in each else each for each in axis.values]
    return f"{axis.name}={','.join(values)}"


def checked_sheet(request: SheetRequest) -> SheetRequest:
    """Return a request whose cells can be listed; raise RequestError with why they cannot."""
    if not request.prompts:
        raise RequestError("a sheet needs a prompt", field="prompts")
    if len(request.prompts) > MAX_PROMPTS:
        raise RequestError(f"more than {MAX_PROMPTS:,} prompts are no sheet", field="prompts")
    if request.settings.mask_word:
        raise RequestError("a sheet's cells are whole pictures: no word is looked for")
    names = [axis.name for axis in request.axes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        hint = "Write its values after one another, with commas."
        raise RequestError(f"the axis {twice} is there twice", hint=hint, field="axes")
    if AxisName.LORA_WEIGHT in names and AxisName.LORA not in names and not request.settings.loras:
        raise RequestError("the axis lora-weight needs a LoRA", field="axes")
    size = len(request.prompts)
    for axis in request.axes:
        size *= len(axis.values)
    if size > MAX_CELLS:
        raise RequestError(
            f"the sheet would have {size:,} cells, and {MAX_CELLS:,} are the most", field="axes"
        )
    for axis in request.axes:
        for value in axis.values:
            _applied(_shared(request), axis.name, value)
    return request


def columns(request: SheetRequest) -> list[Values]:
    """The values of the axes in each column, the last axis changing first."""
    return list(product(*(axis.values for axis in request.axes)))


def values_at(request: SheetRequest, column: int) -> Values:
    """The values of the axes in one column."""
    found = []
    for axis in reversed(request.axes):
        column, index = divmod(column, len(axis.values))
        found.append(axis.values[index])
    return tuple(reversed(found))


def cells_of(request: SheetRequest) -> list[Cell]:
    """Every cell, row by row. Raises RequestError for a value that its axis does not take."""
    shared = [_with_values(request, values) for values in columns(request)]
    return [
        Cell(
            row=row,
            column=column,
            request=replace(
                settings,
                prompt=prompt.prompt,
                negative=prompt.negative or settings.negative,
            ),
        )
        for row, prompt in enumerate(request.prompts)
        for column, settings in enumerate(shared)
    ]


def _with_values(request: SheetRequest, values: Values) -> GenerateRequest:
    """What the cells of a column have in common."""
    chosen = {axis.name: value for axis, value in zip(request.axes, values, strict=True)}
    settings = _shared(request)
    for name in AXES:
        if name in chosen:
            settings = _applied(settings, name, chosen[name])
    return settings


def _shared(request: SheetRequest) -> GenerateRequest:
    """What all cells have in common."""
    settings = replace(request.settings, count=1, preview=False)
    return replace(settings, seed=DEFAULT_SEED) if settings.seed is None else settings


def _applied(settings: GenerateRequest, name: AxisName, value: str) -> GenerateRequest:
    """Settings with a value of an axis. Raises RequestError for one that it does not take."""
    kind = AXES[name]
    try:
        return kind.apply(settings, value)
    except (ValueError, RequestError) as error:
        reason = error.message if isinstance(error, RequestError) else error
        hint = f"Such as {name}={kind.example}"
        raise RequestError(f"{name}={value}: {reason}", hint=hint, field="axes") from error


def painting_order(cells: Sequence[Cell]) -> list[int]:
    """The numbers of the cells in the order in which they cost least.

    Models change least, then LoRAs; of a model each prompt is read once, its cells side by side,
    those that differ by their seed alone one after the other.
    """
    models: dict[object, int] = {}
    loras: dict[object, int] = {}
    kinds: dict[object, int] = {}
    keys = []
    for number, cell in enumerate(cells):
        asked = cell.request
        keys.append(
            (
                models.setdefault(asked.model, len(models)),
                loras.setdefault(asked.loras, len(loras)),
                cell.row,
                kinds.setdefault(replace(asked, prompt="", negative="", seed=None), len(kinds)),
                number,
            )
        )
    return [key[-1] for key in sorted(keys)]
