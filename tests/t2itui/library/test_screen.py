"""The Library screen shows what the library holds and starts what changes it."""

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static, Tabs

from engine.errors import CacheReadOnlyError
from engine.events import JobFinished
from engine.results import EncoderRecord, FailureRecord, FolderRecord, ModelStatus
from engine.states import JobKind, ModelKind
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.library.forms import AddFolder, ImportVectors
from t2itui.screens.library.screen import LibraryScreen
from t2itui.widgets.key_line import KeyLine
from t2itui.widgets.path_input import PathInput
from t2itui.widgets.rows import RowList
from tests.t2itui.fake_library import FakeEngine, HostApp, settled

CLIP = "openai/clip-vit-base-patch32"


def folder(path: str, pictures: int = 10, scanned_at: float = 1.7e9) -> FolderRecord:
    return FolderRecord(path=path, pictures=pictures, vanished=1, failures=2, scanned_at=scanned_at)


def model(encoder_id: str, *, location: str = "", indexed: int = 0) -> ModelStatus:
    return ModelStatus(
        id=encoder_id,
        kind=ModelKind.ENCODER,
        known=True,
        location=location,
        indexed=indexed,
        languages=("en",),
        matcher="label-free",
    )


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.library.all_folders = [folder("/farm", 1200), folder("/zoo", 34, scanned_at=0)]
    engine.library.all_failures = [
        FailureRecord(
            path="/farm/\x1b[2Jbad.jpg", size=3, mtime_ns=1, reason="not a picture", failed_at=1.7e9
        )
    ]
    engine.library.gone = ["/farm/gone.jpg"]
    engine.all_models = [model(CLIP), model("small", location="/models/small", indexed=1234)]
    return engine


async def ready(pilot: Pilot[None]) -> LibraryScreen:
    return await settled(pilot, LibraryScreen, rounds=1)


def drawn(listing: RowList) -> list[str]:
    """The lines of a listing as they stand on the screen."""
    return [listing.render_line(y).text for y in range(listing.size.height)]


def words(screen: LibraryScreen, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


async def test_folders_stand_with_their_counts_and_the_totals_above(engine: FakeEngine) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        lines = drawn(screen.listing)
        assert lines[1].split()[:4] == ["/farm", "1,200", "1", "2"]
        assert "no full scan" in lines[2]
        assert words(screen, "#counts") == (
            "1,234 pictures, 1,233 on disk, 1 vanished, 2 cut short, 1 failure"
        )
        assert "cache 25 MB" in words(screen, "#disk")


async def test_failures_stand_with_their_reason_and_without_control_characters(
    engine: FakeEngine,
) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await pilot.press("right")
        await pilot.pause()
        assert screen.listing.id == "failures"
        line = drawn(screen.listing)[1]
        assert "bad.jpg" in line and "not a picture" in line
        assert "\x1b" not in line + words(screen, "#row")


async def test_a_click_on_a_tab_shows_its_table(engine: FakeEngine) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await pilot.click("Tab#encoders")
        await pilot.pause()
        lines = drawn(screen.listing)
        assert lines[1].split()[:3] == [CLIP, "no", "-"]
        assert lines[2].split()[:3] == ["small", "yes", "1,234"]
        assert "label-free" in lines[2]


async def test_adding_a_folder_starts_an_index_job_as_the_form_says(
    engine: FakeEngine, tmp_path: Path
) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await pilot.press("a")
        dialog = app.screen
        assert isinstance(dialog, AddFolder)
        dialog.folder.take(str(tmp_path))
        dialog.encoder.value = "small"
        dialog.per_class.value = "500"
        dialog.seed.value = "7"
        dialog.exclude.value = "raw/ 'my drafts/' *.gif"
        await pilot.pause()
        assert (
            "t2itui index --encoder small --per-class 500 --seed 7 --exclude raw/"
            f" --exclude 'my drafts/' --exclude '*.gif' {tmp_path}"
        ) in str(dialog.command_line.render())
        await pilot.press("enter")
        await pilot.pause()
    (request,) = engine.indexed
    assert request.folders == (tmp_path,)
    assert (request.encoder, request.per_class, request.seed) == ("small", 500, 7)
    assert request.exclude == ("raw/", "my drafts/", "*.gif")


@pytest.mark.parametrize(
    ("patterns", "problem"), [("'raw", "No closing quotation"), ("raw/ !", "Invalid git pattern")]
)
async def test_patterns_that_are_none_keep_the_form_open(
    engine: FakeEngine, tmp_path: Path, patterns: str, problem: str
) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await pilot.press("a")
        dialog = app.screen
        assert isinstance(dialog, AddFolder)
        dialog.folder.take(str(tmp_path))
        dialog.encoder.value, dialog.exclude.value = "small", patterns
        await pilot.press("enter")
        await pilot.pause()
        assert problem in str(dialog.problem.render())
    assert engine.indexed == []


async def test_a_folder_that_is_not_there_keeps_the_form_open_and_says_so(
    engine: FakeEngine, tmp_path: Path
) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await pilot.press("a")
        dialog = app.screen
        assert isinstance(dialog, AddFolder)
        dialog.folder.take(str(tmp_path / "missing"))
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert "is no folder on this machine" in str(dialog.problem.render())
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, LibraryScreen)
    assert engine.indexed == []


async def test_tab_completes_a_path_like_a_shell(engine: FakeEngine, tmp_path: Path) -> None:
    for name in ("horses-brown", "horses-white", "cows", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "horses.txt").touch()
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await pilot.press("a")
        dialog = app.screen
        assert isinstance(dialog, AddFolder)
        dialog.folder.take(f"{tmp_path}/h")
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.press("tab")
        assert dialog.folder.line.value == f"{tmp_path}/horses-"
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        assert dialog.folder.line.value == f"{tmp_path}/horses-white/"
        assert dialog.focused is dialog.folder.line


async def test_the_list_of_folders_can_be_clicked_and_goes_with_the_focus(
    engine: FakeEngine, tmp_path: Path
) -> None:
    for name in ("cows", "horses"):
        (tmp_path / name).mkdir()
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await pilot.press("a")
        await pilot.pause()
        dialog = app.screen
        assert isinstance(dialog, AddFolder)
        dialog.folder.take(f"{tmp_path}/")
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert dialog.folder.options.display
        await pilot.click(dialog.folder.options, offset=(3, 1))
        await pilot.pause()
        assert dialog.folder.line.value == f"{tmp_path}/horses/"
        assert dialog.focused is dialog.folder.line
        dialog.folder.take(f"{tmp_path}/")
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert dialog.folder.options.display
        dialog.encoder.focus()
        await pilot.pause()
        assert not dialog.folder.options.display


async def test_rescan_takes_the_folder_under_the_cursor_and_all_takes_all(
    engine: FakeEngine,
) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await pilot.press("down", "r", "R")
        await pilot.pause()
    assert [request.folders for request in engine.indexed] == [
        (Path("/zoo"),),
        (Path("/farm"), Path("/zoo")),
    ]


@pytest.mark.parametrize(
    ("configured", "encoder"), [(CLIP, "/models/small"), ("/models/small", None), ("small", None)]
)
async def test_a_rescan_takes_the_encoder_of_the_library_where_the_configured_one_is_absent(
    engine: FakeEngine, configured: str, encoder: str | None
) -> None:
    engine.settings = replace(engine.settings, encoder=configured)
    engine.library.all_encoders = [
        EncoderRecord(id="small", dim=32, logit_scale=100, source="/models/small"),
        EncoderRecord(id=CLIP, dim=512, logit_scale=100, source=""),
    ]
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await pilot.press("r")
        await pilot.pause()
    assert [request.encoder for request in engine.indexed] == [encoder]


async def test_forgetting_a_folder_asks_first(engine: FakeEngine) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await pilot.press("f")
        await pilot.pause()
        assert isinstance(app.screen, Confirm)
        await pilot.press("escape")
        await pilot.pause()
        assert engine.library.forgotten == []
        await pilot.press("f")
        await pilot.pause()
        assert "t2itui library --forget /farm" in str(
            app.screen.query_one("#command", Static).render()
        )
        await pilot.press("enter")
        await ready(pilot)
        assert engine.library.forgotten == [Path("/farm")]
        assert "/farm" not in drawn(screen.listing)[1]


async def test_a_cache_that_cannot_be_written_is_said_with_what_to_do(engine: FakeEngine) -> None:
    async def refuse(folder: Path) -> int:
        raise CacheReadOnlyError("the cache is read-only", hint="chmod it")

    engine.library.forget = refuse  # type: ignore[method-assign]
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await pilot.press("f")
        await pilot.pause()
        await pilot.press("enter")
        await ready(pilot)
        (notice,) = app._notifications
        assert (notice.message, notice.severity) == ("the cache is read-only\nchmod it", "error")
        assert "/farm" in drawn(screen.listing)[1]


async def test_a_missing_encoder_is_downloaded_and_a_present_one_is_not(
    engine: FakeEngine,
) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        screen.query_one(Tabs).active = "encoders"
        await pilot.pause()
        await pilot.press("d", "down", "d")
        await pilot.pause()
    assert engine.downloaded == [CLIP]


async def test_the_import_form_asks_for_vectors_under_an_encoder(
    engine: FakeEngine, tmp_path: Path
) -> None:
    pictures, texts = tmp_path / "p.npz", tmp_path / "t.npz"
    pictures.touch()
    texts.touch()
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("i")
        dialog = app.screen
        assert isinstance(dialog, ImportVectors)
        await pilot.click("#go")
        assert "name pictures, texts or both" in str(dialog.problem.render())
        dialog.query_one("#pictures", PathInput).take(str(pictures))
        dialog.query_one("#texts", PathInput).take(str(texts))
        dialog.query_one("#root", PathInput).take(str(tmp_path))
        dialog.query_one("#scale", Input).value = "0"
        await pilot.pause()
        # By its own key: a message above the button moves it.
        dialog.query_one("#scale", Input).focus()
        await pilot.press("enter")
        await pilot.pause()
        assert "positive" in str(dialog.problem.render())
        dialog.query_one("#scale", Input).value = "64"
        await pilot.pause()
        # By its own key: a message above the button moves it.
        dialog.query_one("#scale", Input).focus()
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
    (request,) = engine.imported
    assert (request.encoder_id, request.pictures, request.texts) == (CLIP, pictures, texts)
    assert (request.root, request.logit_scale) == (tmp_path, 64.0)


@pytest.mark.parametrize(
    ("presses", "copied"),
    [
        (["y"], "t2itui index /farm"),
        (["p"], "/farm"),
        (["right", "y"], "t2itui library --failures"),
        (["right", "p"], "/farm/\x1b[2Jbad.jpg"),
        (["right", "right", "right", "y"], f"t2itui models get {CLIP}"),
    ],
)
async def test_what_is_copied_belongs_to_the_table_in_front(
    engine: FakeEngine, presses: list[str], copied: str
) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        for key in presses:
            await pilot.press(key)
            await pilot.pause()
        assert app.clipboard == copied


async def test_the_figures_follow_when_a_job_has_ended(engine: FakeEngine) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        job = engine.jobs.begin(JobKind.INDEX, "index /barn")
        engine.library.all_folders.append(folder("/barn", 5))
        engine.jobs.tell(JobFinished(job_id=job.id, message="5 pictures.", seconds=1.0))
        await ready(pilot)
        assert "/barn" in drawn(screen.listing)[3]
        assert "1,239 pictures" in words(screen, "#counts")


async def test_every_offered_action_can_be_done_with_the_mouse(engine: FakeEngine) -> None:
    app = HostApp(engine, LibraryScreen)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        line = app.screen.query_one(KeyLine)
        shown = {place.description for place in line.places}
        assert {"Add folder", "Rescan", "All", "Forget", "Import", "Copy path", "Command"} <= shown
        add = next(place for place in line.places if place.description == "Add folder")
        await pilot.click(line, offset=(add.right - 1, 0))
        await pilot.pause()
        assert isinstance(app.screen, AddFolder)
        await pilot.click(app.screen.query_one("#cancel", Button))
        await pilot.pause()
        assert isinstance(app.screen, LibraryScreen)
