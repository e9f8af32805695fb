"""What can be done to the descriptions of a comparison; pairs stay together in all of it.

Every function takes lines as `tidy` leaves them and gives lines as it would leave them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.comparing.sheet import Line

    Lines = tuple[Line, ...]


def tidy(lines: Lines) -> Lines:
    """The lines of a pair side by side, where the first of them stood; a lone one is no pair."""
    members: dict[int, list[Line]] = {}
    for line in lines:
        if line.pair is not None:
            members.setdefault(line.pair, []).append(line)
    found: list[Line] = []
    for line in lines:
        if line.pair is None:
            found.append(line)
        elif len(two := members.pop(line.pair, [])) > 1:
            found += two
        else:
            found += [replace(each, pair=None) for each in two]
    return tuple(found)


def group(lines: Lines, place: int) -> range:
    """The places of a line and of what is paired with it."""
    pair = lines[place].pair
    if pair is None:
        return range(place, place + 1)
    places = [at for at, line in enumerate(lines) if line.pair == pair]
    return range(places[0], places[-1] + 1)


def changed(lines: Lines, place: int, text: str) -> Lines:
    """A line with another text."""
    return (*lines[:place], replace(lines[place], text=text), *lines[place + 1 :])


def added(lines: Lines, after: int, line: Line) -> tuple[Lines, int]:
    """A line added below another one and its pair, and where it stands."""
    place = group(lines, after).stop if lines else 0
    return (*lines[:place], line, *lines[place:]), place


def paired(lines: Lines, place: int, line: Line) -> tuple[Lines, int]:
    """A line added as the pair of another one, and where it stands; that one must have none."""
    number = max((each.pair or 0 for each in lines), default=0) + 1
    two = (replace(lines[place], pair=number), replace(line, pair=number))
    return (*lines[:place], *two, *lines[place + 1 :]), place + 1


def removed(lines: Lines, place: int) -> Lines:
    """One line less."""
    return tidy((*lines[:place], *lines[place + 1 :]))


def moved(lines: Lines, place: int, by: int) -> tuple[Lines, int]:
    """A line and its pair moved up (-1) or down (1) past what stands there, and where it stands."""
    mine = group(lines, place)
    beside = mine.start - 1 if by < 0 else mine.stop
    if not 0 <= beside < len(lines):
        return lines, place
    theirs = group(lines, beside)
    first, second = (theirs, mine) if by < 0 else (mine, theirs)
    swapped = (
        *lines[: first.start],
        *(lines[at] for at in second),
        *(lines[at] for at in first),
        *lines[second.stop :],
    )
    return swapped, place + by * len(theirs)
