"""Editing a comparison: its descriptions, whose pairs stay together, and what can be undone.

Every function takes lines as `tidy` leaves them and gives lines as it would leave them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

from engine.comparing.comparison import COMPARED, ComparisonRequest, Description
from engine.search.query import normalise
from t2itui.text.heat_table import HeatTable, encoder_names, other_scorer
from t2itui.text.words import counted

if TYPE_CHECKING:
    from engine.comparing.beside import ComparisonDifference
    from engine.comparing.comparison import Comparison
    from t2itui.session import Session


Lines: TypeAlias = tuple[Description, ...]


def tidy(lines: Lines) -> Lines:
    """The lines of a pair side by side, where the first of them stood; a lone one is no pair."""
    members: dict[int, list[Description]] = {}
    for line in lines:
        if line.pair is not None:
            members.setdefault(line.pair, []).append(line)
    found: list[Description] = []
    for line in lines:
        if line.pair is None:
            found.append(line)
        elif len(two := members.pop(line.pair, [])) > 1:
            found += two
        else:
            found += [replace(each, pair=None) for each in two]
    return tuple(found)


def group(lines: Lines, index: int) -> range:
    """The indices of a line and of what is paired with it."""
    pair = lines[index].pair
    if pair is None:
        return range(index, index + 1)
    indices = [at for at, line in enumerate(lines) if line.pair == pair]
    return range(indices[0], indices[-1] + 1)


def changed(lines: Lines, index: int, text: str) -> Lines:
    """A line with another text."""
    return (*lines[:index], replace(lines[index], text=text), *lines[index + 1 :])


def added(lines: Lines, after: int, line: Description) -> tuple[Lines, int]:
    """A line added below another one and its pair, and where it stands."""
    index = group(lines, after).stop if lines else 0
    return (*lines[:index], line, *lines[index:]), index


def paired(lines: Lines, index: int, line: Description) -> tuple[Lines, int]:
    """A line added as the pair of another one, and where it stands; that one must have none."""
    number = max((each.pair or 0 for each in lines), default=0) + 1
    two = (replace(lines[index], pair=number), replace(line, pair=number))
    return (*lines[:index], *two, *lines[index + 1 :]), index + 1


def removed(lines: Lines, index: int) -> Lines:
    """One line less."""
    return tidy((*lines[:index], *lines[index + 1 :]))


def moved(lines: Lines, index: int, by: int) -> tuple[Lines, int]:
    """A line and its pair moved up (-1) or down (1) past what stands there, and where it stands."""
    mine = group(lines, index)
    beside = mine.start - 1 if by < 0 else mine.stop
    if not 0 <= beside < len(lines):
        return lines, index
    theirs = group(lines, beside)
    first, second = (theirs, mine) if by < 0 else (mine, theirs)
    swapped = (
        *lines[: first.start],
        *(lines[at] for at in second),
        *(lines[at] for at in first),
        *lines[second.stop :],
    )
    return swapped, index + by * len(theirs)


MOST_UNDONE = 50
"""Changes that can be undone."""


class ComparisonEditor:
    """Holds what is compared, the description being written, and what was compared before."""

    def __init__(self) -> None:
        self.request = ComparisonRequest(pictures=(), lines=())
        """What is compared."""
        self._past: list[ComparisonRequest] = []
        """What was compared before each change, the last one at the end."""
        self._draft: tuple[Lines, int] | None = None
        """Lines with one that is being written, and where that stands."""

    @property
    def lines(self) -> Lines:
        """The descriptions, with the one being written where there is one."""
        return self.request.lines if self._draft is None else self._draft[0]

    @property
    def is_empty(self) -> bool:
        """There is nothing to show."""
        return not (self.request.pictures or self.lines)

    @property
    def draft_index(self) -> int | None:
        """Where the description stands that is being written."""
        return None if self._draft is None else self._draft[1]

    @property
    def can_undo(self) -> bool:
        """There was another comparison before."""
        return bool(self._past)

    def has_pair(self, row: int) -> bool:
        """Whether a description has its pair in another language."""
        return row < len(self.request.lines) and self.request.lines[row].pair is not None

    def take(self, request: ComparisonRequest) -> bool:
        """Edit another comparison from now on; False where it is the same."""
        lines = tuple(replace(line, text=normalise(line.text)) for line in request.lines)
        request = replace(request, lines=tidy(lines))
        if request == self.request:
            return False
        self._past = [*self._past[1 - MOST_UNDONE :], self.request]
        self.request, self._draft = request, None
        return True

    def undo(self) -> bool:
        """Have the comparison back from before the last change; False where there was none."""
        if not self._past:
            return False
        self.request, self._draft = self._past.pop(), None
        return True

    # Writing

    def edit(self, row: int) -> None:
        """Begin to write a description anew."""
        if self.request.lines:
            self._draft = self.request.lines, row

    def add(self, row: int) -> None:
        """Begin to write a description below another one and its pair."""
        self._draft = added(self.request.lines, row, Description(text=""))

    def pair(self, row: int) -> None:
        """Begin to write the pair of a description, if it has none."""
        if self.request.lines and not self.has_pair(row):
            self._draft = paired(self.request.lines, row, Description(text=""))

    def finish(self, text: str | None) -> bool:
        """End writing, with None as it was before; without words there is no description.

        Returns whether the request has changed.
        """
        if self._draft is None:
            return False
        (lines, index), self._draft = self._draft, None
        text = lines[index].text if text is None else normalise(text)
        lines = changed(lines, index, text) if text else removed(lines, index)
        return self.take(replace(self.request, lines=lines))

    # Other changes

    def delete(self, row: int) -> bool:
        """Delete a description; False where there is none."""
        if not self.request.lines:
            return False
        return self.take(replace(self.request, lines=removed(self.request.lines, row)))

    def move(self, row: int, by: int) -> int | None:
        """Move a description and its pair; returns where it stands then, None if nowhere else."""
        if not self.request.lines:
            return None
        lines, moved_to = moved(self.request.lines, row, by)
        return moved_to if self.take(replace(self.request, lines=lines)) else None

    def add_picture(self, name: str) -> bool:
        """Add a picture as the last one; False where it is there already."""
        pictures = (*self.request.pictures, name)
        if len(set(pictures)) < len(pictures):
            return False
        return self.take(replace(self.request, pictures=pictures))

    def drop_picture(self, index: int) -> bool:
        """Take a picture out; False where there is none."""
        pictures = self.request.pictures
        if not pictures:
            return False
        pictures = (*pictures[:index], *pictures[index + 1 :])
        return self.take(replace(self.request, pictures=pictures))

    def use_encoders(self, encoders: tuple[str, ...]) -> bool:
        """Compare under these, side by side; False where it was so before."""
        return self.take(replace(self.request, encoders=encoders))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredComparison:
    """A comparison with its scores under each of its encoders."""

    request: ComparisonRequest
    found: tuple[Comparison, ...]
    differences: tuple[ComparisonDifference, ...] = ()
    """What sets the other encoders apart from the first."""


class ComparisonScores:
    """Has comparisons scored, and keeps what came last."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.scored: ScoredComparison | None = None
        """What came last; of a comparison that has changed, some of it may still hold."""
        self.scorer = COMPARED[0]
        """What several pictures or encoders are compared by."""
        self.thumbnails: dict[str, bytes] = {}
        """By the name of the picture."""

    def of(self, request: ComparisonRequest) -> tuple[Comparison, ...]:
        """The scores that hold for a comparison, by encoder; none where they are about others."""
        scored = self.scored
        if scored is None:
            return ()
        about = scored.request.pictures, scored.request.encoders
        return scored.found if about == (request.pictures, request.encoders) else ()

    def cover(self, request: ComparisonRequest) -> bool:
        """Whether every line of a comparison has its scores."""
        found = self.of(request)
        if not found or not request.lines:
            return False
        texts = tuple(line.text for line in request.lines)
        return tuple(row.text for row in found[0].rows) == texts

    def differences(self, request: ComparisonRequest) -> tuple[ComparisonDifference, ...]:
        """What sets encoders apart, once every line has its scores."""
        scored = self.scored
        return scored.differences if scored is not None and self.cover(request) else ()

    def table(self, request: ComparisonRequest, lines: Iterable[Description]) -> HeatTable:
        """Lines of a comparison with the scores that are known."""
        return HeatTable.of(
            tuple(lines), request.pictures, self.of(request), self.scorer, request.encoders
        )

    def turn_scorer(self) -> None:
        """Compare several pictures or encoders by the other scorer."""
        self.scorer = other_scorer(self.scorer)

    def words(self, request: ComparisonRequest, picture: int, encoder: int = 0) -> str:
        """What is compared, and among what, in a line."""
        if not request.pictures:
            return "no picture yet: p adds one" if request.lines else ""
        names = PurePath(request.pictures[picture]).name
        several = [
            counted(len(some), what)
            for some, what in ((request.pictures, "picture"), (request.encoders, "encoder"))
            if len(some) > 1
        ]
        if several:
            names = f"{', '.join(several)} by {self.scorer} · {names}"
        if not request.lines:
            return f"{names} · no description yet: a adds one"
        words = f"{names} · {counted(len(request.lines), 'description')}"
        if found := self.of(request):
            one = found[encoder]
            name = encoder_names([each.encoder for each in found])[encoder]
            words += f" · among {one.library:,} · {name} · match: {one.match}"
        return words

    async def compare(self, request: ComparisonRequest) -> ScoredComparison | None:
        """Score a comparison; None without an engine. Raises T2IError."""
        engine = self._session.engine
        if engine is None:
            return None
        found = await engine.comparer.compare(request)
        if len(found) < 2:
            return ScoredComparison(request=request, found=found)
        from engine.comparing.beside import beside

        differences = await asyncio.to_thread(beside, found)
        return ScoredComparison(request=request, found=found, differences=differences)

    async def read_thumbnails(self, pictures: Iterable[str]) -> dict[str, bytes]:
        """Read the thumbnails that are not here yet, by name. Raises T2IError."""
        engine = self._session.engine
        missing = [name for name in pictures if name not in self.thumbnails]
        if engine is None or not missing:
            return {}
        ids = await engine.comparer.find(missing)
        found = await engine.library.thumbnails(ids)
        return {
            name: found[picture_id]
            for name, picture_id in zip(missing, ids, strict=True)
            if picture_id in found
        }
