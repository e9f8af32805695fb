"""The queries that the app suggests for the storybook, in the order in which it does."""

from dataclasses import dataclass
from itertools import chain

from engine.storybook.suggestions import SUGGESTIONS, Suggestion

ANSWERED_RUN = 2
"""So many queries that pictures answer come before one that none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """One query."""

    query: str
    answered: bool
    """Whether the storybook holds pictures of it; otherwise it routes to generate."""


def tour() -> tuple[Suggested, ...]:
    """Return every suggestion in both languages: the first in both, then by turns."""
    first, *rest = _mixed()
    once = [_said(each, chinese=place % 2 == 1) for place, each in enumerate(rest)]
    again = [_said(each, chinese=place % 2 == 0) for place, each in enumerate(rest)]
    return (_said(first, chinese=False), _said(first, chinese=True), *once, *again)


def _mixed() -> list[Suggestion]:
    """Those with answers, and after every few one without; what is no animal goes first there."""
    answered = [each for each in SUGGESTIONS if each.answered]
    unanswered = [each for each in SUGGESTIONS if not each.answered]
    unanswered.sort(key=lambda each: not each.claim.foreign)
    runs = [answered[:1], *_runs(answered[1:])]
    after = [unanswered[place : place + 1] for place in range(max(len(runs), len(unanswered)))]
    runs += [[]] * (len(after) - len(runs))
    return list(chain.from_iterable(chain(*pair) for pair in zip(runs, after, strict=True)))


def _runs(answered: list[Suggestion]) -> list[list[Suggestion]]:
    return [
        answered[place : place + ANSWERED_RUN] for place in range(0, len(answered), ANSWERED_RUN)
    ]


def _said(suggestion: Suggestion, *, chinese: bool) -> Suggested:
    query = suggestion.chinese if chinese else suggestion.english
    return Suggested(query=query, answered=suggestion.answered)
