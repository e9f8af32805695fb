"""Dataclasses built from plain values, each field of the type that it is annotated with."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar, get_args, get_origin, get_type_hints

from engine.untrusted.documents import finite_number, kind_of

T = TypeVar("T")


def read_as(kind: type[T], value: object) -> T:
    """Build a dataclass from an object of JSON; unknown fields are ignored.

    Raises TypeError or ValueError where a field is missing, of another type, or not finite.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"expected the fields of {kind.__name__}")
    hints = _hints(kind)  # type: ignore[arg-type]
    named = {
        field.name: _as(field.name, hints[field.name], value[field.name])
        for field in fields(kind)  # type: ignore[arg-type]
        if field.name in value
    }
    needed = [each.name for each in fields(kind) if _is_needed(each)]  # type: ignore[arg-type]
    if lacking := [name for name in needed if name not in named]:
        raise TypeError(f"it lacks {', '.join(lacking)}")
    return kind(**named)


def _is_needed(field: Field[object]) -> bool:
    return field.init and field.default is MISSING and field.default_factory is MISSING


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, object]:
    return get_type_hints(kind)


def _as(name: str, hint: object, value: object) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and isinstance(value, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_as(name, arguments[0], each) for each in value)
        return tuple(_as(name, one, each) for one, each in zip(arguments, value, strict=True))
    if origin in (types.UnionType, typing.Union):
        rest = [each for each in arguments if each is not type(None)]
        return None if value is None else _as(name, rest[0], value)
    if origin is dict and isinstance(value, dict):
        return value
    if isinstance(hint, type):
        if is_dataclass(hint):
            return read_as(hint, value)
        if hint is float:
            return finite_number(value)
        if issubclass(hint, StrEnum) and isinstance(value, str):
            return hint(value)
        if type(value) is hint:
            return value
    raise TypeError(f"{name} is {kind_of(value)}")
