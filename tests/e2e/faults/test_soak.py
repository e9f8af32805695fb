"""A thousand searches, a hundred paintings in one process: memory and descriptors stay bounded."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine.engine import Engine
from engine.errors import T2IError
from engine.events import JobFinished
from engine.generation.request import GenerateRequest
from engine.requests import SearchRequest
from engine.settings import EngineSettings

pytestmark = pytest.mark.slow

SEARCHES = 1000
PAINTINGS = 100
WARM = 0.1
"""Of each: by then caches are full and libraries imported."""
MB = 1 << 20
OWN_MB, WORKERS_MB = 80, 250
"""What may be added from then to the end: receipts in the cache, and what allocators keep."""
DESCRIPTORS = 12


def use() -> tuple[float, float, int]:
    """Megabytes of this process and of those below it, and open descriptors of all."""
    own = psutil.Process(os.getpid())
    below = own.children(recursive=True)
    descriptors = sum(each.num_fds() for each in (own, *below))
    return (
        own.memory_info().rss / MB,
        sum(each.memory_info().rss for each in below) / MB,
        descriptors,
    )


def check_growth(before: tuple[float, float, int]) -> None:
    own, workers, descriptors = use()
    assert own - before[0] < OWN_MB
    assert workers - before[1] < WORKERS_MB
    assert descriptors - before[2] <= DESCRIPTORS


async def test_a_thousand_searches_leave_nothing_behind(tmp_path: Path) -> None:
    settings = EngineSettings(home=tmp_path / "home", encoder="storybook")
    async with Engine.open(settings) as engine:
        before = (0.0, 0.0, 0)
        for number in range(SEARCHES):
            if number == SEARCHES * WARM:
                before = use()
            # One in four was asked before, some are wrong.
            text = f"a brown horse {number % 750}" if number % 50 else '"a dog" + "open'
            try:
                await engine.search(SearchRequest(query=text, top=20))
            except T2IError:
                assert number % 50 == 0
        check_growth(before)


async def test_a_hundred_paintings_leave_nothing_behind(tmp_path: Path) -> None:
    settings = EngineSettings(home=tmp_path / "home", encoder="storybook", generator="storybook")
    async with Engine.open(settings) as engine:
        before = (0.0, 0.0, 0)
        request = GenerateRequest(prompt="a brown horse on a meadow", steps=2)
        for number in range(PAINTINGS):
            if number == PAINTINGS * WARM:
                before = use()
            job = await engine.generate(replace(request, seed=number))
            assert isinstance(await asyncio.wait_for(job.wait(), 120), JobFinished)
        check_growth(before)
