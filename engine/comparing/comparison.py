"""What is compared, and what came of it: plain values that can be saved, loaded and exported."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from engine import disk
from engine.collections import BUILT_IN
from engine.errors import RequestError
from engine.files import write_text
from engine.states import ScorerKind
from engine.untrusted.documents import finite_number, parse_object, read_bytes
from engine.untrusted.values import read_as

VERSION = 1
COMPARED = (ScorerKind.MATCH, ScorerKind.COSINE)
"""The scorers of a comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One description."""

    text: str
    pair: int | None = None
    """Lines of the same number say the same in two languages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRequest:
    """Pictures and descriptions to compare."""

    pictures: tuple[str, ...]
    """Paths, or names that the library knows."""
    lines: tuple[Description, ...]
    encoders: tuple[str, ...] = ()
    """Several stand side by side; without any, the one that a search chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureScores:
    """One description and one picture."""

    cosine: float
    match: float
    cosine_rank: int
    """Rank of the picture among all of the library, from 1."""
    match_rank: int
    cosine_change: float | None
    """From the line before in the same language; None for the first one."""
    match_change: float | None

    def score(self, scorer: ScorerKind) -> float:
        """The score by one of COMPARED."""
        return self.match if scorer == ScorerKind.MATCH else self.cosine

    def rank(self, scorer: ScorerKind) -> int:
        """The rank under one of COMPARED."""
        return self.match_rank if scorer == ScorerKind.MATCH else self.cosine_rank

    def change(self, scorer: ScorerKind) -> float | None:
        """The change of the score by one of COMPARED."""
        return self.match_change if scorer == ScorerKind.MATCH else self.cosine_change


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionScores:
    """One description and what was made of it."""

    text: str
    pair: int | None
    language: str
    added: str
    """What the line before in the same language does not say; all of it for the first line."""
    tokens: int
    """0 where unknown: an imported text."""
    lost: str
    """The words that the tower cut off."""
    cells: tuple[PictureScores, ...]
    """One for each picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapResult:
    """A description with one thing exchanged, against a picture."""

    text: str
    false: str
    attribute: str
    picture: int
    """Index in the comparison."""
    cosine: float
    """That of the true text minus that of the false one."""
    match: float
    """Difference of the logits: probabilities near 1 would hide it."""

    @property
    def prefers_true(self) -> tuple[bool, bool]:
        """Whether the true text scores higher: by cosine, by match."""
        return self.cosine > 0, self.match > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A comparison with its scores under one encoder."""

    pictures: tuple[str, ...]
    encoder: str
    match: str
    """What `match` was."""
    library: int
    """Pictures that were ranked."""
    rows: tuple[DescriptionScores, ...]
    swaps: tuple[SwapResult, ...] = ()


def save_request(request: ComparisonRequest, path: Path) -> None:
    """Write a comparison as JSON. Raises EngineError where it cannot be written."""
    values = {"version": VERSION, **asdict(request)}
    write_text(path, json.dumps(values, ensure_ascii=False, indent=1) + "\n")


def load_request(path: Path) -> ComparisonRequest:
    """Read a comparison. Raises RequestError where the file is none, or a newer program's."""
    try:
        values = parse_object(read_bytes(path), with_names=True)
        if finite_number(values["version"]) > VERSION:
            raise RequestError(f"{path} was written by a newer version of t2itui")
        if (before := values.get("encoder")) is not None:  # As it was while there was but one.
            values = {"encoders": [before], **values}
        return read_as(ComparisonRequest, values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{path} is no comparison: {error}", hint="t2itui compare --save FILE writes one."
        ) from error


def long_name(name: str) -> str:
    """Where to look for a name: an existing file by its whole path; anything else as it stands.

    It looks at the disk.
    """
    path = disk.expanded(name)
    if disk.exists(path):
        return str(disk.from_root(path))
    return BUILT_IN.long_name(name)
