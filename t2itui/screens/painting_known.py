"""What the cache and the models know of a painting job, also of one of an earlier session."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.generation.saved import Order
from t2itui.painting_view import PaintedView

if TYPE_CHECKING:
    from cache.records import JobRecord
    from engine.engine import Engine
    from engine.generation.settled import Settled

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
    from engine.generation.settled import settle

    try:
        facts = await engine.generators.describe(source)
        return await asyncio.to_thread(settle, order.request, facts)
    except EngineError:
        return None
