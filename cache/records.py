"""What the rows of the cache look like in Python."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderRecord:
    """A space of embeddings: everything that makes two vectors comparable."""

    id: str
    """Hub id or folder name, with a revision where one is known; vectors of two ids never mix."""
    dim: int
    logit_scale: float
    """The factor that turns a cosine into a logit; 100 for OpenAI's CLIP."""
    source: str
    """Where to load the model from (hub id or folder); empty for imported vectors only."""
    languages: tuple[str, ...] = ("en",)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRecord:
    """Decoded content, known by the SHA-256 of the whole file."""

    id: int
    sha256: str | None
    """None for a picture known only by the name it was imported under."""
    width: int
    """Pixels after EXIF orientation; 0 where the picture was never decoded."""
    height: int
    format: str
    partial: bool
    """The file was cut short; the pixels that could be read stand for it."""
    synthetic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A path that holds, or held, a picture."""

    path: str
    picture_id: int
    size: int
    """Bytes; 0 where the file was never seen."""
    mtime_ns: int
    present: bool
    """False once a scan did not find it any more; the row stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPicture:
    """What a result list shows of a picture: its content and its best path."""

    picture: PictureRecord
    file: FileRecord | None
    """A present path before a vanished one, the first in path order; None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPicture:
    """A decoded picture on its way into the cache."""

    sha256: str
    width: int
    height: int
    format: str
    partial: bool
    synthetic: bool = False
    thumbnail: bytes
    """An encoded WebP or JPEG picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFile:
    """A file as a scan found it: enough to tell whether it changed."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRecord:
    """A file that could not be read, not to be tried again until it changes."""

    path: str
    size: int
    mtime_ns: int
    reason: str
    failed_at: float
    """Unix time, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRecord:
    """The embedding of a text under one encoder."""

    text: str
    vector: Vectors
    """Unit length, shape (dim,)."""
    tokens: int
    """Tokens of the whole text; 0 where it was imported."""
    lost: str
    """The words that the tower cut off; empty when it read them all."""
    imported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MatcherRecord:
    """A trained matcher: its weights and what was measured of it."""

    id: int
    encoder_id: str
    created_at: float
    weights: bytes
    """A whole safetensors file."""
    report: str
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequelRecord:
    """What came of a decision after it was made."""

    override: str | None = None
    """What a person did against the route."""
    job_id: int | None = None
    """The job that painted for it."""
    result: str | None = None
    """SHA-256 of the picture that was painted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRecord:
    """The stored record of one decision."""

    id: str
    """The first 12 hex digits of the SHA-256 of everything the decision depended on."""
    query: str
    encoder_id: str
    route: str
    created_at: float
    used_at: float
    uses: int
    body: str
    """Canonical JSON of the decision and its results; the engine writes and reads it."""
    sequel: SequelRecord = SequelRecord()
    """Not part of the decision, and may change after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGenerated:
    """What is known of a painted picture before anything has looked at it."""

    request_key: str
    """Hash of everything but the seed that decides the picture."""
    model_id: str
    prompt: str
    recipe: str
    """JSON; the engine writes and reads it."""
    seed: int
    verdict: str
    """fine, or what is wrong with the picture."""
    library: str
    """What it was painted for: empty for a person's own pictures, else 'storybook'."""
    job_id: int
    receipt_id: str | None
    seconds: float
    """What painting took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedRecord:
    """A picture that was painted, or an attempt that gave none worth keeping."""

    id: int
    request_key: str
    model_id: str
    prompt: str
    recipe: str
    seed: int
    verdict: str
    library: str
    picture_id: int | None
    """None where nothing was kept."""
    sha256: str | None
    width: int
    """Pixels, as `height`; 0 where nothing was kept."""
    height: int
    path: str
    """Of its file; empty where nothing was kept."""
    job_id: int
    receipt_id: str | None
    encoder_id: str
    """Of the encoder in whose space it was scored; empty before that."""
    matcher: str
    """What `match` meant then."""
    cosine: float | None
    """With its prompt; None while it was not scored."""
    match: float | None
    seconds: float
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A background task as the cache remembers it."""

    id: int
    kind: str
    title: str
    state: str
    """queued, running, done, failed or cancelled; 'lost' where the process died before the end."""
    created_at: float
    updated_at: float
    request: str
    """JSON, enough to start it again."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryCounts:
    """How much the cache holds."""

    pictures: int
    present: int
    """Pictures that a file holds now."""
    vanished: int
    """Pictures whose files a scan did not find any more."""
    partial: int
    synthetic: int
    failures: int
    embedded: dict[str, int]
    """Pictures with an embedding, by encoder id."""
    bytes_on_disk: int
    """Size of the cache itself."""
    named: int = 0
    """Pictures known only by the name they were imported under."""
    storybook: int = 0
    """Pictures of the built-in library that no other folder holds."""

    @property
    def own(self) -> int:
        """Pictures that are not of the built-in library."""
        return self.pictures - self.storybook


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRecord:
    """An indexed root folder."""

    path: str
    pictures: int
    """Different pictures that files below it hold now."""
    vanished: int
    """Files below it that a scan did not find any more."""
    failures: int
    scanned_at: float
    """Unix time of the last complete scan; 0 if there was none."""
    is_builtin: bool = False
    """It is the storybook's, and nobody scans it."""
