"""Evaluations as JSON and back."""

from __future__ import annotations

import json
import types
import typing
from dataclasses import asdict, fields, is_dataclass
from functools import lru_cache
from typing import TypeVar, get_args, get_origin, get_type_hints

from engine.evaluation.results import Evaluation, Head

LATER = ("paired", "swaps", "routing", "calibration")
"""What a list does not show: most of a body, and slow to read."""

T = TypeVar("T")


def as_body(evaluation: Evaluation) -> str:
    """The JSON of an evaluation, without its id and time, which the row holds."""
    values = asdict(evaluation)
    del values["id"], values["created_at"]
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def from_body(body: str, *, evaluation_id: int, created_at: float) -> Evaluation:
    """The evaluation of a row. Raises ValueError, KeyError or TypeError where it is not one."""
    values = {**json.loads(body), "id": evaluation_id, "created_at": created_at}
    return read_as(Evaluation, values)


def head_of_body(body: str, *, evaluation_id: int, created_at: float) -> Head:
    """What a list shows of a row. Raises as `from_body` does."""
    values = {**json.loads(body), "id": evaluation_id, "created_at": created_at}
    values |= {name: [] for name in LATER}
    return Head.of(read_as(Evaluation, values))


def read_as(kind: type[T], value: object) -> T:
    """Build a dataclass from plain values, field by field; unknown fields are ignored."""
    if not isinstance(value, dict):
        raise TypeError(f"expected the fields of {kind.__name__}")
    hints = _hints(kind)  # type: ignore[arg-type]
    named = {
        field.name: _as(hints[field.name], value[field.name])
        for field in fields(kind)  # type: ignore[arg-type]
        if field.name in value
    }
    return kind(**named)


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, object]:
    return get_type_hints(kind)


def _as(hint: object, value: object) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and isinstance(value, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_as(arguments[0], each) for each in value)
        return tuple(_as(one, each) for one, each in zip(arguments, value, strict=True))
    if origin in (types.UnionType, typing.Union):
        rest = [each for each in arguments if each is not type(None)]
        return None if value is None else _as(rest[0], value)
    if isinstance(hint, type) and is_dataclass(hint):
        return read_as(hint, value)
    if hint is float and isinstance(value, int | float):
        return float(value)
    return value
