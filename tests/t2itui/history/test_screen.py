"""The History screen lists decisions and replays them."""

import io

import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Static

from engine.results import Receipt, ResultRow
from engine.states import Route
from t2itui.graphics.picture import Picture
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.common.paged import PAGE
from t2itui.screens.history.screen import HistoryScreen
from t2itui.session import ReplayReceipt
from tests.t2itui.fake_library import FakeEngine, HostApp, settled


def receipt(number: int, query: str, *, route: Route = Route.RETRIEVE, passed: int = 7) -> Receipt:
    return Receipt(
        id=f"{number:012x}",
        query=query,
        encoder="openai/clip-vit-base-patch32",
        matcher="label-free (1203 imported texts)",
        ranked_by="match",
        threshold=0.5,
        route=route,
        reason="best match 0.97",
        best_cosine=0.31,
        best_match=0.97,
        passed=passed,
        considered=1828,
        histogram=(0,) * 64,
        filters={},
        override=None,
        created_at=1.7e9 - number * 60,
    )


def row(rank: int, match: float) -> ResultRow:
    return ResultRow(
        rank=rank,
        picture_id=rank,
        path=f"/farm/\x1b]0;evil\x07{rank}.jpg",
        sha256=None,
        cosine=0.3,
        match=match,
        synthetic=False,
    )


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.history.receipts = [
        receipt(1, "a dog"),
        receipt(2, "a piano", route=Route.GENERATE, passed=0),
        receipt(3, "a dog in the snow"),
    ]
    engine.history.rows = (row(1, 0.97), row(2, 0.31))
    return engine


async def ready(pilot: Pilot[None]) -> HistoryScreen:
    return await settled(pilot, HistoryScreen, rounds=2)


def listed(screen: HistoryScreen) -> list[str]:
    return [screen.listing.render_line(y).text for y in range(1, 1 + len(screen.listing.rows))]


async def test_decisions_stand_with_route_and_figures(engine: FakeEngine) -> None:
    app = HostApp(engine, HistoryScreen)
    async with app.run_test(size=(200, 50)) as pilot:
        lines = listed(await ready(pilot))
        for part in ("a dog", "retrieve", "7/1,828", "0.50", "match", "clip-vit-base-patch32"):
            assert part in lines[0]
        assert "generate" in lines[1] and "0/1,828" in lines[1]


async def test_the_list_narrows_as_one_types_and_widens_again(engine: FakeEngine) -> None:
    app = HostApp(engine, HistoryScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await pilot.press("slash", *"dog")
        await ready(pilot)
        assert [line.split()[2:4] for line in listed(screen)] == [["a", "dog"], ["a", "dog"]]
        await pilot.press(*"zz")
        await ready(pilot)
        assert listed(screen) == []
        assert "No query with these words." in screen.listing.render_line(2).text
        await pilot.press("escape")
        await ready(pilot)
        assert len(listed(screen)) == 3
        assert screen.focused is screen.listing


async def test_a_slash_leads_to_the_filter_and_not_into_it(engine: FakeEngine) -> None:
    async with HostApp(engine, HistoryScreen).run_test() as pilot:
        screen = await settled(pilot, HistoryScreen)
        await pilot.press("slash", "slash", "d", "slash")
        assert screen.filter_line.value == "d/"


async def test_enter_asks_for_the_receipt_under_the_cursor(engine: FakeEngine) -> None:
    app = HostApp(engine, HistoryScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.sent == [ReplayReceipt(f"{2:012x}")]


async def test_the_detail_tells_the_reason_and_the_results_without_control_characters(
    engine: FakeEngine,
) -> None:
    app = HostApp(engine, HistoryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        facts = str(screen.detail.summary.render())
        assert "retrieve: best match 0.97" in facts
        assert "7 of 1,828 pass, ranked by match" in facts
        assert "label-free (1203 imported texts)" in facts
        results = str(screen.detail.results.render()).splitlines()
        assert results[0].split()[:4] == ["1", "✔", "0.97", "0.300"]
        assert results[1].split()[:3] == ["2", "·", "0.31"]
        assert "\x1b" not in "".join(results)


async def test_a_wide_screen_shows_the_first_pictures(engine: FakeEngine) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 40, 40)).save(stream, "PNG")
    engine.library.pictures = {1: stream.getvalue()}
    app = HostApp(engine, HistoryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        shown = [picture for picture in screen.query(Picture) if picture.display]
        assert len(shown) == 1
        assert screen.detail.pictures.display
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert not screen.detail.pictures.display


async def test_deleting_asks_first(engine: FakeEngine) -> None:
    app = HostApp(engine, HistoryScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await pilot.press("d")
        await pilot.pause()
        assert isinstance(app.screen, Confirm)
        command = str(app.screen.query_one("#command", Static).render())
        assert command == f"t2itui history --forget {1:012x}"
        await pilot.press("enter")
        await ready(pilot)
        assert [line.split()[2:4] for line in listed(screen)] == [["a", "piano"], ["a", "dog"]]


async def test_the_copied_command_replays_the_receipt(engine: FakeEngine) -> None:
    app = HostApp(engine, HistoryScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("y")
        assert app.clipboard == f"t2itui history {1:012x}"


async def test_the_next_page_comes_when_the_cursor_reaches_the_last_line(
    engine: FakeEngine,
) -> None:
    engine.history.receipts = [receipt(number, f"query {number}") for number in range(PAGE + 5)]
    app = HostApp(engine, HistoryScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        assert len(screen.listing.rows) == PAGE
        await pilot.press("end")
        await ready(pilot)
        assert len(screen.listing.rows) == PAGE + 5
        assert screen.listing.cursor == PAGE - 1
