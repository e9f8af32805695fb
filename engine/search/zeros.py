"""The zeros of searches: what is known at once, and what is measured beside the queries.

A zero rests on an encoder, a scorer, background texts and pictures, and is named by these. Pictures
that are added join what was scored before; where so much is to be scored that a query would take
noticeably longer, it is decided by what is at hand, and the rest is done while nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from cache.errors import CacheError
from cache.store import Cache
from cache.zeros import put_zero
from engine.events import Report
from engine.jobs.jobs import Job, JobWork
from engine.jobs.progress import ProgressReporter
from engine.results import FloatArray, IdArray
from engine.scoring.cores import products_on_one_core
from engine.scoring.decision import Zero
from engine.scoring.evidence import Tally
from engine.scoring.match import (
    MatchContext,
    at_once,
    background_logits,
    blocks,
    has_level,
    measure_zero,
    zero_of,
)
from engine.scoring.matcher import Matcher
from engine.search.stored_zeros import (
    VERSION,
    Asked,
    StoredZero,
    ZeroKey,
    digest_of,
    digest_of_text,
    find_older,
    find_start,
)
from engine.states import JobKind, ScorerKind, Unit, ZeroState

StartJob: TypeAlias = Callable[[JobWork], Job]
OnProgress: TypeAlias = Callable[[int, int], None]
"""Gets how many of how many pictures are scored."""

MOST_KNOWN = 64
JOB_S = 1.0
"""What takes longer is shown among the jobs."""
STAGE = "measuring what is reached by chance"
_IN_LOOP = 20_000
"""So many numbers are hashed or scored at once; more, in a thread."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundZero:
    """What a query is placed by."""

    zero: Zero
    scorer: str
    """Whose zero it is: that of `match`, or the one that stands in for it."""
    state: ZeroState
    comes: bool = False
    """A better one is being measured, or will be with the next index run."""


class Zeros:
    """Hands out what background texts reach in a scope, and sees to it that it is measured.

    It is named by what it rests on and not by the library's revision, so that labels, or pictures
    outside of the scope, leave it as it is.
    """

    def __init__(self, cache: Cache, start: StartJob | None = None) -> None:
        """Without `start` nothing is measured beside the queries, as the process soon ends."""
        self._cache = cache
        self._start = start
        self._known: OrderedDict[str, FoundZero] = OrderedDict()
        self._lock = asyncio.Lock()
        self._matcher: tuple[Matcher, str] | None = None
        self._running: dict[ZeroKey, tuple[int, Callable[[], object]]] = {}
        """At which revision of the library, and what stops it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun: set[ZeroKey] = set()
        """What was stopped, or failed, is not begun again while the library stays as it is."""
        self._queries = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_lasting(self) -> bool:
        """What is not known is measured by and by."""
        return self._start is not None

    @property
    def is_measuring(self) -> bool:
        """Something is being measured beside the queries."""
        return bool(self._running)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when something was measured beside; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @contextmanager
    def first(self) -> Iterator[None]:
        """Let nothing be measured beside the block: somebody waits for it."""
        self._queries += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._queries -= 1
            if not self._queries:
                self._calm.set()

    def stop_before(self, revision: int) -> None:
        """Stop to measure what the library was, so that its vectors need not stay in memory."""
        for key, (at, stop) in tuple(self._running.items()):
            if at < revision:
                self._begun.discard(key)
                self._running.pop(key)  # What has not started yet does not see to it.
                stop()

    async def aclose(self) -> None:
        """Stop what is being measured, and wait for it and for what is being kept."""
        for _, stop in tuple(self._running.values()):
            stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def get(
        self, context: MatchContext, encoder_id: str, rows: IdArray | None = None, scope: str = ""
    ) -> FoundZero | None:
        """What to place a query by among all pictures or some rows; None where there is nothing."""
        background = context.background()
        if not has_level(context):
            return None
        rows = np.arange(context.matrix.count, dtype=np.int64) if rows is None else rows
        if not len(rows):
            return None
        asked = await self._asked(context, encoder_id, rows, scope)
        if not background.has_surroundings:
            return await self._of_kind(asked)
        async with self._lock:
            found = await self._current(asked)
            if found is not None:
                return FoundZero(zero=found, scorer=ScorerKind.MATCH, state=ZeroState.CURRENT)
            self._begin(asked)
            return await self._meanwhile(asked, encoder_id)

    async def measure(
        self,
        context: MatchContext,
        encoder_id: str,
        rows: IdArray | None,
        scope: str,
        report: OnProgress,
    ) -> None:
        """Score what is not scored yet, however long it takes."""
        rows = np.arange(context.matrix.count, dtype=np.int64) if rows is None else rows
        if not has_level(context) or not len(rows):
            return
        asked = await self._asked(context, encoder_id, rows, scope)
        self._begun.add(asked.key)
        await self._complete(asked, report)

    async def _asked(
        self, context: MatchContext, encoder_id: str, rows: IdArray, scope: str
    ) -> Asked:
        background = context.background()
        name = f"{VERSION} {encoder_id} {context.logit_scale} {background.are_rivals}"
        beyond = () if background.beyond is None else (background.beyond,)
        texts = digest_of(background.vectors, background.random, *background.pictures, *beyond)
        own = "" if context.own_pictures is None else f" {context.with_patches}"
        base = digest_of_text(f"{name} {self._digest_of(context.matcher)} {texts}{own}")
        asked = Asked(context=context, rows=rows, base=base, scope=digest_of_text(scope))
        if len(rows) > _IN_LOOP:
            await asyncio.to_thread(lambda: asked.key)
        return asked

    def _digest_of(self, matcher: Matcher | None) -> str:
        if matcher is None:
            return ScorerKind.LABEL_FREE
        if self._matcher is None or self._matcher[0] is not matcher:
            weights = digest_of(*matcher.head.arrays().values())
            about = f"{matcher.pair_floor} {matcher.adds_label_free}"
            self._matcher = matcher, f"{weights} {about}"
        return self._matcher[1]

    # What is known, or soon is

    async def _current(self, asked: Asked) -> Zero | None:
        """The zero of the library as it is, where little or nothing is to be scored for it."""
        name = str(asked.key)
        if name in self._known:
            self._known.move_to_end(name)
            return self._known[name].zero
        kept, left = await self._cache.read(find_start, asked)
        if kept is not None and asked.is_answered_by(kept, left):
            return self._remember(name, kept.zero, ZeroState.CURRENT).zero
        if len(left) > at_once(asked.context, ScorerKind.MATCH, len(asked.rows)):
            return None
        return await self._score(asked, kept, left, None)

    async def _meanwhile(self, asked: Asked, encoder_id: str) -> FoundZero | None:
        """What stands for the zero of the library as it is."""
        older = await self._cache.read(find_older, asked)
        if older is not None:
            return FoundZero(zero=older, scorer=ScorerKind.MATCH, state=ZeroState.OLDER, comes=True)
        if asked.context.matcher is not None:
            return await self._label_free(asked, encoder_id)
        return await self._quick(asked)

    async def _label_free(self, asked: Asked, encoder_id: str) -> FoundZero | None:
        """What stands in for the zero of a matcher."""
        context = replace(asked.context, matcher=None, matcher_id=None)
        free = await self._asked(context, encoder_id, asked.rows, asked.scope)
        zero = await self._current(free) or await self._cache.read(find_older, free)
        if zero is None:
            found = await self._quick(free)
            zero = None if found is None else found.zero
        if zero is None:
            return None
        return FoundZero(
            zero=zero, scorer=ScorerKind.LABEL_FREE, state=ZeroState.LABEL_FREE, comes=True
        )

    async def _quick(self, asked: Asked) -> FoundZero | None:
        """What few pictures say of all."""
        name = f"quick {asked.key}"
        if name not in self._known:
            most = at_once(asked.context, ScorerKind.MATCH, len(asked.rows))
            zero = await asyncio.to_thread(
                measure_zero, asked.context, ScorerKind.MATCH, "", asked.rows, most
            )
            if zero is None:
                return None
            is_all = zero.sampled == zero.pictures
            state = ZeroState.CURRENT if is_all else ZeroState.QUICK
            self._remember(name, zero, state)
        comes = asked.context.background().has_surroundings
        return replace(self._known[name], comes=comes)

    async def _of_kind(self, asked: Asked) -> FoundZero | None:
        """That of mixes or pictures, which is not kept: a mix is asked once, and what pictures are
        held against changes with the library."""
        if asked.context.matcher is None:
            return await self._quick(asked)
        context = replace(asked.context, matcher=None, matcher_id=None)
        found = await self._quick(replace(asked, context=context))
        if found is None:
            return None
        return replace(found, scorer=ScorerKind.LABEL_FREE, state=ZeroState.LABEL_FREE)

    def _remember(self, name: str, zero: Zero, state: ZeroState) -> FoundZero:
        found = self._known[name] = FoundZero(zero=zero, scorer=ScorerKind.MATCH, state=state)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return found

    # What is measured

    def _begin(self, asked: Asked) -> None:
        """Measure while nobody waits, unless it was begun before."""
        if self._start is None or asked.key in self._begun:
            return
        self._begun.add(asked.key)
        for key, (_, stop) in tuple(self._running.items()):
            if (key.base, key.scope) == (asked.base, asked.scope):
                self._running.pop(key)
                stop()
        self._running[asked.key] = asked.context.matrix.revision, self._started(asked, self._start)

    def _started(self, asked: Asked, start: StartJob) -> Callable[[], object]:
        """Start to measure, and return what stops it."""
        if asked.seconds(len(asked.sample[0])) > JOB_S:
            return start(MeasureJob(zeros=self, asked=asked)).cancel
        task = asyncio.create_task(self._beside(asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task.cancel

    async def _beside(self, asked: Asked) -> None:
        try:
            await self.carry_out(asked, _nobody)
        except Exception:
            # Whoever asks next is told what is wrong with the cache, and is answered all the same.
            logger.exception("what is reached by chance could not be measured")

    async def carry_out(self, asked: Asked, report: OnProgress) -> None:
        """Measure what was begun, and tell those who wait for it."""
        try:
            zero = await self._complete(asked, report)
        finally:
            self._running.pop(asked.key, None)
        if zero is not None:
            for listener in tuple(self._listeners):
                listener()

    async def _complete(self, asked: Asked, report: OnProgress | None) -> Zero | None:
        kept, left = await self._cache.read(find_start, asked)
        if kept is not None and asked.is_answered_by(kept, left):
            return kept.zero
        return await self._score(asked, kept, left, report)

    async def _score(
        self, asked: Asked, kept: StoredZero | None, left: IdArray, report: OnProgress | None
    ) -> Zero | None:
        """Score pictures besides those kept; with `report` queries go first."""
        context, scorer = asked.context, ScorerKind.MATCH
        tally = Tally.empty(len(context.background().random)) if kept is None else kept.tally
        for part in blocks(context, scorer, left):
            score = _scored
            if report is not None:
                await self._calm.wait()
                report(tally.seen, len(asked.sample[0]))
                score = _on_one_core
            if len(part) * len(tally.total) <= _IN_LOOP and report is None:
                logits = _scored(context, part)
            else:
                logits = await asyncio.to_thread(score, context, part)
            tally = tally.joined(logits)
        zero = zero_of(context, scorer, "", tally, len(asked.rows))
        if zero is None:
            return None
        new = StoredZero(zero=zero, tally=tally, halvings=asked.sample[1])
        keeping = asyncio.create_task(self._store(asked.key, new, waits=report is None))
        self._tasks.add(keeping)
        keeping.add_done_callback(self._tasks.discard)
        if report is not None:
            await keeping
        return self._remember(str(asked.key), zero, ZeroState.CURRENT).zero

    async def _store(self, key: ZeroKey, new: StoredZero, *, waits: bool) -> None:
        """Nobody waits for it: what is not kept is measured again.

        It `waits` for the answer that it was measured for, whose receipt would be written after it.
        """
        if waits:
            await self._calm.wait()
        with suppress(CacheError):
            await self._cache.write(put_zero, str(key), new.as_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureJob:
    """Measures a zero, as a job: in sight, and stopped by whoever wants the processor."""

    zeros: Zeros
    asked: Asked

    @property
    def kind(self) -> JobKind:
        return JobKind.MEASURE

    @property
    def title(self) -> str:
        return "measure what is reached by chance"

    @property
    def request(self) -> str:
        return "{}"

    async def run(self, job_id: int, report: Report) -> str:
        progress = ProgressReporter(job_id, report)
        await self.zeros.carry_out(self.asked, partial(report_to, progress))
        return f"What is reached by chance is measured for {len(self.asked.rows):,} pictures."


def _scored(context: MatchContext, rows: IdArray) -> FloatArray:
    """The logits of the background texts for some pictures."""
    return background_logits(context, ScorerKind.MATCH, "", rows)


def _on_one_core(context: MatchContext, rows: IdArray) -> FloatArray:
    """The same, and the other cores are left alone.

    Besides, products as small as these take many times as long on all cores as on one where others
    work there, too.
    """
    with products_on_one_core():
        return _scored(context, rows)


def _nobody(done: int, of: int) -> None:
    """It takes so short that nobody is told."""


def report_to(progress: ProgressReporter, done: int, of: int) -> None:
    """Report how far it is."""
    progress.report(STAGE, done, of, unit=Unit.PICTURES)
