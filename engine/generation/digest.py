"""What decides a picture, as a key under which the cache finds it again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from engine.errors import RequestError
from engine.generation.recipe import Digests
from engine.generation.saved import Order
from engine.generation.settled import Settled

FORMULA = 1
"""One more whenever the same request paints another picture."""


def digest(order: Order, settled: Settled) -> Digests:
    """Hash what decides a picture, all but its seed, with the content of the files it names.

    A picture answers for the library that it joined alone, so that decides too.
    Reads those files: call it in a thread. Raises RequestError where one cannot be read.
    """
    loras = tuple(_hash(lora.path) for lora in settled.loras)
    start = "" if settled.start_picture is None else _hash(settled.start_picture)
    whole = {
        **asdict(settled),
        "loras": [[sha256, lora.weight] for sha256, lora in zip(loras, settled.loras, strict=True)],
        "start_picture": start,
        "strength": settled.strength if start else None,
        "library": order.library,
        "formula": FORMULA,
    }
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return Digests(request_key=hashlib.sha256(text.encode()).hexdigest(), loras=loras, start=start)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}") from error
