"""How the screens about library, history and jobs are laid out."""

from __future__ import annotations

import json
from collections.abc import Callable

from textual.pilot import Pilot

from engine.events import JobProgress
from engine.results import FailureRecord, FolderRecord, JobRecord
from engine.states import JobKind, Route, Unit
from t2itui.screens.history.screen import HistoryScreen
from t2itui.screens.jobs.screen import JobsScreen
from t2itui.screens.library.screen import LibraryScreen
from tests.t2itui.fake_library import FakeEngine, HostApp
from tests.t2itui.fakes import made_up_thumbnail
from tests.t2itui.history.test_screen import receipt, row

Compare = Callable[..., bool]


async def settle(pilot: Pilot[None]) -> None:
    """Wait until everything was read and drawn."""
    for _ in range(3):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def test_library_at_80x24_with_a_running_job(snap_compare: Compare) -> None:
    engine = FakeEngine()
    engine.library.all_folders = [
        FolderRecord(path="/farm", pictures=1200, vanished=3, failures=1, scanned_at=1.7e9),
        FolderRecord(
            path="/data/a/long/way/down/to/the/pictures/of/the/zoo",
            pictures=34,
            vanished=0,
            failures=0,
            scanned_at=0,
        ),
    ]
    engine.library.all_failures = [
        FailureRecord(
            path="/farm/bad.jpg", size=3, mtime_ns=1, reason="no picture", failed_at=1.7e9
        )
    ]

    async def before(pilot: Pilot[None]) -> None:
        await settle(pilot)
        job = engine.jobs.begin(JobKind.INDEX, "index /farm")
        engine.jobs.tell(
            JobProgress(
                job_id=job.id,
                stage="indexing",
                done=300,
                total=1200,
                unit=Unit.FILES,
                rate=30,
                eta_s=30,
            )
        )
        await settle(pilot)

    app = HostApp(engine, LibraryScreen)
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_history_at_120x36_with_its_pictures(snap_compare: Compare) -> None:
    engine = FakeEngine()
    engine.history.receipts = [
        receipt(1, "a dog"),
        receipt(2, "a piano", route=Route.GENERATE, passed=0),
        receipt(3, "一匹棕色的马在吃草"),
    ]
    engine.history.rows = tuple(row(rank, 1 - rank / 10) for rank in range(1, 9))
    engine.library.pictures = {number: made_up_thumbnail(number) for number in (1, 2, 3)}
    app = HostApp(engine, HistoryScreen)
    assert snap_compare(app, terminal_size=(120, 36), run_before=settle)


def test_jobs_at_80x24(snap_compare: Compare) -> None:
    engine = FakeEngine()
    states = {
        1: ("done", "1,200 files in 40 s: 1,200 new."),
        2: ("failed", "The disk is full."),
        3: ("cancelled", "Stopped; what was done so far is kept."),
        4: ("lost", ""),
    }
    engine.jobs.earlier = [
        JobRecord(
            id=number,
            kind="index",
            title=f"index /data/{number}",
            state=state,
            created_at=1.7e9,
            updated_at=1.7e9,
            request=json.dumps({"folders": ["/data"]}),
            message=message,
        )
        for number, (state, message) in states.items()
    ]
    app = HostApp(engine, JobsScreen)
    assert snap_compare(app, terminal_size=(80, 24), run_before=settle)
