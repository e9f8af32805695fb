"""What a matcher that reads patches makes of the pictures of a library, once for each.

Its vectors lie in the cache beside the matcher; the states that they come from need not be kept.
A picture without one, as it is new or its file is gone, is seen by its embedding alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cache.embeddings import EncoderRecord, find_encoder, vectors_of
from cache.errors import T2IError
from cache.matchers import matcher_pictures, newest_matcher, pictures_without, put_matcher_pictures
from cache.store import Cache
from engine.events import JobNote, Report
from engine.jobs.progress import ProgressReporter
from engine.results import IdArray
from engine.scoring.columns import Columns
from engine.scoring.matcher import Matcher, read_matcher
from engine.states import Unit

if TYPE_CHECKING:
    from engine.local.states import LocalStates

AT_ONCE = 1024
"""Pictures whose states are in memory together: 51 MB of 49 patches of 512 numbers."""
STAGE = "looking at patches"


class MatcherPictures:
    """Sees pictures with the matcher in force, as far as it reads patches."""

    def __init__(self, cache: Cache, states: LocalStates) -> None:
        self._cache = cache
        self._states = states

    async def see(self, encoder_id: str, job_id: int, report: Report) -> None:
        """See what was not seen yet; what cannot be is left to its embedding, and said."""
        record = await self._cache.read(newest_matcher, encoder_id)
        encoder = await self._cache.read(find_encoder, encoder_id)
        if record is None or encoder is None:
            return
        try:
            matcher = read_matcher(record.weights, encoder_id)
        except T2IError:
            return  # Whoever searches is told.
        if not matcher.reads_patches:
            return
        left = await self._cache.read(pictures_without, record.id, encoder_id)
        progress = ProgressReporter(job_id, report)
        blind, why = len(left), ""
        try:
            for start in range(0, len(left), AT_ONCE):
                some = left[start : start + AT_ONCE]
                blind -= await self._see(matcher, record.id, encoder, some, progress)
        except T2IError as error:
            why = f": {error.message}"
        if blind:
            said = f"{blind:,} pictures are scored by their embeddings, without patches{why}"
            report(JobNote(job_id=job_id, message=said))

    async def _see(
        self,
        matcher: Matcher,
        matcher_id: int,
        encoder: EncoderRecord,
        picture_ids: Sequence[int],
        progress: ProgressReporter,
    ) -> int:
        """See some pictures; returns how many have patches to look at."""
        on_progress = partial(progress.report, STAGE, unit=Unit.PICTURES)
        found = await self._states.of_pictures(
            encoder, picture_ids, on_progress=on_progress, is_kept=False
        )
        vectors = await self._cache.read(vectors_of, encoder.id, picture_ids)
        there = [each for each in picture_ids if each in found.states and each in vectors]
        if there:
            columns = np.ascontiguousarray(np.stack([vectors[each] for each in there]).T)
            states = np.stack([found.states[each].vectors for each in there])
            seen = await asyncio.to_thread(matcher.head.see, columns, states)
            new = dict(zip(there, seen.T, strict=True))
            await self._cache.write(put_matcher_pictures, matcher_id, new)
        return len(there)


async def own_pictures(
    cache: Cache,
    matcher: Matcher,
    matcher_id: int | None,
    picture_ids: IdArray,
    columns: Columns,
) -> tuple[Columns | None, int]:
    """Pictures [dim, N] by ascending id as a matcher sees them, [k, N], and how many with patches.

    None for a matcher that reads embeddings alone.
    """
    if not matcher.reads_patches:
        return None, 0
    known, vectors = np.zeros(0, np.int64), np.zeros((0, matcher.dim), np.float32)
    if matcher_id is not None:
        known, vectors = await cache.read(matcher_pictures, matcher_id, matcher.dim)
    return await asyncio.to_thread(_joined, matcher, picture_ids, columns, known, vectors)


def _joined(
    matcher: Matcher,
    picture_ids: IdArray,
    columns: Columns,
    known: IdArray,
    vectors: NDArray[np.float32],
) -> tuple[Columns, int]:
    seen = columns.mapped(matcher.head.see)
    if not len(known):
        return seen, 0
    at = np.minimum(np.searchsorted(known, picture_ids), len(known) - 1)
    is_known = known[at] == picture_ids
    seen = seen.replaced(np.flatnonzero(is_known), vectors[at[is_known]])
    return seen, int(is_known.sum())
