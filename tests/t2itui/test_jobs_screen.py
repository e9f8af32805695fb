"""The jobs screen lists the jobs of all sessions and starts them again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cache.store import Cache
from engine.errors import RequestError
from engine.events import JobFinished, JobNote, JobProgress
from engine.generation.request import GenerateRequest, GenerationSpec
from engine.jobs.codec import job_request, request_to_json
from engine.jobs.jobs import JobWork
from engine.library.exchange import Exchange
from engine.library.indexing import Indexer
from engine.models.downloads import Downloads
from engine.models.encoders import Encoders
from engine.models.parameters import Lora
from engine.requests import DownloadRequest, ExportRequest, ImportRequest, IndexRequest
from engine.results import JobRecord
from engine.settings import EngineSettings
from engine.states import JobKind, Unit
from t2itui.screens.jobs.screen import JobsScreen
from t2itui.text.shell_commands import job_command
from tests.t2itui.fake_library import FakeEngine, HostApp, settled

INDEX = json.dumps(
    {"folders": ["/data"], "encoder": None, "per_class": 3, "seed": 7, "batch_size": 32}
)


def record(job_id: int, state: str, message: str = "", request: str = INDEX) -> JobRecord:
    return JobRecord(
        id=job_id,
        kind="index",
        title=f"index /data/{job_id}",
        state=state,
        created_at=1.7e9,
        updated_at=1.7e9,
        request=request,
        message=message,
    )


async def ready(pilot: Pilot[None]) -> JobsScreen:
    return await settled(pilot, JobsScreen, rounds=1)


def listed(screen: JobsScreen) -> list[str]:
    return [screen.listing.render_line(y).text for y in range(1, 1 + len(screen.listing.rows))]


async def test_lost_jobs_of_an_earlier_session_offer_to_run_again() -> None:
    engine = FakeEngine()
    engine.jobs.earlier = [record(-1, "lost"), record(-2, "done", "12 pictures.")]
    app = HostApp(engine, JobsScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        assert "? lost" in listed(screen)[0]
        assert "✔ done" in listed(screen)[1] and "12 pictures." in listed(screen)[1]
        assert "Run it again?" in str(screen.story.render())
        await pilot.press("down", "r")
        await ready(pilot)
        assert engine.indexed == [IndexRequest(folders=(Path("/data"),), per_class=3, seed=7)]
        assert "▶ running" in listed(screen)[0]
        assert screen.listing.cursor == 0


async def test_a_job_that_no_row_remembers_is_looked_for_once() -> None:
    """A full or read-only cache keeps no row of it."""
    engine = FakeEngine()
    engine.jobs.earlier = [record(-1, "done")]
    app = HostApp(engine, JobsScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        engine.index(IndexRequest(folders=(Path("/data"),)))
        await ready(pilot)
        asked = engine.jobs.asked
        for _ in range(20):
            screen.show()
            await ready(pilot)
        assert engine.jobs.asked == asked


@pytest.mark.parametrize(("state", "notices"), [("lost", 1), ("done", 0)])
async def test_a_job_cut_off_by_the_end_of_the_program_is_told_of_at_the_next_start(
    state: str, notices: int
) -> None:
    engine = FakeEngine()
    engine.jobs.earlier = [record(-1, state), record(-2, "lost")]
    app = HostApp(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        assert len(app._notifications) == notices


async def test_a_running_job_tells_its_progress_and_notes_and_can_be_cancelled_there() -> None:
    engine = FakeEngine()
    engine.jobs.earlier = [record(-1, "done")]
    app = HostApp(engine, JobsScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        first = engine.jobs.begin(JobKind.INDEX, "index ~/a")
        second = engine.jobs.begin(JobKind.DOWNLOAD, "download b")
        engine.jobs.tell(
            JobProgress(job_id=second.id, stage="downloading", done=5, total=10, unit=Unit.BYTES)
        )
        engine.jobs.tell(JobNote(job_id=second.id, message="two files were here already"))
        await ready(pilot)
        await pilot.press("home")
        assert "5 B of 10 B, 50 %" in listed(screen)[0]
        assert "two files were here already" in str(screen.story.render())
        await pilot.press("x")
        assert (first.cancels, second.cancels) == (0, 1)
        await pilot.press("down", "x")
        assert (first.cancels, second.cancels) == (1, 1)


async def test_a_job_of_another_instance_is_neither_cancelled_nor_started_twice() -> None:
    engine = FakeEngine()
    engine.jobs.earlier = [replace(record(900, "running"), pid=41)]
    app = HostApp(engine, JobsScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        assert "elsewhere" in listed(screen)[0]
        assert "kill 41 ends it" in str(screen.story.render())
        await pilot.press("x", "r", "enter")
        await pilot.pause()
        assert engine.indexed == []


async def test_escape_goes_back_and_the_key_opens_the_screen_once() -> None:
    app = HostApp(FakeEngine())
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("j", "j")
        await ready(pilot)
        assert len(app.screen_stack) == 2
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1


async def test_an_outcome_replaces_the_progress_of_its_job() -> None:
    engine = FakeEngine()
    app = HostApp(engine, JobsScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        job = engine.jobs.begin(JobKind.INDEX, "index ~/a")
        engine.jobs.tell(JobFinished(job_id=job.id, message="7 pictures in 2 s.", seconds=2))
        await ready(pilot)
        assert "✔ done" in listed(screen)[0] and "7 pictures in 2 s." in listed(screen)[0]


ORDER = GenerationSpec(
    request=GenerateRequest(
        prompt="一只红狗",
        seed=7,
        width=64,
        height=32,
        loras=(Lora(path=Path("/ink.safetensors"), weight=0.5),),
        start_picture=Path("/a b.png"),
        strength=0.3,
    ),
    drawn=9,
    library="storybook",
    receipt_id="abc",
)


@pytest.mark.parametrize(
    ("kind", "text", "request_"),
    [
        ("index", INDEX, IndexRequest(folders=(Path("/data"),), per_class=3, seed=7)),
        ("download", '{"model": "a/b"}', DownloadRequest(model="a/b")),
        (
            "import",
            '{"encoder_id": "e", "pictures": "/p.npz", "texts": null, "languages": ["en", "zh"]}',
            ImportRequest(encoder_id="e", pictures=Path("/p.npz"), languages=("en", "zh")),
        ),
        (
            "export",
            '{"encoder_id": "e", "target": "/out", "layout": "clip-retrieval"}',
            ExportRequest(encoder_id="e", target=Path("/out"), layout="clip-retrieval"),
        ),
        ("paint", "{}", None),
        ("generate", request_to_json(ORDER), ORDER),
        ("generate", '{"request": 3}', None),
        ("index", "not JSON", None),
        ("index", '{"folders": ["/data"], "of_a_later_version": 1}', None),
    ],
)
def test_a_remembered_request_is_read_back_or_not_offered(
    kind: str, text: str, request_: object
) -> None:
    if request_ is None:
        with pytest.raises(RequestError):
            job_request(kind, text)
    else:
        assert job_request(kind, text) == request_


async def test_what_the_engine_writes_down_of_its_jobs_is_read_back(tmp_path: Path) -> None:
    settings = EngineSettings(home=tmp_path)
    cache = await Cache.open(tmp_path)
    index = IndexRequest(folders=(tmp_path / "a", tmp_path / "b"), encoder="small", per_class=2)
    imported = ImportRequest(encoder_id="e", pictures=tmp_path / "p.npz", languages=("en", "zh"))
    exported = ExportRequest(encoder_id="e", target=tmp_path / "out")
    exchange = Exchange(cache, settings)
    works: list[tuple[JobWork, object]] = [
        (Indexer(cache, Encoders(settings), settings).job(index), index),
        (exchange.import_job(imported), imported),
        (exchange.export_job(exported), exported),
        (Downloads(settings).job("a/b"), DownloadRequest(model="a/b")),
    ]
    for work, request in works:
        assert job_request(work.kind, work.request) == request
    await cache.aclose()


def test_the_command_of_a_job_names_what_differs_from_the_defaults() -> None:
    request = IndexRequest(folders=(Path("/my data"),), encoder="small", per_class=3, seed=7)
    assert job_command(None, request) == (
        "t2itui index --encoder small --per-class 3 --seed 7 '/my data'"
    )
    assert job_command(None, ORDER) == (
        "t2itui generate --seed 7 --size 64x32 --lora /ink.safetensors:0.5 --start '/a b.png'"
        " --strength 0.3 --in storybook '一只红狗'"
    )
    imported = ImportRequest(encoder_id="e", texts=Path("/t.npz"), languages=("en", "zh"))
    assert job_command(Path("/other"), imported) == (
        "t2itui --home /other cache import --encoder e --texts /t.npz --language en --language zh"
    )
