"""What a painting job was asked, and what became of it, in words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.jobs.codec import Order
from t2itui.screens.jobs.views import PaintedView

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.generation.parameters import Settled
    from engine.records import GeneratedRecord, JobRecord


def parameters(order: Order, source: str, settled: Settled | None) -> list[tuple[str, str]]:
    """What a job paints with, by name; what only its model could say is left out."""
    request = order.request
    seed = order.drawn if request.seed is None else request.seed
    start = request.start_picture
    pairs = [("prompt", request.prompt), ("not", request.negative), ("seed", str(seed))]
    if settled is not None:
        pairs += [
            ("steps", str(settled.steps)),
            ("guidance", f"{settled.guidance:g}"),
            ("size", f"{settled.width}x{settled.height}"),
            ("scheduler", settled.scheduler),
        ]
    pairs += [
        ("pictures", f"{request.count}" if request.count > 1 else ""),
        ("model", source.rstrip("/").rpartition("/")[2]),
        ("LoRA", ", ".join(f"{lora.path.name} {lora.weight:g}" for lora in request.loras)),
        ("start", "" if start is None else start.name),
        ("strength", "" if start is None else f"{request.strength:g}"),
        ("joins", f"the {order.library}" if order.library else "your own pictures"),
    ]
    return [(name, value) for name, value in pairs if value]


def painted_words(picture: PaintedView, place: int, count: int) -> str:
    """A finished picture in a line."""
    number = f"{place} of {count}, " if count > 1 else ""
    how = "from the cache" if picture.cached else f"{picture.seconds:.1f} s"
    return f"✎ painted: {number}{how}, {picture.width}x{picture.height}, seed {picture.seed}"


def from_record(record: GeneratedRecord) -> PaintedView:
    """A kept picture of an earlier session."""
    from t2itui.screens.jobs.views import PaintedView

    return PaintedView(
        picture_id=record.picture_id or 0,
        path=record.path,
        seed=record.seed,
        width=record.width,
        height=record.height,
        seconds=record.seconds,
        cached=False,
        cosine=record.cosine,
        match=record.match,
    )


REMEMBERED = 1_000
LOOKS, LOOK_S = 50, 0.1
"""How often, and how far apart, a job is looked for that was begun just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the cache knows of a job."""

    order: Order
    source: str
    settled: Settled | None
    """What the model makes of the order; None where its files are not here any more."""
    record: JobRecord
    painted: tuple[PaintedView, ...]
    """What it kept, if it is of an earlier session."""


async def record_of(engine: Engine, job_id: int) -> JobRecord | None:
    """The cache's row of a job; that of a job begun just now may take a moment to be written."""
    for _ in range(LOOKS):
        for record in await engine.jobs.remembered(REMEMBERED):
            if record.id == job_id:
                return record
        await asyncio.sleep(LOOK_S)
    return None


async def settled_of(engine: Engine, order: Order, source: str) -> Settled | None:
    """What the model makes of an order; None where it cannot be told."""
    from engine.generation.parameters import settle

    try:
        facts = await engine.generators.describe(source)
        return await asyncio.to_thread(settle, order.request, facts)
    except EngineError:
        return None
