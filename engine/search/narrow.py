"""A large library in two passes: a narrow one finds the best pictures, which are scored exactly.

What it takes is learned beside the first answers, which are scored as a whole, and kept in the
home; pictures that are added join. How many of the nearest pictures it finds is measured on the
library itself, and it is left alone where that is too few or where it is no faster.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache.errors import CacheError
from cache.home_files import write_file
from engine.errors import EngineError
from engine.files import recall, remember
from engine.numbers import finite
from engine.results import FloatArray, IdArray, Scores
from engine.scoring import label_free
from engine.scoring.columns import BLOCK, Block, Columns
from engine.scoring.cores import on_all_cores
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.match import MatchContext, QueryLogits, is_dear, sampled, text_logits
from engine.scoring.narrow import LEARNED_FROM, Codes, NarrowSpace, codes_of
from engine.scoring.ranking import top_indices
from engine.search.embedded_query import EmbeddedQuery, pair_scores, placed_scores, scores_of
from engine.search.stored_zeros import digest_of, digest_of_text
from engine.settings import EngineSettings
from engine.states import ScorerKind
from engine.untrusted.arrays import read_npz
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
SURELY = 1_000
"""No picture that was not scored exactly stands above so many that were."""
_TIMED_BLOCKS = 32
_CHECKED = 256
_MEMORY, _FOLDER = "narrow.json", "narrow"
_LEVELS = np.float32(65_535)


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NarrowLibrary:
    """A library with its codes, and a sample of it."""

    matrix: EmbeddingMatrix
    space: NarrowSpace
    codes: tuple[Codes, ...]
    sample: IdArray
    """Rows, ascending."""
    sampled: EmbeddingMatrix
    """The same as a small library, whose backgrounds stay prepared."""
    offsets: FloatArray
    """What the background takes from the match of every picture (`PreparedBackground`), [N]."""

    def estimates(self, text: FloatArray, scale: float) -> Estimates:
        """What the first pass gives a text [dim]."""
        cosine = self.space.estimates(text, self.codes)
        return Estimates(cosine=cosine, match=np.float32(scale) * cosine - self.offsets)


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
            stored = _unpack(home / _FOLDER / name)
        found = None if stored is None else _joined(context, stored)
        is_joined = found is not None
        if found is None:
            if not learns:
                return None
            some = sampled(matrix.picture_ids, LEARNED_FROM)[0]
            space = NarrowSpace.learn(matrix.columns.take(some), background.random[TESTED:])
            offsets = _offsets(background.vectors, context.logit_scale, matrix.columns.blocks)
            found = space, codes_of(space, matrix.columns), offsets
        space, codes, offsets = found
        is_stored = stored is not None and np.array_equal(stored.ids, matrix.picture_ids)
        if learns and not (is_joined and is_stored):
            with suppress(OSError):
                write_file(home, _FOLDER, name, data=_pack(matrix.picture_ids, *found))
        rows = sampled(matrix.picture_ids, SAMPLE)[0]
        return NarrowLibrary(
            matrix=matrix,
            space=space,
            codes=codes,
            offsets=offsets,
            sample=rows,
            sampled=_some(matrix, rows),
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


def _some(matrix: EmbeddingMatrix, rows: IdArray) -> EmbeddingMatrix:
    """Some pictures as a library."""
    return EmbeddingMatrix(
        revision=matrix.revision,
        picture_ids=matrix.picture_ids[rows],
        columns=Columns.of(matrix.columns.take(rows)),
    )


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
    ours_s = _seconds(lambda: narrowed_scores(embedded, None, library, measure))
    return replace(
        measure, gain=round(all_s * matrix.count / max(part.count, 1) / max(ours_s, 1e-9), 2)
    )


def _recalls(library: NarrowLibrary, context: MatchContext) -> FloatArray:
    """Mean share of the AT best pictures of background texts that are scored exactly, by cosine or
    by match, whichever is less, for each number of candidates."""
    matrix, scorer = library.matrix, ScorerKind.MATCH
    texts = context.background().random[: TESTED_DEAR if is_dear(context, scorer) else TESTED]
    rows = np.split(np.arange(matrix.count), matrix.columns.starts[1:-1])
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


def narrowed_scores(
    embedded: EmbeddedQuery, rows: IdArray | None, library: NarrowLibrary, measure: NarrowMeasure
) -> Scores:
    """The scores of all pictures, or of some rows: exact ones of the best and of a sample.

    The others, in the order of the first pass, get those of the sample's at the same share of the
    way: so counts and bars are what the sample says, and nothing unseen leads.
    """
    context, matrix = embedded.context, library.matrix
    among = np.arange(matrix.count, dtype=np.int64) if rows is None else rows
    estimates = library.estimates(embedded.vector, context.logit_scale).of(rows)
    head = estimates.best(measure.candidates)
    at = np.minimum(np.searchsorted(among, library.sample), len(among) - 1)
    seen = np.flatnonzero(among[at] == library.sample)
    best = pair_scores(_within(embedded, _some(matrix, among[head])))
    some = pair_scores(_within(embedded, library.sampled))
    spread = _Spread(len(among), head, at[seen], seen)
    spread_cosine = spread.by(estimates.cosine)
    spread_match = spread.by(estimates.match)
    one, two = best.logits, some.logits
    free = None
    if one.label_free is not None and two.label_free is not None:
        free = spread_match(one.label_free, two.label_free)
    scores = placed_scores(
        embedded,
        matrix.picture_ids[among],
        spread_cosine(best.cosine, some.cosine),
        QueryLogits(match=spread_match(one.match, two.match), label_free=free),
        {name: spread_match(each, some.others[name]) for name, each in best.others.items()},
    )
    return replace(
        scores, estimated=spread.estimated, candidates=measure.candidates, recall=measure.recall
    )


def _within(embedded: EmbeddedQuery, matrix: EmbeddingMatrix) -> EmbeddedQuery:
    context = replace(embedded.context, matrix=matrix, matcher_logits=None)
    return replace(embedded, context=context)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """What the first pass gives a text for pictures, each but for a constant; [N]."""

    cosine: FloatArray
    match: FloatArray
    """The label-free logits: what a matcher adds is not known before it is asked."""

    def of(self, rows: IdArray | None) -> Estimates:
        """Of some pictures."""
        return self if rows is None else Estimates(cosine=self.cosine[rows], match=self.match[rows])

    def best(self, count: int) -> IdArray:
        """The best so many by cosine, and by match; ascending."""
        return np.union1d(top_indices(self.cosine, count), top_indices(self.match, count))


class _Spread:
    """Scores of all pictures out of those of some."""

    def __init__(self, count: int, head: IdArray, inside: IdArray, seen: IdArray) -> None:
        """The best are at `head`; of the sample those at `seen` are in scope, at `inside`."""
        self._head, self._inside, self._seen = head, inside, seen
        self._beside = ~np.isin(inside, head)
        self.estimated: NDArray[np.bool_] = np.ones(count, np.bool_)
        self.estimated[head] = self.estimated[inside] = False

    def by(self, estimates: FloatArray) -> Callable[[FloatArray, FloatArray], FloatArray]:
        """Takes scores of the best and of the sample to those of all, who stand as estimated."""
        rest = np.flatnonzero(self.estimated)
        low, high = float(estimates.min()), float(estimates.max())
        levels = (estimates[rest] - np.float32(low)) * (_LEVELS / np.float32(max(high - low, 1e-9)))
        # Sorting whole numbers of 16 bits takes a tenth of the time.
        rest = rest[np.argsort(levels.astype(np.uint16), kind="stable")]
        return lambda best, sample: self._joined(rest, estimates, best, sample)

    def _joined(
        self, rest: IdArray, estimates: FloatArray, best: FloatArray, sample: FloatArray
    ) -> FloatArray:
        found = np.empty(len(self.estimated), np.float32)
        beside = sample[self._seen][self._beside]
        inside = estimates[self._inside][self._beside]
        off = _off(beside, inside, estimates[rest])
        beside = np.sort(beside)
        most = np.sort(best)[-min(SURELY, len(best))]
        if len(beside):
            shares = (np.arange(len(rest)) + 0.5) * (len(beside) / max(len(rest), 1))
            found[rest] = np.minimum(beside[shares.astype(np.int64)] + off, most)
        else:
            found[rest] = best.min()
        found[self._inside] = sample[self._seen]
        found[self._head] = best
        return found


def _off(exact: FloatArray, estimates: FloatArray, of_others: FloatArray) -> np.float32:
    """How far the mean of a sample lies from that of the others, as the first pass tells it.

    By the slope of the exact scores over the estimates in the sample (a control variate).
    """
    if not len(exact) or not len(of_others):
        return np.float32(0)
    x, y = estimates.astype(np.float64), exact.astype(np.float64)
    slope = ((x - x.mean()) * (y - y.mean())).mean() / max(x.var(), 1e-12)
    return np.float32(slope * (of_others.mean(dtype=np.float64) - x.mean()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stored:
    """Codes as a file keeps them."""

    ids: IdArray
    space: NarrowSpace
    codes: Codes
    """[D, N]."""
    offsets: FloatArray
    """[N]."""


def _pack(ids: IdArray, space: NarrowSpace, codes: tuple[Codes, ...], offsets: FloatArray) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        ids=ids,
        codes=np.concatenate(codes, axis=1),
        offsets=offsets,
        for_queries=space.for_queries,
        for_pictures=space.for_pictures,
        mean=space.mean,
    )
    return buffer.getvalue()


def _unpack(file: Path) -> _Stored:
    """Raises FileNotFoundError, UntrustedError."""
    found = read_npz(file, ("ids", "codes", "offsets", "for_queries", "for_pictures", "mean"))
    parts = (found[name].astype(np.float32) for name in ("for_queries", "for_pictures", "mean"))
    return _Stored(
        ids=found["ids"].astype(np.int64),
        space=NarrowSpace(*parts),
        codes=found["codes"].astype(np.int8, copy=False),
        offsets=found["offsets"].astype(np.float32),
    )


def _joined(
    context: MatchContext, stored: _Stored
) -> tuple[NarrowSpace, tuple[Codes, ...], FloatArray] | None:
    """What belongs to a library out of what did to an earlier one; None where that was another.

    Pictures that have joined get theirs by the directions as they are, unless they are so many
    that others would be better.
    """
    matrix, space = context.matrix, stored.space
    ids, columns = matrix.picture_ids, matrix.columns
    count = len(stored.ids)
    if space.mean.shape != (columns.dim, 1) or stored.codes.shape[1:] != (count,):
        return None
    _, ours, theirs = np.intersect1d(ids, stored.ids, assume_unique=True, return_indices=True)
    if len(ours) < len(ids) / 2 or stored.offsets.shape != (count,):
        return None
    some = np.linspace(0, len(ours) - 1, min(_CHECKED, len(ours))).astype(np.int64)
    checked = space.codes(columns.take(ours[some])).astype(np.int16) - stored.codes[:, theirs[some]]
    # A product of other columns may round the other way.
    if np.abs(checked).max(initial=0) > 1:
        return None
    codes, offsets = (
        np.empty((len(stored.codes), len(ids)), np.int8),
        np.empty(len(ids), np.float32),
    )
    codes[:, ours], offsets[ours] = stored.codes[:, theirs], stored.offsets[theirs]
    new = np.setdiff1d(np.arange(len(ids)), ours, assume_unique=True)
    for start in range(0, len(new), BLOCK):
        part = new[start : start + BLOCK]
        block = Block(values=columns.take(part))
        codes[:, part] = space.codes(block.columns())
        vectors = context.background().vectors
        offsets[part] = _offsets(vectors, context.logit_scale, [block])
    parts = [
        np.ascontiguousarray(codes[:, start:end])
        for start, end in pairwise(columns.starts.tolist())
    ]
    return space, tuple(parts), offsets


def _offsets(vectors: FloatArray, scale: float, blocks: Sequence[Block]) -> FloatArray:
    """What a background [B, dim] takes from the match of every picture, [N]."""

    def offsets(block: Block) -> FloatArray:
        return label_free.prepare(vectors, block.columns(), scale).log_total

    return np.concatenate(on_all_cores(offsets, blocks))


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
    matcher = context.matcher
    scorer = "label-free" if matcher is None else f"matcher of {matcher.head.pair_weights} weights"
    return f"{encoder_id}, {scorer}, {_background(context)}"


def _background(context: MatchContext) -> str:
    """What texts are weighed against."""
    return digest_of(context.background().vectors)
