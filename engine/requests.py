"""What can be asked of the engine."""

from dataclasses import dataclass
from pathlib import Path

from engine.settings import DEFAULT_THRESHOLD
from engine.states import ScorerKind, Synthetic, VectorLayout


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which pictures of the library take part; the default lets all of them."""

    folders: tuple[Path, ...] = ()
    """Absolute; a picture takes part when one of its paths lies below one of them."""
    since: float | None = None
    """Unix time of the file's last change, from which on it takes part."""
    until: float | None = None
    min_side: int = 0
    """Pixels of the shorter edge."""
    synthetic: str = Synthetic.SHOW
    """Whether painted pictures take part: show, hide, or only they."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One query: text, or a weighted mix of quoted texts and pictures."""

    query: str
    top: int = 20
    """How many pictures the receipt keeps; 0 keeps all."""
    scorer: str = ScorerKind.MATCH
    """What ranks: the name of one of engine/scoring/registry.py that ranks searches."""
    threshold: float = DEFAULT_THRESHOLD
    filters: Filters = Filters()
    encoder_id: str | None = None
    """None lets the engine choose: by language, then by coverage of the library."""
    offline: bool = False
    """Never start a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRequest:
    """Bring folders into the library."""

    folders: tuple[Path, ...]
    encoder: str | None = None
    """Hub id or folder of the model; None takes the configured one."""
    per_class: int | None = None
    """Take at most so many files of each folder that holds pictures, evenly, at random."""
    exclude: tuple[str, ...] = ()
    """What to leave out, in the syntax of .gitignore, seen from each of the folders."""
    seed: int = 0
    batch_size: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadRequest:
    """Fetch a model's weights."""

    model: str
    """Its hub id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """Bring vectors from elsewhere into the cache."""

    encoder_id: str
    pictures: Path | None = None
    """A `.npz` with `image` and `vector`, or a folder in clip-retrieval's layout."""
    texts: Path | None = None
    """A `.npz` with `text` and `vector`."""
    root: Path | None = None
    """Where the named pictures lie; None where there is no such place."""
    logit_scale: float = 100.0
    languages: tuple[str, ...] = ("en",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """Write the vectors of one encoder for use elsewhere."""

    encoder_id: str
    target: Path
    """A `.npz` file, or a folder for clip-retrieval's layout."""
    layout: str = VectorLayout.NPZ
    """npz or clip-retrieval."""
