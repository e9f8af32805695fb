"""The way out of the app, while something is still at work."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import CacheError
from t2itui.app import EngineFailed
from tests.t2itui.fakes import FakeEngine, answered, fake_app, until


async def test_figures_and_errors_that_come_when_the_screens_are_gone_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FakeEngine(60)
    app = fake_app(engine, start_query="a dog")
    close_screens = app._close_all
    monkeypatch.setattr("t2itui.app.STATUS_S", 0.0)

    async def close_while_figures_are_read() -> None:
        await close_screens()
        assert engine.library.gate is not None
        engine.library.gate.set()
        await app.workers.wait_for_complete()
        app.pass_failure_on(EngineFailed(CacheError("the disk is gone")))

    async with app.run_test(size=(80, 24)) as pilot:
        await answered(pilot)
        await app.workers.wait_for_complete()
        engine.library.gate, counted = asyncio.Event(), engine.library.counted
        app.update_status()
        await until(pilot, lambda: engine.library.counted == counted + 1)
        app.update_status()
        monkeypatch.setattr(app, "_close_all", close_while_figures_are_read)
    assert engine.library.counted == counted + 1
