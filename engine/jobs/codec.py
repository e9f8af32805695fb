"""A painting job as the cache remembers it, so that it can be run again."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from engine.errors import RequestError
from engine.generation.request import MAX_SEED, GenerateRequest, Lora

DRAWN_SEEDS = 1 << 32
"""Seeds are drawn below this: other tools take no larger ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a job is to paint, and for whom."""

    request: GenerateRequest
    drawn: int
    """The first seed where the request names none and the cache has no picture of it."""
    fresh: bool = False
    """Paint even what the cache has."""
    library: str = ""
    """Empty for a person's own pictures, else 'storybook'."""
    receipt_id: str | None = None
    """The decision that it is painted for."""

    def seeds(self) -> list[int]:
        """One for each picture."""
        first = self.drawn if self.request.seed is None else self.request.seed
        return [(first + place) % (MAX_SEED + 1) for place in range(self.request.count)]


def draw_seed() -> int:
    """A random seed."""
    return secrets.randbelow(DRAWN_SEEDS)


def order_to_json(order: Order) -> str:
    """Everything that starts the job again."""
    request = asdict(order.request)
    request["start_picture"] = _text(order.request.start_picture)
    request["loras"] = [
        {"path": str(lora.path), "weight": lora.weight} for lora in order.request.loras
    ]
    return json.dumps({**asdict(order), "request": request}, ensure_ascii=False)


def order_from_json(text: str) -> Order:
    """Understand `order_to_json`; raise RequestError where a newer or broken program wrote it."""
    try:
        found = json.loads(text)
        values = {**_known(Order, found), "request": _request(found["request"])}
        return Order(**values)  # type: ignore[arg-type]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RequestError(f"this job cannot be understood any more: {error}") from error


def with_new_seed(order: Order) -> Order:
    """The same with a seed drawn anew."""
    return replace(order, request=replace(order.request, seed=None), drawn=draw_seed(), fresh=True)


def _request(found: dict[str, object]) -> GenerateRequest:
    values = _known(GenerateRequest, found)
    start, loras = values.get("start_picture"), values.get("loras", [])
    if not isinstance(loras, list):
        raise TypeError("LoRAs are no list")
    values["start_picture"] = None if start is None else Path(str(start))
    values["loras"] = tuple(Lora(path=Path(e["path"]), weight=float(e["weight"])) for e in loras)
    return GenerateRequest(**values)  # type: ignore[arg-type]


def _known(kind: type, found: dict[str, object]) -> dict[str, object]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in found.items() if name in names}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
