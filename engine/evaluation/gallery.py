"""The storybook's gallery as a data set: each text is known to be true or false of a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.collections import BUILT_IN
from engine.evaluation.data import Data, LabelledQuery, SwappedPair
from engine.scoring.metrics import RightPairs
from engine.states import DataKind
from engine.storybook.captions import LEVELS, captions_of
from engine.storybook.claims import Claim
from engine.storybook.queries import routing_queries, swapped_claims
from engine.storybook.scenes import Scene
from engine.storybook.shipped import Record, read_records
from engine.storybook.truth import truth_matrix
from engine.storybook.wording import Caption, Language, fixed_wording


def scenes_data(language: str = "") -> Data:
    """The captions of the gallery at all levels, in one language or both.

    Right is every picture that a caption is true of, not its own alone; routing and swaps are
    asked as the storybook's own measures ask them.
    """
    languages = [each for each in Language if not language or each == language]
    records = list(read_records(BUILT_IN.folder))
    scenes = [record.scene for record in records]
    captions, groups = _captions(records, languages)
    true = truth_matrix([each.claim for each in captions], scenes)
    picture, text = np.nonzero(true)
    return Data(
        name=BUILT_IN.name,
        kind=DataKind.STORYBOOK,
        pictures=tuple(str(BUILT_IN.folder / record.file) for record in records),
        texts=tuple(each.text for each in captions),
        right=RightPairs.of(text, picture),
        groups=tuple(groups),
        queries=_queries(scenes, languages),
        swapped=tuple(pair for each in languages for pair in _swapped(scenes, each)),
    )


def _captions(
    records: Sequence[Record], languages: Sequence[Language]
) -> tuple[list[Caption], list[str]]:
    """Every caption once, with what it states: the texts of the records."""
    found: dict[str, tuple[Caption, str]] = {}
    for record in records:
        for language in languages:
            own = captions_of(record.file, record.scene, language)
            for level, each in zip(LEVELS, own, strict=True):
                found.setdefault(each.text, (each, f"{language} level {level}"))
    return [each for each, _ in found.values()], [group for _, group in found.values()]


def _queries(scenes: Sequence[Scene], languages: Sequence[Language]) -> tuple[LabelledQuery, ...]:
    """The storybook's queries, with the pictures that each is true of."""
    asked = [each for each in routing_queries(scenes) if each.caption.language in languages]
    true = truth_matrix([each.caption.claim for each in asked], scenes)
    return tuple(
        LabelledQuery(
            text=each.caption.text,
            answers=tuple(map(int, np.flatnonzero(column))),
            kind=each.kind,
        )
        for each, column in zip(asked, true.T, strict=True)
    )


def _swapped(scenes: Sequence[Scene], language: Language) -> list[SwappedPair]:
    true, false = swapped_claims(scenes)
    return [
        SwappedPair(
            true=fixed_wording(good, language),
            false=fixed_wording(bad, language),
            picture=number % len(scenes),
            attribute=_apart(good, bad),
        )
        for number, (good, bad) in enumerate(zip(true, false, strict=True))
    ]


def _apart(one: Claim, other: Claim) -> str:
    """The attribute in which two claims differ."""
    mine, theirs = one.stated(), other.stated()
    for subject, changed in zip(one.subjects, other.subjects, strict=True):
        if subject != changed:
            mine, theirs = subject.stated(), changed.stated()
    return next(name for name in mine if mine[name] != theirs.get(name))
