"""What the engine reports: plain values that know nothing of who listens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Base of everything a job reports."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueued(JobEvent):
    """A job was accepted and waits for its turn."""

    kind: str
    """index, download, import, export; later generate, train, evaluate."""
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMoved(JobEvent):
    """A waiting job was moved in its queue."""

    place: int
    """From 1, the next one to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted(JobEvent):
    """A job left the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress(JobEvent):
    """How far a job is; a later one makes this one stale."""

    stage: str
    """What is being done, for people: 'walking', 'loading the encoder', 'indexing'."""
    done: int
    total: int
    """0 while unknown."""
    unit: str = ""
    """What is counted: 'pictures', 'bytes'."""
    rate: float = 0.0
    """Units a second; 0 while unknown."""
    eta_s: float | None = None
    detail: str = ""
    """The file or folder at hand, as found: untrusted text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNote(JobEvent):
    """Something worth telling that does not stop the job."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryChanged(JobEvent):
    """A batch was committed: searches see more, or other, pictures from now on."""

    added: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished(JobEvent):
    """A job did all it was asked to."""

    message: str
    """A sentence with the figures of the job."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed(JobEvent):
    """A job stopped because of an error; what it had committed stays."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelled(JobEvent):
    """A job was stopped by a person; what it had committed stays."""

    message: str
    seconds: float
    """From the request to the moment the work had stopped."""


Report: TypeAlias = Callable[[JobEvent], None]
"""Takes an event; is called on the event loop only, and must return at once."""
