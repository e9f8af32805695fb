"""What the engine answers: values without a widget, tensor or connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.states import CheckState, ModelKind, Route, ZeroState

if TYPE_CHECKING:
    # Row types of the cache that screens and commands read, as the engine hands them out.
    from cache.attached import AttachedRecord as AttachedRecord
    from cache.embeddings import EncoderRecord as EncoderRecord
    from cache.files import FailureRecord as FailureRecord
    from cache.files import FolderRecord as FolderRecord
    from cache.generated import GeneratedRecord as GeneratedRecord
    from cache.jobs import JobRecord as JobRecord
    from cache.library import LibraryCounts as LibraryCounts
    from cache.matchers import MatcherRecord as MatcherRecord
    from cache.sheets import SheetRecord as SheetRecord
    from cache.states import StatesUsage as StatesUsage

_ROW_TYPES = {
    "AttachedRecord": "cache.attached",
    "EncoderRecord": "cache.embeddings",
    "FailureRecord": "cache.files",
    "FolderRecord": "cache.files",
    "GeneratedRecord": "cache.generated",
    "JobRecord": "cache.jobs",
    "LibraryCounts": "cache.library",
    "MatcherRecord": "cache.matchers",
    "SheetRecord": "cache.sheets",
    "StatesUsage": "cache.states",
}
"""Imported when asked for: an answer needs none of them."""


def __getattr__(name: str) -> object:
    if name not in _ROW_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ROW_TYPES[name]), name)


FloatArray: TypeAlias = NDArray[np.float32]
IdArray: TypeAlias = NDArray[np.int64]

HISTOGRAM_BINS = 64
WORD_THRESHOLD = 0.5
"""The strength from which on a word is somewhere in a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A picture as result lists and details show it."""

    picture_id: int
    path: str
    """The best path; untrusted text. A picture imported by name has that name here."""
    present: bool
    """A file was at `path` when it was last looked for."""
    sha256: str | None
    width: int
    height: int
    size: int
    """Bytes; 0 where unknown."""
    mtime: float
    """Unix time; 0 where unknown."""
    partial: bool
    synthetic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One picture of an answer, as the receipt keeps it."""

    rank: int
    """From 1, under the scorer that ranks."""
    picture_id: int
    path: str
    sha256: str | None
    cosine: float
    match: float
    synthetic: bool
    missing: bool = False
    """The last scan did not find its file any more."""
    others: dict[str, float] = field(default_factory=dict)
    """What further scorers gave it, by name."""
    placed: dict[str, float] = field(default_factory=dict)
    """The same as probabilities, of those that were placed as `match` is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """What background texts that the library does not show reach in it by chance, as `match`."""

    half: float
    """Half of them stay below it."""
    high: float
    """Nine tenths of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The stored record of one decision."""

    id: str
    query: str
    encoder: str
    matcher: str
    """What `match` means here: 'label-free (...)' or the name of a trained matcher."""
    ranked_by: str
    threshold: float
    route: Route
    reason: str
    best_cosine: float
    best_match: float
    passed: int
    """Pictures at or above the threshold."""
    considered: int
    """Pictures in the scope of the query."""
    histogram: tuple[int, ...]
    """Counts of `match` in HISTOGRAM_BINS equal bins over [0, 1]."""
    filters: dict[str, object]
    chance: float | None = None
    """The `match` that half of the absent background texts stay below in this scope; None where it
    was not measured."""
    chance_high: float | None = None
    """The same of nine tenths of them."""
    uncertain: bool = False
    """The odds that the library shows what was asked are near even."""
    zero: ZeroState | None = None
    """What was known of such texts; None where nothing was."""
    zero_pictures: int = 0
    """Pictures in the library for which it was known."""
    candidates: int = 0
    """Pictures that were scored exactly after a narrow first pass, with a sample of the others; 0
    where all were."""
    recall: float | None = None
    """Recall@100 of such a pass, as measured on this library."""
    override: Route | None = None
    """What a person did against the route; None where nothing."""
    job: int | None = None
    """The job that painted for this decision."""
    result: str | None = None
    """SHA-256 of the picture that it painted."""
    created_at: float

    @property
    def by_chance(self) -> Chance | None:
        """What absent texts reach; of receipts that keep one figure of it only, that one."""
        if self.chance is None:
            return None
        high = self.chance if self.chance_high is None else self.chance_high
        return Chance(half=self.chance, high=high)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """The scores of every picture in scope; aligned read-only arrays, in picture-id order."""

    picture_ids: IdArray
    cosine: FloatArray
    match: FloatArray
    """Probabilities."""
    match_logit: FloatArray
    """The logit of `match`: orders pictures whose probabilities round to the same number."""
    others: Mapping[str, FloatArray] = field(default_factory=dict)
    """What further scorers give, by name; -inf for pictures that they did not look at."""
    placed: Mapping[str, FloatArray] = field(default_factory=dict)
    """The same as probabilities, of those that are placed as `match` is."""
    chance: Chance | None = None
    """What texts reach that are not in the library; None if not measured."""
    zero: ZeroState | None = None
    """What was known of such texts, and in how many pictures."""
    zero_pictures: int = 0
    estimated: NDArray[np.bool_] | None = None
    """Pictures whose scores are those of a sample; they rank below the others. None for none."""
    candidates: int = 0
    """How many were scored exactly after a narrow first pass; 0 where all were."""
    recall: float | None = None
    """Recall@100 of that pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchWarning:
    """Something the person should know about an answer: cut text, a language not read."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchResult:
    """A decision, its first rows, and (unless it was replayed from its receipt) all scores."""

    receipt: Receipt
    rows: tuple[ResultRow, ...]
    cached: bool
    """No model took part."""
    seconds: float
    warnings: tuple[SearchWarning, ...] = ()
    scores: Scores | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordMap:
    """Where a word of a description is in a picture."""

    word: str
    phrase: str
    """With the stop words by it: what was looked for."""
    start: int
    """Where the phrase stands in the description."""
    end: int
    strengths: FloatArray
    """Of each patch, [rows, columns], 0 to 1: how surely it is no chance that the patch is like
    the word; 0.5 is what one absent word in twenty reaches somewhere in this picture."""
    evidence: FloatArray
    """The same as standard deviations above what background words reach, without bounds."""

    @property
    def strength(self) -> float:
        """That of the patch it is strongest at."""
        return float(self.strengths.max())

    @property
    def peak(self) -> tuple[int, int]:
        """Row and column of that patch."""
        row, column = divmod(int(self.evidence.argmax()), self.evidence.shape[1])
        return row, column

    @property
    def is_there(self) -> bool:
        """The word is somewhere in the picture: it is stronger than absent words are by chance."""
        return self.strength >= WORD_THRESHOLD


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WhereResult:
    """Where in a picture the words of a description are."""

    picture: str
    """As a query names it: a path, or its content."""
    picture_id: int | None
    """None for a file that is not in the library."""
    text: str
    encoder: str
    words: tuple[WordMap, ...]
    """In the order of the description."""
    seen: tuple[float, float, float, float]
    """The part of the picture that the maps cover, which the encoder saw: left, top, right and
    bottom as shares of its width and height."""
    cached: bool
    """No model took part."""
    seconds: float
    warnings: tuple[SearchWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A word that is true of a picture."""

    word: str
    text: str
    """What the encoder was asked."""
    match: float
    """As a search for the text has it for the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTags:
    """The words that pass for one picture, the surest first."""

    path: str
    picture_id: int | None
    """None for a picture that is not in the library."""
    is_alone: bool
    """The zero is that of this picture alone: it is in no library, or has no embedding there."""
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagResult:
    """The tags of pictures, and what they rest on."""

    encoder: str
    matcher: str
    """For people: what `match` means here."""
    words: int
    """So many were asked."""
    threshold: float
    pictures: tuple[PictureTags, ...]
    warnings: tuple[SearchWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSummary:
    """What one run over the folders did, in files."""

    found: int = 0
    unchanged: int = 0
    added: int = 0
    """Pictures whose content was new."""
    reused: int = 0
    """Files whose content was known: moved or copied."""
    embedded: int = 0
    partial: int = 0
    failed: int = 0
    """Newly entered among the failures."""
    known_bad: int = 0
    """In the failed already, unchanged, and not tried again."""
    vanished: int = 0
    unreadable_folders: int = 0
    left_out: int = 0
    """Files and folders that nobody wants in a library, by their names or a person's patterns."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """An encoder or a generator as `models` lists it."""

    id: str
    kind: ModelKind
    known: bool
    """In the program's own list."""
    location: str
    """The folder that holds its weights; empty where they are not on this machine."""
    indexed: int
    """Pictures in the library with its embedding."""
    languages: tuple[str, ...]
    matcher: str
    """What scores `match` in its space."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of `doctor`."""

    name: str
    state: CheckState
    message: str
    hint: str = ""
