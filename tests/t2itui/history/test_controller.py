"""The receipts that are listed, and what is asked about them, without a screen."""

from __future__ import annotations

from typing import cast

import pytest

from engine.engine import Engine
from engine.errors import EngineError
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.history.controller import LOOKED_AT, HistoryController
from t2itui.session import Session
from tests.t2itui.fake_library import FakeEngine
from tests.t2itui.history.test_screen import receipt, row


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    made.history.receipts = [receipt(number, f"query {number}") for number in range(5)]
    made.history.rows = tuple(row(rank, 0.9) for rank in range(1, 20))
    made.library.pictures = dict.fromkeys(range(1, 20), b"jpeg")
    return made


@pytest.fixture
def controller(engine: FakeEngine) -> HistoryController:
    session = Session(graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test"))
    session.engine = cast("Engine", engine)
    return HistoryController(session)


async def test_pages_add_up_and_the_first_one_begins_anew(controller: HistoryController) -> None:
    controller.take(await controller.read(2, 0, ""), offset=0)
    controller.take(await controller.read(2, 2, ""), offset=2)
    assert [each.cells[1] for each in controller.rows()] == [f"query {n}" for n in range(4)]
    controller.take(await controller.read(2, 0, "query 4"), offset=0)
    assert [each.cells[1] for each in controller.rows()] == ["query 4"]


async def test_a_receipt_is_replayed_with_thumbnails_of_its_first_results(
    controller: HistoryController, engine: FakeEngine
) -> None:
    first = engine.history.receipts[0]
    result, thumbnails = await controller.open(first.id)
    assert result.receipt == first and len(result.rows) == 19
    assert set(thumbnails) == set(range(1, LOOKED_AT + 1))
    await controller.delete(first.id)
    assert first not in await controller.read(10, 0, "")


async def test_without_an_engine_nothing_is_asked_of_it() -> None:
    closed = HistoryController(
        Session(graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test"))
    )
    with pytest.raises(EngineError, match="not open"):
        await closed.read(1, 0, "")
