"""Walking and planning, without a cache or a process."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cache.files import FailureRecord
from engine.errors import RequestError
from engine.events import JobEvent, JobProgress
from engine.jobs.progress import ProgressReporter
from engine.library.decoders import READER, decoder_version
from engine.library.folders import ScannedFolder, check_roots, walk
from engine.library.indexing import sentence
from engine.library.plan import (
    DECODER_ATTEMPTS,
    Blame,
    FileTask,
    KnownFiles,
    ScanPlan,
    make_plan,
    sample_evenly,
)
from engine.results import IndexSummary
from engine.states import FailureCause

ROW = (10, 5, 1, True)
BLAME = Blame(decoder="pillow 12", model="clip 224")


def folder(path: str, *names: str, error: str = "") -> ScannedFolder:
    return ScannedFolder(path, files=[(f"{path}/{name}", 10, 5) for name in names], error=error)


def planned(
    folders: list[ScannedFolder],
    files: dict[str, tuple[int, int, int, bool]],
    bad: tuple[FailureRecord, ...] = (),
    missing: frozenset[int] = frozenset(),
) -> ScanPlan:
    plan = ScanPlan()
    known = KnownFiles(
        files=files,
        failures={record.path: record for record in bad},
        missing=missing,
        blame=BLAME,
    )
    make_plan(plan, folders, known)
    return plan


def failure(path: str, size: int = 10) -> FailureRecord:
    return FailureRecord(
        path=path, size=size, mtime_ns=5, reason="bad", failed_at=0.0, blamed=BLAME.decoder
    )


def test_only_names_that_promise_a_picture_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.txt", ".d.jpg", "jpg", "e.heic", "z/f.webp", ".h/g.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [
        path for folder in walk([str(tmp_path)], threading.Event()) for path, *_ in folder.files
    ]
    names = [str(Path(path).relative_to(tmp_path)) for path in found]
    assert names == ["a.jpg", "b.PNG", "e.heic", "z/f.webp"]


def test_walking_stops_when_it_is_told_to(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).mkdir()
    stop = threading.Event()
    visited = 0
    for _ in walk([str(tmp_path)], stop):
        visited += 1
        stop.set()
    assert visited == 1


def test_a_folder_that_cannot_be_listed_says_why_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "shut", "z"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.jpg").touch()
    real = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry[str]]:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    folders = list(walk([str(tmp_path)], threading.Event()))
    assert [(Path(one.path).name, one.error) for one in folders[1:]] == [
        ("a", ""),
        ("shut", "Permission denied"),
        ("z", ""),
    ]


def test_what_lies_below_an_unreadable_folder_has_not_vanished() -> None:
    files = dict.fromkeys(
        ("/r/a.jpg", "/r/shut/b.jpg", "/r/shut/deep/c.jpg", "/r/shutter/d.jpg"), ROW
    )
    bad = (failure("/r/shut/bad.jpg"), failure("/r/gone.jpg"))
    plan = planned([folder("/r"), folder("/r/shut", error="Permission denied")], files, bad)
    assert plan.missing == ["/r/a.jpg", "/r/shutter/d.jpg"]
    assert plan.forgiven == ["/r/gone.jpg"]
    assert plan.unreadable == [("/r/shut", "Permission denied")]


def test_files_are_unchanged_changed_new_or_back() -> None:
    files = {
        "/r/same": ROW,
        "/r/changed": (11, 5, 2, True),
        "/r/back": (10, 5, 3, False),
        "/r/named": (0, 0, 4, False),
    }
    plan = planned([folder("/r", "same", "changed", "new", "back", "named")], files)
    assert (plan.found, plan.unchanged) == (5, 1)
    assert plan.tasks == [
        FileTask("/r/changed", 10, 5, None, True, False),
        FileTask("/r/new", 10, 5, None, False, False),
        FileTask("/r/named", 10, 5, 4, False, False),
    ]
    assert [picture_id for _, picture_id in plan.returned] == [3]
    assert plan.missing == []


def test_an_unchanged_file_without_an_embedding_is_read() -> None:
    plan = planned([folder("/r", "a")], {"/r/a": ROW}, missing=frozenset({1}))
    assert [task.path for task in plan.tasks] == ["/r/a"]


def test_a_bad_file_waits_until_it_changes() -> None:
    bad = (failure("/r/same"), failure("/r/changed", size=11))
    plan = planned([folder("/r", "same", "changed")], {}, bad)
    assert plan.known_bad == 1
    assert plan.tasks == [FileTask("/r/changed", 10, 5, None, False, True, bad[1])]
    assert plan.forgiven == []


@pytest.mark.parametrize(
    ("cause", "blamed", "attempts", "is_tried"),
    [
        (FailureCause.FILE, BLAME.decoder, 1, False),
        (FailureCause.FILE, "pillow 11", 9, True),
        (FailureCause.DECODER, BLAME.decoder, DECODER_ATTEMPTS - 1, True),
        (FailureCause.DECODER, BLAME.decoder, DECODER_ATTEMPTS, False),
        (FailureCause.DECODER, "pillow 11", DECODER_ATTEMPTS, True),
        (FailureCause.MODEL, BLAME.model, 1, False),
        (FailureCause.MODEL, "chinese-clip 224", 1, True),
        (FailureCause.MOMENT, BLAME.decoder, 99, True),
    ],
)
@pytest.mark.parametrize("has_row", [False, True])
def test_a_failure_is_tried_again_when_what_failed_has_changed(
    cause: FailureCause, blamed: str, attempts: int, is_tried: bool, has_row: bool
) -> None:
    """With a row the file is known, under another encoder, and lacks this one's embedding."""
    bad = replace(failure("/r/a.jpg"), cause=cause, blamed=blamed, attempts=attempts)
    files = {"/r/a.jpg": ROW} if has_row else {}
    plan = planned([folder("/r", "a.jpg")], files, (bad,), frozenset([1]))
    assert plan.tasks == ([FileTask("/r/a.jpg", 10, 5, None, has_row, True, bad)] * is_tried)
    assert plan.known_bad == (not is_tried)
    assert plan.forgiven == []


def test_a_cause_that_nobody_knows_is_tried_again() -> None:
    assert not BLAME.holds(replace(failure("/r/a.jpg"), cause="?"), 10, 5)


def test_failures_in_a_row_are_counted_while_they_are_the_same() -> None:
    before = replace(failure("/r/a.jpg"), cause=FailureCause.DECODER, attempts=1)
    task = FileTask("/r/a.jpg", 10, 5, None, False, True, before)
    assert task.failure("hung", FailureCause.DECODER, BLAME).attempts == 2
    assert task.failure("empty", FailureCause.FILE, BLAME).attempts == 1
    newer = Blame(decoder="pillow 13", model="")
    assert task.failure("hung", FailureCause.DECODER, newer).attempts == 1
    changed = FileTask("/r/a.jpg", 11, 6, None, False, True, before)
    assert changed.failure("hung", FailureCause.DECODER, BLAME).attempts == 1


@pytest.mark.parametrize("name", ["current", "loop.png"])
def test_a_link_to_itself_is_named_and_hides_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(name)
    (tmp_path / "below").mkdir()
    gone = dict.fromkeys((f"{tmp_path}/dog.jpg", f"{tmp_path}/below/cat.jpg"), ROW)
    plan = planned(list(walk([str(tmp_path)], threading.Event())), dict(gone))
    assert plan.missing == list(gone)
    assert plan.unreadable == []
    assert [record.path for record in plan.failures] == [f"{tmp_path}/{name}"]


def test_a_link_that_may_not_be_followed_hides_only_what_lies_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "album").symlink_to("/nowhere")
    (tmp_path / "album2.jpg").touch()
    files = {f"{tmp_path}/{name}": ROW for name in ("album/a.jpg", "album2.jpg", "b.jpg")}
    real = os.scandir

    class Locked:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.path = entry.name, entry.path

        def is_dir(self) -> bool:
            raise PermissionError(13, "Permission denied")

    class Listing(list[object]):
        def __enter__(self) -> "Listing":
            return self

        def __exit__(self, *_: object) -> None: ...

    def scandir(path: str) -> object:
        return Listing(Locked(e) if e.name == "album" else e for e in real(path))

    monkeypatch.setattr(os, "scandir", scandir)
    plan = planned(list(walk([str(tmp_path)], threading.Event())), files)
    assert plan.missing == [f"{tmp_path}/b.jpg"]
    assert [record.reason for record in plan.failures] == ["Permission denied"]


def test_files_that_were_not_sampled_have_not_vanished() -> None:
    names = [f"{number}.jpg" for number in range(20)]
    files = {f"/r/{name}": ROW for name in names}
    plan, known = ScanPlan(), KnownFiles(files=files, failures={}, missing=frozenset(), blame=BLAME)
    make_plan(plan, [folder("/r", *names)], known, sample_evenly(["/r"], 5, seed=1))
    assert (plan.found, plan.unchanged, plan.missing) == (5, 5, [])


def test_sampling_depends_on_the_seed_and_not_on_where_the_set_lies() -> None:
    names = [f"{number:02}.jpg" for number in range(30)]

    def sample(root: str, seed: int) -> list[str]:
        chosen = sample_evenly([root], 5, seed)(
            f"{root}/cats", folder(f"{root}/cats", *names).files
        )
        return [Path(path).name for path, *_ in chosen]

    assert sample("/here", 7) == sample("/there", 7)
    assert sample("/here", 7) != sample("/here", 8)
    assert sample("/here", 7) == sorted(sample("/here", 7))


def test_roots_are_absolute_and_none_lies_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert check_roots([Path("a/b"), Path("a"), Path("a/../a")]) == [str(tmp_path / "a")]
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    strange.mkdir()
    with pytest.raises(RequestError, match=r"caf\\xe9 is not valid UTF-8"):
        check_roots([strange])
    with pytest.raises(RequestError, match="No folder"):
        check_roots([])


def test_progress_is_told_ten_times_a_second_with_rate_and_time_left() -> None:
    events: list[JobEvent] = []
    now = 0.0
    progress = ProgressReporter(1, events.append, clock=lambda: now)
    for done in range(1001):
        now = done * 0.01
        progress.report("indexing", done, 1000)
    assert 95 <= len(events) <= 102
    middle, last = events[50], events[-1]
    assert isinstance(middle, JobProgress)
    assert isinstance(last, JobProgress)
    assert middle.rate == pytest.approx(100)
    assert middle.eta_s == pytest.approx((1000 - middle.done) / 100)
    assert (last.done, last.eta_s) == (1000, 0)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    events: list[JobEvent] = []
    now, done = 0.0, 0
    progress = ProgressReporter(1, events.append, clock=lambda: now)
    for step in range(100):
        now, done = step * 1.0, done + (100 if step < 50 else 1)
        progress.report("indexing", done, 10_000)
    last = events[-1]
    assert isinstance(last, JobProgress)
    assert last.rate == pytest.approx(1, rel=0.2)


def test_the_sentence_leaves_out_what_did_not_happen() -> None:
    summary = IndexSummary(found=1, added=1, unreadable_folders=2, seconds=0.5)
    assert sentence(summary) == "1 file in 0.5 s: 1 new; 2 folders could not be read."
    assert sentence(IndexSummary(seconds=1)) == "0 files in 1.0 s: no pictures."


def test_a_link_to_itself_hides_nothing_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "here.jpg").write_bytes(b"x")
    (tmp_path / "current").symlink_to("current")
    (tmp_path / "odd.png").symlink_to("odd.png")
    known = {str(tmp_path / "gone.jpg"): ROW, f"{tmp_path}/current/gone.jpg": ROW}
    plan = planned(list(walk([str(tmp_path)], threading.Event())), dict(known))
    assert sorted(plan.missing) == sorted(known)
    reasons = {record.reason for record in plan.failures}
    assert reasons == {"it is a link that leads back to itself"}


def test_what_our_own_reader_learned_is_tried_on_what_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Blame(decoder=decoder_version(10), model="")
    task = FileTask("/p/a.webp", 5, 7, None, False, False)
    failed = task.failure("it is damaged", FailureCause.FILE, before)
    assert before.holds(failed, 5, 7)
    monkeypatch.setattr("engine.library.decoders.READER", READER + 1)
    assert not Blame(decoder=decoder_version(10), model="").holds(failed, 5, 7)
