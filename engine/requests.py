"""What can be asked of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.settings import DEFAULT_THRESHOLD
from engine.states import DataKind, HeadKind, LossKind, ScorerKind, Synthetic, VectorLayout


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
    exact: bool = False
    """Score every picture, also of a library that is large enough for a narrow first pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereRequest:
    """Where in a picture the words of a description are."""

    picture: str
    """A path, in the library or not, or `sha256:` and the digits of a picture's content."""
    text: str
    """What is "quoted" in it stays together."""
    encoder_id: str | None = None
    """Id, hub id or folder; None takes one that has seen the picture and reads the text."""
    offline: bool = False
    """Never start a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRequest:
    """Find out which words are true of pictures."""

    pictures: tuple[str, ...] = ()
    """Paths, or `sha256:` and the digits of their content; in the library or not."""
    folder: Path | None = None
    """Absolute; the pictures of the library below it are tagged too."""
    words: Path | None = None
    """The words, one a line; None takes the list that ships for the encoder."""
    top: int = 10
    """Most words of a picture; 0 for all that pass."""
    threshold: float = DEFAULT_THRESHOLD
    encoder_id: str | None = None
    """None lets the engine choose as for a search."""
    language: str = ""
    """Of the list that ships; empty for the encoder's first."""
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
    devices: str = ""
    """As `0,1`: embed on these, an encoder process each; empty takes those of the settings."""
    shards: Path | None = None
    """Write shards into this folder in place of the library (engine/library/shards.py)."""
    shard_size: int = 10_000
    """Files that make up a shard: some minutes of work, which is what a lost machine costs."""
    cluster: str = ""
    """The address of a Ray cluster that makes the shards; empty makes them here."""
    addresses: tuple[str, ...] = ()
    """Folders on other storage, as fsspec writes them; for shards only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    """Make a folder of shards part of the library, by reference."""

    folder: Path


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


QUERIES = (DataKind.CAPTIONS.value, DataKind.WORDS.value)
"""What captioned pictures can be asked by."""
DEFAULT_SCORERS = (ScorerKind.COSINE, ScorerKind.MATCH)

TEMPLATES = ("a photo of a {}.", "a {}.", "a close-up photo of a {}.", "a photo of the {}.")
"""What is said of a class; the mean of their embeddings stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateRequest:
    """Score a data set and measure."""

    data: str
    """A file of captions, a folder of classes, or the name of a collection."""
    images: Path | None = None
    """Where the pictures lie; None looks beside the data."""
    encoders: tuple[str, ...] = ()
    """Encoder ids, hub ids or folders; without any, the one that knows most of the pictures.
    Several stand side by side, on what all of them know."""
    queries: str = DataKind.CAPTIONS
    """captions, or words: class words that occur in captions."""
    words: Path | None = None
    """The words, one a line; None takes the texts that were imported for the encoder."""
    split: str = "test"
    """Of data that is split; empty for all of it."""
    language: str = ""
    """Of the texts of a collection: one of its languages, or empty for all."""
    scorers: tuple[str, ...] = DEFAULT_SCORERS
    threshold: float = DEFAULT_THRESHOLD
    limit: int | None = None
    """Take at most so many pictures, at random."""
    seed: int = 0
    templates: tuple[str, ...] = TEMPLATES
    names: tuple[tuple[str, str], ...] = ()
    """What to call the class of a folder."""
    resamples: int = 1000
    swaps: bool = True
    """Also try captions with one word exchanged."""
    offline: bool = False
    """Start no model: texts and pictures without an embedding are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """Fit a matcher on data whose truth is known."""

    data: str
    """As an evaluation takes it: captions, a folder of classes, or a collection's name."""
    images: Path | None = None
    encoder: str | None = None
    queries: str = DataKind.CAPTIONS
    words: Path | None = None
    split: str = "train"
    """Of data that is split; empty for all of it."""
    language: str = ""
    limit: int | None = None
    templates: tuple[str, ...] = TEMPLATES
    names: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    validation: float = 0.15
    """Part of the pictures that stopping and the temperature are decided on."""
    held_out: float = 0.2
    """Part of the pictures that the report is made on."""
    head: str = HeadKind.MLP
    """The network that is fitted (engine/scoring/heads.py)."""
    loss: str = LossKind.BCE
    """What it is fitted by."""
    beside: tuple[str, ...] = ()
    """Heads that are fitted too, each by its usual loss, for the report alone."""
    hidden: int = 256
    epochs: int = 12
    force: bool = False
    """Keep a matcher that does no better than the label-free match."""
    offline: bool = False
    resamples: int = 1000

    def as_evaluation(self) -> EvaluateRequest:
        """What gathers the same data."""
        return EvaluateRequest(
            data=self.data,
            images=self.images,
            encoders=() if self.encoder is None else (self.encoder,),
            queries=self.queries,
            words=self.words,
            split=self.split,
            language=self.language,
            limit=self.limit,
            templates=self.templates,
            names=self.names,
            seed=self.seed,
            offline=self.offline,
            resamples=self.resamples,
            scorers=(ScorerKind.COSINE, ScorerKind.LABEL_FREE, ScorerKind.MATCH),
        )
