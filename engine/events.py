"""What the engine reports: plain values that know nothing of who listens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from engine.states import JobKind


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Base of everything a job reports."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueued(JobEvent):
    """A job was accepted and waits for its turn."""

    kind: JobKind
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
class JobWaiting(JobProgress):
    """Another instance of the program paints on the device; the job goes on once it is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLoading(JobProgress):
    """A generator is on its way into memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep(JobProgress):
    """A denoising step is done; `done` and `total` count the steps of one picture."""

    picture: int
    """From 1, of the pictures that the job paints."""
    pictures: int
    seconds_a_step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDecoding(JobProgress):
    """All steps are done; the latents become a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPreview(JobEvent):
    """What the picture looks like so far, small; at most 10 a second."""

    rgb: bytes
    """uint8 [height, width, 3]."""
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSteppedDown(JobNote):
    """Memory ran out, and the generator tries again with less."""

    what: str
    """What was given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKept(JobEvent):
    """A picture is in the library: painted by this job, or before."""

    picture: int
    """From 1, of the pictures that the job paints."""
    pictures: int
    picture_id: int
    path: str
    seed: int
    width: int
    height: int
    seconds: float
    """What painting it took, whenever that was."""
    cached: bool
    """It was painted before, for the same request with the same model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobScored(JobEvent):
    """How a kept picture fits its prompt, beside the best picture that was not painted."""

    picture_id: int
    seed: int
    encoder: str
    matcher: str
    """What `match` means here."""
    cosine: float
    match: float
    best_picture_id: int | None = None
    """None where the library holds no other picture."""
    best_path: str = ""
    best_cosine: float = 0.0
    best_match: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpoilt(JobEvent):
    """A picture came out as none; it was not kept."""

    picture: int
    pictures: int
    seed: int
    verdict: str
    """black, nan or blocked."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress(JobEvent):
    """How well what is being trained does, on pictures that it does not learn from."""

    what: str
    """matcher or two-branch."""
    stage: str
    """resumed, metric, step or epochs."""
    step: int
    """Of the steps of the metric, or of all epochs."""
    steps: int
    epoch: int
    """Epochs done; 0 during the metric."""
    epochs: int
    loss: float
    """0 where it is not known yet."""
    average_precision: float
    """Validation mAP, text -> picture, when it was last measured."""
    recall: float
    """Validation recall@1, measured with it."""
    apart: float
    """Validation AUC of right texts over swapped ones; 0 where nothing is swapped."""
    best: float
    """Validation mAP of what is kept so far."""
    since: int
    """Epochs since then."""
    patience: int
    """So many of them end the training early."""


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
    error: str = ""
    """The name of the engine's or the cache's error; empty for any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelled(JobEvent):
    """A job was stopped by a person; what it had committed stays."""

    message: str
    seconds: float
    """From the request to the moment the work had stopped."""


Report: TypeAlias = Callable[[JobEvent], None]
"""Takes an event; is called on the event loop only, and must return at once."""
