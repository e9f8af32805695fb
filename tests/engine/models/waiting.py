"""Waiting for something that sends no event."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 120.0


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds; fail after two minutes."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - a process that ends tells nobody
            await asyncio.sleep(0.002)
