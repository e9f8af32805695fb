"""A large library in two passes: a narrow one finds the best pictures, which are scored exactly.

What it takes is learned beside the first answers, which are scored as a whole, and kept in the
home; pictures that are added join. How many of the nearest pictures it finds is measured on the
library itself, and it is left alone where that is too few or where it is no faster.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import numpy as np

from cache.errors import CacheError
from cache.home_files import write_file
from engine.errors import EngineError
from engine.files import recall, remember
from engine.numbers import finite
from engine.results import FloatArray, IdArray
from engine.scoring.columns import Columns
from engine.scoring.cores import on_all_cores
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.match import MatchContext, is_dear, sampled, text_logits
from engine.scoring.narrow import LEARNED_FROM, NarrowSpace, codes_of
from engine.scoring.ranking import top_indices
from engine.search.embedded_query import EmbeddedQuery, scores_of
from engine.search.narrow_codes import joined, offsets_of, pack, unpack
from engine.search.narrow_scores import NarrowLibrary, narrowed_scores, some_of
from engine.search.stored_zeros import digest_of, digest_of_text
from engine.settings import EngineSettings
from engine.states import ScorerKind, matcher_scorer
from engine.untrusted.documents import UntrustedError

NARROW_FROM = 500_000
"""Pictures in scope."""
SAMPLE = 8_192
"""Pictures at random that are scored exactly, and stand for all that are not among the best."""
CANDIDATES = (4_096, 8_192, 16_384, 32_768)
"""Pictures that are scored exactly: the fewest with which enough is found."""
TESTED, TESTED_DEAR = 16, 3
"""Background texts whose best pictures are looked for in both ways, and from which nothing is
learned; fewer where a matcher takes seconds for each."""
MIN_RECALL = 0.95
MIN_GAIN = 1.2
AT = 100
"""Best pictures that are looked for in both ways."""
_TIMED_BLOCKS = 32
_MEMORY, _FOLDER = "narrow.json", "narrow"


@dataclass(frozen=True, slots=True, kw_only=True)
class NarrowMeasure:
    """A narrow first pass over a library beside scoring all of it."""

    pictures: int
    candidates: int
    """Pictures that are scored exactly."""
    recall: float
    """At 100, by cosine or by match, whichever is less."""
    gain: float
    """How many times as fast as scoring all it is."""

    @property
    def pays(self) -> bool:
        """It finds enough, and is faster."""
        return self.recall >= MIN_RECALL and self.gain >= MIN_GAIN

    def sentence(self) -> str:
        """Say what was measured, and what is done about it."""
        figures = f"recall@{AT} {self.recall:.2f}, {self.gain:.1f} times as fast as all"
        if self.pays:
            return (
                f"of {self.pictures:,} pictures the best {self.candidates:,} by a narrow first"
                f" pass are scored exactly: {figures}"
            )
        return f"{self.pictures:,} pictures are all scored: a narrow first pass has {figures}"


class NarrowPass:
    """Keeps the codes of the library that was asked last, and what was measured of them."""

    def __init__(self, settings: EngineSettings, *, learns: bool) -> None:
        """One that does not learn beside answers takes what was learned before."""
        self._settings = settings
        self._learns = learns
        self._matrix: EmbeddingMatrix | None = None
        self._libraries: dict[str, NarrowLibrary] = {}
        """By what texts are weighed against: a language each."""
        self._measures: dict[str, NarrowMeasure] = {}
        self._work: asyncio.Task[None] | None = None

    async def of(
        self, encoder_id: str, embedded: EmbeddedQuery, rows: IdArray | None
    ) -> tuple[NarrowLibrary, NarrowMeasure] | None:
        """What a query is answered by; None leaves it to scoring all.

        The first time it is None, and the codes are learned beside it.
        """
        context = embedded.context
        count = context.matrix.count if rows is None else len(rows)
        if count < NARROW_FROM or not self._is_fit(context):
            return None
        found = self._found(encoder_id, context)
        if found is None and (self._work is None or self._work.done()):
            work = self._prepare(encoder_id, embedded, learns=self._learns)
            self._work = asyncio.create_task(work)
            if not self._learns:
                # Nobody comes by later: what was learned before is there at once.
                await asyncio.wait([self._work])
                found = self._found(encoder_id, context)
        if found is None or found[0] is None or not found[1].pays:
            return None
        return found[0], found[1]

    def _found(
        self, encoder_id: str, context: MatchContext
    ) -> tuple[NarrowLibrary | None, NarrowMeasure] | None:
        """What is known of the library as it is; None if nothing is yet."""
        measure = self._measures.get(_key(encoder_id, context))
        if self._matrix is not context.matrix or measure is None:
            return None
        return self._libraries.get(_background(context)), measure

    async def learn(self, encoder_id: str, embedded: EmbeddedQuery) -> None:
        """Learn and measure what later queries are answered by, where there is so much."""
        context = embedded.context
        if context.matrix.count >= NARROW_FROM and self._is_fit(context):
            await self._prepare(encoder_id, embedded, learns=True)

    def _is_fit(self, context: MatchContext) -> bool:
        """A plain text, whose scores of a picture hang on its embedding alone."""
        background = context.background()
        is_text = background.has_surroundings and not background.is_rough
        return is_text and context.own_pictures is None and not self._settings.exact

    async def prepared(self) -> None:
        """Wait for what is being learned."""
        if self._work is not None:
            await asyncio.wait([self._work])

    async def aclose(self) -> None:
        """Stop learning."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])

    async def _prepare(self, encoder_id: str, embedded: EmbeddedQuery, *, learns: bool) -> None:
        context = embedded.context
        key, background = _key(encoder_id, context), _background(context)
        if self._matrix is not context.matrix:
            self._matrix = context.matrix
            self._libraries.clear()
            self._measures.clear()
        with suppress(EngineError, CacheError, OSError):
            known = await asyncio.to_thread(self._remembered, key, context.matrix.count)
            if known is None and not learns:
                return
            if known is not None and not known.pays:
                self._measures[key] = known
                return
            library = self._libraries.get(background)
            if library is None:
                library = await asyncio.to_thread(
                    self._learned, encoder_id, embedded, learns=learns
                )
            if library is None:
                return
            if known is None:
                known = await asyncio.to_thread(self._measured, key, library, embedded)
            if known.pays:
                self._libraries[background] = library
            self._measures[key] = known

    def _learned(
        self, encoder_id: str, embedded: EmbeddedQuery, *, learns: bool
    ) -> NarrowLibrary | None:
        context, home = embedded.context, self._settings.home
        matrix, background = context.matrix, context.background()
        name = f"{digest_of_text(f'{encoder_id} {_background(context)}')}.npz"
        stored = None
        with suppress(OSError, UntrustedError, ValueError):
            stored = unpack(home / _FOLDER / name)
        found = None if stored is None else joined(context, stored)
        is_joined = found is not None
        if found is None:
            if not learns:
                return None
            some = sampled(matrix.picture_ids, LEARNED_FROM)[0]
            space = NarrowSpace.learn(matrix.columns.take(some), background.random[TESTED:])
            offsets = offsets_of(background.vectors, context.logit_scale, matrix.columns.blocks)
            found = space, codes_of(space, matrix.columns), offsets
        space, codes, offsets = found
        is_stored = stored is not None and np.array_equal(stored.ids, matrix.picture_ids)
        if learns and not (is_joined and is_stored):
            with suppress(OSError):
                write_file(home, _FOLDER, name, data=pack(matrix.picture_ids, *found))
        rows = sampled(matrix.picture_ids, SAMPLE)[0]
        return NarrowLibrary(
            matrix=matrix,
            space=space,
            codes=codes,
            offsets=offsets,
            sample=rows,
            sampled=some_of(matrix, rows),
        )

    def _remembered(self, key: str, pictures: int) -> NarrowMeasure | None:
        """What was measured before; a library that has doubled since is another one."""
        known = _measure_of(recall(self._settings.home / _MEMORY).get(key))
        is_same = known is not None and known.pictures <= pictures < 2 * known.pictures
        return known if is_same else None

    def _measured(self, key: str, library: NarrowLibrary, embedded: EmbeddedQuery) -> NarrowMeasure:
        found, memory = measure(library, embedded), self._settings.home / _MEMORY
        remember(memory, recall(memory) | {key: asdict(found)})
        return found


def measure(library: NarrowLibrary, embedded: EmbeddedQuery) -> NarrowMeasure:
    """What the pass finds and takes, with the fewest candidates that find enough."""
    matrix = library.matrix
    found = _recalls(library, embedded.context)
    enough = np.flatnonzero(found >= MIN_RECALL)
    chosen = int(enough[0]) if len(enough) else len(CANDIDATES) - 1
    measure = NarrowMeasure(
        pictures=matrix.count,
        candidates=CANDIDATES[chosen],
        recall=round(float(found[chosen]), 4),
        gain=0.0,
    )
    blocks = matrix.columns.blocks[:_TIMED_BLOCKS]
    columns = Columns(dim=matrix.columns.dim, blocks=blocks)
    part = EmbeddingMatrix(
        revision=0, picture_ids=matrix.picture_ids[: columns.count], columns=columns
    )
    context = replace(embedded.context, matrix=part)
    all_s = _seconds(lambda: scores_of(replace(embedded, context=context), None))
    ours_s = _seconds(lambda: narrowed_scores(embedded, None, library, CANDIDATES[chosen]))
    return replace(
        measure, gain=round(all_s * matrix.count / max(part.count, 1) / max(ours_s, 1e-9), 2)
    )


def _recalls(library: NarrowLibrary, context: MatchContext) -> FloatArray:
    """Mean share of the AT best pictures of background texts that are scored exactly, by cosine or
    by match, whichever is less, for each number of candidates."""
    matrix, scorer = library.matrix, ScorerKind.MATCH
    texts = context.background().random[: TESTED_DEAR if is_dear(context, scorer) else TESTED]
    rows = np.split(np.arange(matrix.count), matrix.columns.starts[1:-1])
    if context.matcher is not None:
        # What it sees is computed on all cores: inside such work, that would wait for itself.
        context = replace(context, own_pictures=context.seen)
    logits = np.concatenate(
        on_all_cores(lambda some: text_logits(context, scorer, "", texts, some), rows), axis=1
    )
    found = np.zeros((2, len(texts), len(CANDIDATES)))
    for at, (text, cosine) in enumerate(zip(texts, texts @ matrix.columns, strict=True)):
        estimates = library.estimates(text, context.logit_scale)
        heads = [estimates.best(size) for size in CANDIDATES]
        for by, exact in enumerate((cosine, logits[at])):
            best = top_indices(exact, AT)
            found[by, at] = [np.isin(best, head).mean() for head in heads]
    return np.asarray(found.mean(axis=1).min(axis=0), np.float32)


def _seconds(work: Callable[[], object]) -> float:
    """How long it takes the second time."""
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measures(settings: EngineSettings) -> list[NarrowMeasure]:
    """What was measured on libraries, the latest last."""
    found = map(_measure_of, recall(settings.home / _MEMORY).values())
    return [each for each in found if each is not None]


def _measure_of(known: object) -> NarrowMeasure | None:
    if not isinstance(known, dict):
        return None
    try:
        return NarrowMeasure(
            pictures=int(str(known["pictures"])),
            candidates=int(str(known["candidates"])),
            recall=finite(str(known["recall"])),
            gain=finite(str(known["gain"])),
        )
    except (KeyError, ValueError):
        return None


def _key(encoder_id: str, context: MatchContext) -> str:
    """What a measure holds for: an encoder, and what `match` is."""
    matcher = context.matcher_id
    scorer = ScorerKind.LABEL_FREE.value if matcher is None else matcher_scorer(matcher)
    return f"{encoder_id}, {scorer}, {_background(context)}"


def _background(context: MatchContext) -> str:
    """What texts are weighed against."""
    return digest_of(context.background().vectors)
