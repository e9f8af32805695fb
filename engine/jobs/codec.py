"""A generation as the cache remembers it, so that it can be run again."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

from engine.errors import RequestError
from engine.generation.request import GenerateRequest, GenerationSpec
from engine.models.parameters import Lora


def spec_to_json(spec: GenerationSpec) -> str:
    """Everything that starts the job again."""
    request = asdict(spec.request)
    request["start_picture"] = _text(spec.request.start_picture)
    request["loras"] = [
        {"path": str(lora.path), "weight": lora.weight} for lora in spec.request.loras
    ]
    return json.dumps({**asdict(spec), "request": request}, ensure_ascii=False)


def spec_from_json(text: str) -> GenerationSpec:
    """Understand `spec_to_json`; raise RequestError where a newer or broken program wrote it."""
    try:
        found = json.loads(text)
        values = {**_known(GenerationSpec, found), "request": _request(found["request"])}
        return GenerationSpec(**values)  # type: ignore[arg-type]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RequestError(f"this job cannot be understood any more: {error}") from error


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
