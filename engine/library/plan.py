"""Compares what lies on the disk with what the cache knows, and says what is to be read."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cache.files import FailureRecord, SeenFile
from engine.library.folders import FoundFile, ScannedFolder, is_text, readable
from engine.states import FailureCause

DECODER_ATTEMPTS = 3
"""A file that the decoder crashes on, or hangs with, is left alone after so many runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """What a failure is about beside the file: while that stays the same, so does the failure."""

    decoder: str
    model: str
    """The encoder with its picture settings; empty where none is at hand."""

    def of(self, cause: FailureCause) -> str:
        """What is blamed for a failure of that cause."""
        return self.model if cause is FailureCause.MODEL else self.decoder

    def holds(self, failure: FailureRecord, size: int, mtime_ns: int) -> bool:
        """Whether a file that failed would fail again."""
        try:
            cause = FailureCause(failure.cause)
        except ValueError:
            return False
        is_same = (failure.size, failure.mtime_ns) == (size, mtime_ns)
        if cause is FailureCause.MOMENT or not is_same or failure.blamed != self.of(cause):
            return False
        return cause is not FailureCause.DECODER or failure.attempts >= DECODER_ATTEMPTS


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file to be read."""

    path: str
    size: int
    mtime_ns: int
    named_id: int | None
    """The picture that was imported under this path, and has no content yet."""
    was_known: bool
    """The path has a row, which is out of date if the file turns out bad."""
    was_bad: bool
    """The path is among the failures, to be struck from it if the file is good now."""
    failed: FailureRecord | None = None
    """How it failed the last time."""

    def failure(self, reason: str, cause: FailureCause, blame: Blame) -> FailureRecord:
        """What is kept of it where it gave no picture."""
        blamed, before = blame.of(cause), self.failed
        now = (self.size, self.mtime_ns, cause, blamed)
        is_same = before is not None and now == (
            before.size,
            before.mtime_ns,
            before.cause,
            before.blamed,
        )
        return FailureRecord(
            path=self.path,
            size=self.size,
            mtime_ns=self.mtime_ns,
            reason=reason,
            failed_at=time.time(),
            cause=cause,
            blamed=blamed,
            attempts=before.attempts + 1 if before is not None and is_same else 1,
        )


@dataclass(slots=True)
class ScanPlan:
    """What a scan found; grows while the scan runs."""

    found: int = 0
    unchanged: int = 0
    known_bad: int = 0
    tasks: list[FileTask] = field(default_factory=list)
    returned: list[tuple[SeenFile, int]] = field(default_factory=list)
    """Files that were missing and are back as they were, with their picture."""
    failures: list[FailureRecord] = field(default_factory=list)
    """New ones, of things that need no reading to be refused."""
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Folders and why they could not be read."""
    missing: list[str] = field(default_factory=list)
    left_out: int = 0
    """Files and folders that were not looked at, since nobody wants them in a library."""
    dropped: list[str] = field(default_factory=list)
    """Paths that have a row and are left out by now."""
    forgiven: list[str] = field(default_factory=list)
    """Paths among the failures that are gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFiles:
    """What the cache knows below the roots, and which pictures lack an embedding."""

    files: dict[str, tuple[int, int, int, bool]]
    """Path -> size, mtime_ns, picture id, present. Used up by the planning."""
    failures: Mapping[str, FailureRecord]
    missing: frozenset[int]
    blame: Blame


Choose = Callable[[str, list[FoundFile]], list[FoundFile]]
"""Takes a folder and its files; returns those to be indexed."""


def sample_evenly(roots: Iterable[str], per_class: int, seed: int) -> Choose:
    """Choose at most `per_class` files of each folder; the same seed chooses the same ones."""
    bases = tuple(roots)

    def choose(folder: str, files: list[FoundFile]) -> list[FoundFile]:
        if len(files) <= per_class:
            return files
        base = next(root for root in bases if os.path.commonpath((root, folder)) == root)
        generator = random.Random(f"{seed}:{os.path.relpath(folder, base)}")
        return sorted(generator.sample(files, per_class))

    return choose


def make_plan(
    plan: ScanPlan,
    folders: Iterable[ScannedFolder],
    known: KnownFiles,
    choose: Choose | None = None,
) -> None:
    """Fill in `plan` from the folders, which may be watched from another thread meanwhile."""
    blind: list[str] = []
    left_out: set[str] = set()
    struck = dict(known.failures)
    for folder in folders:
        if folder.error:
            plan.unreadable.append((folder.path, folder.error))
            blind.append(folder.path.rstrip("/") + "/")
        blind += [path + "/" for path in folder.hidden]
        for path in folder.hidden:
            known.files.pop(path, None)
        plan.left_out += len(folder.left_out)
        left_out |= set(folder.left_out)
        files = folder.files
        if choose is not None:
            for path, _, _ in files:
                struck.pop(path, None)
            chosen = choose(folder.path, files)
            _spare_unchosen(files, chosen, known)
            files = chosen
        _compare(plan, files, known, struck)
        for path, reason in folder.odd:
            _refuse(plan, struck, (path, 0, 0), reason)
    prefixes = tuple(blind)
    if left_out:
        plan.dropped = [path for path in known.files if _lies_in(path, left_out)]
        for path in plan.dropped:
            del known.files[path]
    plan.missing = [
        path for path, row in known.files.items() if row[3] and not path.startswith(prefixes)
    ]
    plan.forgiven = [path for path in struck if not path.startswith(prefixes)]


def _lies_in(path: str, folders: set[str]) -> bool:
    """Whether a path is one of some folders, or lies below one."""
    while path not in folders:
        above = path.rpartition("/")[0]
        if not above:
            return False
        path = above
    return True


def _spare_unchosen(files: list[FoundFile], chosen: list[FoundFile], known: KnownFiles) -> None:
    """Files that were not chosen are still there: they must not count as missing."""
    taken = {path for path, _, _ in chosen}
    for path, _, _ in files:
        if path not in taken:
            known.files.pop(path, None)


def _compare(
    plan: ScanPlan, files: list[FoundFile], known: KnownFiles, struck: dict[str, FailureRecord]
) -> None:
    plan.found += len(files)
    rows, missing = known.files, known.missing
    for found in files:
        path, size, mtime_ns = found
        row = rows.pop(path, None)
        if row is None or row[0] != size or row[1] != mtime_ns:
            _look_closer(plan, found, row, known, struck)
        elif row[2] in missing:
            failure = known.failures.get(path)
            if failure is not None and known.blame.holds(failure, size, mtime_ns):
                struck.pop(path, None)
                plan.known_bad += 1
                continue
            struck.pop(path, None)
            was_bad = failure is not None
            plan.tasks.append(FileTask(path, size, mtime_ns, None, True, was_bad, failure))
        elif row[3]:
            plan.unchanged += 1
        else:
            seen = SeenFile(path=path, size=size, mtime_ns=mtime_ns)
            plan.returned.append((seen, row[2]))


def _look_closer(
    plan: ScanPlan,
    found: FoundFile,
    row: tuple[int, int, int, bool] | None,
    known: KnownFiles,
    struck: dict[str, FailureRecord],
) -> None:
    """Plan a file that is new, changed, among the failures, or known by name alone."""
    path, size, mtime_ns = found
    if row is None and not is_text(path):
        _refuse(plan, struck, found, "its name is not valid UTF-8: rename it")
        return
    failure = known.failures.get(path)
    struck.pop(path, None)
    if failure is not None and known.blame.holds(failure, size, mtime_ns):
        plan.known_bad += 1
        return
    by_name = row is not None and row[:2] == (0, 0) and not row[3]
    named_id = row[2] if row is not None and by_name else None
    was_known = row is not None and not by_name
    was_bad = failure is not None
    plan.tasks.append(FileTask(path, size, mtime_ns, named_id, was_known, was_bad, failure))


def _refuse(
    plan: ScanPlan, struck: dict[str, FailureRecord], found: FoundFile, reason: str
) -> None:
    """Enter something among the failures unread, unless it is there already."""
    name = readable(found[0])
    failure = struck.pop(name, None)
    if failure is not None and (failure.size, failure.mtime_ns) == found[1:]:
        plan.known_bad += 1
        return
    plan.failures.append(
        FailureRecord(
            path=name, size=found[1], mtime_ns=found[2], reason=reason, failed_at=time.time()
        )
    )
