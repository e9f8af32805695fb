"""The scores of a resolved query: its embedding, against every picture, by every search scorer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cache.errors import CacheError
from cache.matchers import newest_matcher
from cache.store import Cache
from cache.zeros import get_zero, put_zero
from engine.errors import (
    EngineError,
    ModelMissingError,
    ModelUnusableError,
    OfflineError,
    RequestError,
)
from engine.local.matcher_pictures import own_pictures
from engine.results import FloatArray, IdArray, Scores, SearchWarning
from engine.scoring import label_free
from engine.scoring.columns import Columns
from engine.scoring.decision import Zero
from engine.scoring.embedding_matrix import (
    EmbeddingMatrices,
    EmbeddingMatrix,
    WeightedTerm,
    combine,
)
from engine.scoring.match import (
    MatchContext,
    has_level,
    sampled,
    zero_of,
)
from engine.scoring.matcher import Matcher, read_matcher
from engine.scoring.registry import find_scorer
from engine.search import warnings
from engine.search.embedded_query import EmbeddedQuery, placed_scores, scores_of
from engine.search.parts import (
    PartedLibrary,
    PictureParts,
    found_of_kind,
    in_scope,
    part_query,
    part_zero_name,
    zero_most,
)
from engine.search.pictures import QueryPictures
from engine.search.receipts import NARROW, PARTIAL, ROUGH, ReceiptKey, canonical, filters_as_json
from engine.search.resolve import QueryResolver, ResolvedQuery
from engine.search.stored_zeros import StoredZero
from engine.search.text_embedder import TextEmbedder
from engine.search.zeros import FoundZero, OnProgress, StartJob, Zeros
from engine.states import ScorerKind, ZeroState

if TYPE_CHECKING:
    from engine.search.acceleration import Accelerator
    from engine.search.late_scoring import LateScores, LateScoring
    from engine.search.narrow import NarrowMeasure, NarrowPass
    from engine.search.narrow_scores import NarrowLibrary

IN_LOOP = 2_000
"""So few pictures are scored at once; more, in a thread, while the event loop goes on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredQuery:
    """The scores of a query, and what they rest on."""

    scores: Scores
    key: ReceiptKey
    """That of the query, with what `match` and the library were when it was scored."""
    matcher: str
    """For people: what `match` means here."""
    zero: FoundZero | None
    """What it was placed by; None where it was not."""
    used_model: bool
    warnings: tuple[SearchWarning, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueryScope:
    """What every text of a language is scored by, and among which pictures."""

    context: MatchContext
    scorer: str
    """That of `match`, or the one that stands in for it until its zero is measured."""
    rows: IdArray
    """Of the pictures in scope."""
    matcher: str
    """For people: what `match` means here."""


class QueryScoring:
    """Scores resolved queries."""

    def __init__(
        self,
        cache: Cache,
        embedder: TextEmbedder,
        pictures: QueryPictures,
        resolver: QueryResolver,
        start: StartJob | None = None,
        late: Callable[[], LateScoring] | None = None,
        parts: Callable[[], PictureParts] | None = None,
        accelerator: Callable[[], Accelerator] | None = None,
        narrow: Callable[[], NarrowPass] | None = None,
    ) -> None:
        """With `start` what is not known of the library is measured beside the queries; without
        `late` nothing is scored by local states. With `parts` searches are answered by them,
        with an `accelerator` a matcher may be scored in a model process, with `narrow` a large
        library in two passes."""
        self._accelerator = accelerator
        self._narrow = narrow
        self._cache = cache
        self._parts = parts
        self._part_zeros: dict[str, FoundZero] = {}
        self._late = late
        self._embedder = embedder
        self._pictures = pictures
        self._resolver = resolver
        self._matrices = EmbeddingMatrices(cache)
        self.zeros = Zeros(cache, start)
        self._matchers: dict[tuple[str, int, int], Matcher] = {}
        self._own: tuple[Matcher, EmbeddingMatrix, tuple[Columns | None, int]] | None = None

    async def score(
        self,
        query: ResolvedQuery,
        *,
        as_pairs: bool = False,
        outside: FloatArray | None = None,
        for_best: bool = False,
    ) -> ScoredQuery:
        """Score every picture in scope. Raises what texts, pictures and models raise.

        `as_pairs` leaves the logits of `match` as they are for single pairs. `outside` is the
        embedding [dim] of a picture that the library does not have: it is scored as if it had, and
        stands last. `for_best` says that the best pictures are looked at alone: the others may be
        scored in another number format, where that is quicker.
        """
        with self.zeros.first():
            return await self._score(query, as_pairs=as_pairs, outside=outside, for_best=for_best)

    async def _score(
        self, query: ResolvedQuery, *, as_pairs: bool, outside: FloatArray | None, for_best: bool
    ) -> ScoredQuery:
        terms, used_model, cut = await self._terms(query)
        if self._parts is not None:
            if outside is not None:
                raise RequestError("a picture outside the library is not scored on a cluster")
            return await self._score_parts(
                self._parts(), query, (terms, used_model, cut), as_pairs=as_pairs
            )
        self.zeros.stop_before(query.key.revision)
        matrix = await self._matrices.get(query.encoder.id, query.key.revision)
        embedded = await self._embedded(query, terms, matrix)
        rows = await self._resolver.in_scope(
            query.request.filters, matrix.picture_ids, query.snapshot
        )
        if as_pairs:
            embedded = embedded.without_labels()
        else:
            embedded = await self._with_zero(query, embedded, rows)
        narrow = None
        if for_best and not as_pairs and outside is None:
            narrow = await self._first_pass(query, embedded, rows)
            if narrow is None:
                embedded = await self._accelerated(query, embedded, rows)
        if narrow is not None:
            from engine.search.narrow_scores import narrowed_scores

            library, measure = narrow
            scores = await asyncio.to_thread(
                narrowed_scores, embedded, rows, library, measure.candidates
            )
            scores = replace(scores, recall=measure.recall)
        elif matrix.count > IN_LOOP:
            scores = await asyncio.to_thread(scores_of, embedded, rows, outside)
        else:
            scores = scores_of(embedded, rows, outside)
        return await self._finished(
            query,
            embedded,
            scores,
            at_revision=matrix.revision,
            used_model=used_model,
            absent=tuple(each.folder for each in matrix.absent),
            found_warnings=(*cut, *warnings.of_absent(matrix.absent)),
        )

    async def _accelerated(
        self, query: ResolvedQuery, embedded: EmbeddedQuery, rows: IdArray | None
    ) -> EmbeddedQuery:
        """With what the matcher gives the pictures, where a model process says that sooner."""
        if self._accelerator is None or embedded.context.matcher is None:
            return embedded
        logits = await self._accelerator().logits(
            query.encoder, embedded.context, embedded.vector, rows
        )
        context = replace(embedded.context, matcher_logits=logits)
        return replace(embedded, context=context)

    async def _first_pass(
        self, query: ResolvedQuery, embedded: EmbeddedQuery, rows: IdArray | None
    ) -> tuple[NarrowLibrary, NarrowMeasure] | None:
        """What finds the best pictures of a large library; None where all are scored."""
        request = query.request
        if self._narrow is None or request.exact or not request.top:
            return None
        return await self._narrow().of(query.encoder.id, embedded, rows)

    async def _finished(
        self,
        query: ResolvedQuery,
        embedded: EmbeddedQuery,
        scores: Scores,
        *,
        at_revision: int,
        used_model: bool,
        absent: tuple[str, ...],
        found_warnings: tuple[SearchWarning, ...],
    ) -> ScoredQuery:
        """The scores with what ranks by looking closer, and all that is to be said of them."""
        context, snapshot = embedded.context, query.snapshot
        scores, late = await self._with_late(query, embedded, scores)
        return ScoredQuery(
            scores=scores,
            key=replace(
                query.key,
                match=_match_of_key(query, embedded) + (NARROW if scores.candidates else ""),
                revision=at_revision,
                absent=absent,
            ),
            matcher=context.shown_name(shipped=snapshot.shipped_matcher, kind=_kind(query)),
            zero=embedded.zero,
            used_model=used_model or embedded.used_model or (late is not None and late.used_model),
            warnings=(
                *warnings.of_languages(query.texts, query.encoder),
                *found_warnings,
                *(late.warnings if late is not None else ()),
                *warnings.of_coverage(
                    query.encoder, snapshot.embedded[query.encoder.id], snapshot.pictures
                ),
                *(warnings.of_rough_match(context) if context.is_rough() else ()),
                *warnings.of_patches(context),
                *warnings.of_narrow(scores),
                *warnings.of_zero(
                    embedded.zero, len(scores.picture_ids), is_lasting=self.zeros.is_lasting
                ),
            ),
        )

    async def _score_parts(
        self,
        parts: PictureParts,
        query: ResolvedQuery,
        found: tuple[list[WeightedTerm], bool, tuple[SearchWarning, ...]],
        *,
        as_pairs: bool,
    ) -> ScoredQuery:
        """Score a library whose embeddings are elsewhere: scores come here, and nothing else."""
        terms, used_model, cut = found
        library = await parts.library(query.encoder.id, query.key.revision)
        beside = np.zeros((0, query.encoder.dim), np.float32)
        if any(term.is_picture for term in terms):
            beside = await parts.vectors(
                library, label_free.spread_positions(len(library.picture_ids))
            )
        embedded = await self._embedded(query, terms, EmbeddingMatrix.of(beside))
        background = embedded.context.background()
        if background.middle is not None:
            background = replace(background, middle=await parts.middle(library))
            context = replace(embedded.context, backgrounds={"": background})
            embedded = replace(embedded, context=context)
        context, weights = embedded.context, b""
        if context.matcher is not None:
            if context.matcher.reads_patches:
                raise RequestError("a matcher that reads patches cannot score on a cluster")
            record = await self._cache.read(newest_matcher, query.encoder.id)
            weights = b"" if record is None else record.weights
        rows = await self._resolver.in_scope(
            query.request.filters, library.picture_ids, query.snapshot
        )
        if as_pairs:
            embedded = embedded.without_labels()
        else:
            zero = await self._part_zero(parts, query, embedded, library, rows, weights)
            zeros = {} if zero is None else {(zero.scorer, ""): zero.zero}
            embedded = replace(embedded, context=replace(context, zeros=zeros), zero=zero)
        asked = part_query(embedded.context, embedded.vector, embedded.terms, embedded.zero)
        covered = await parts.scores(library, asked, weights)
        ids, cosine, logits = await asyncio.to_thread(in_scope, asked, covered, library, rows)
        scores = await asyncio.to_thread(placed_scores, embedded, ids, cosine, logits, {})
        return await self._finished(
            query,
            embedded,
            scores,
            at_revision=library.revision,
            used_model=used_model,
            absent=(*(each.folder for each in library.absent), *covered.lost),
            found_warnings=(
                *cut,
                *warnings.of_absent(library.absent),
                *warnings.of_lost_parts(
                    covered.lost, len(library.picture_ids) - len(covered.positions)
                ),
            ),
        )

    async def _part_zero(
        self,
        parts: PictureParts,
        query: ResolvedQuery,
        embedded: EmbeddedQuery,
        library: PartedLibrary,
        rows: IdArray | None,
        weights: bytes,
    ) -> FoundZero | None:
        """What background texts reach in the parts, kept as long as these stay as they are.

        All parts measure it at once, so nothing stands in for it meanwhile.
        """
        context = embedded.context
        ids = library.picture_ids if rows is None else library.picture_ids[rows]
        if not has_level(context) or not len(ids):
            return None
        is_text = context.background().has_surroundings
        if not is_text and context.matcher is not None:
            context, weights = replace(context, matcher=None, matcher_id=None), b""
        name = part_zero_name(context, library.digest, _scope(query, rows), weights)
        if is_text and name in self._part_zeros:
            return self._part_zeros[name]
        kept = StoredZero.from_json(await self._cache.read(get_zero, name)) if is_text else None
        if kept is not None:
            return self._remember_part_zero(name, kept.zero)
        most = zero_most(context, len(ids), is_text=is_text)
        chosen, halvings = sampled(ids, most)
        positions = None
        if rows is not None or len(chosen) < len(ids):
            positions = chosen if rows is None else rows[chosen]
        asked = part_query(context, embedded.vector, (), None)
        tally, is_whole = await parts.tally(library, asked, weights, positions)
        zero = zero_of(context, ScorerKind.MATCH, "", tally, len(ids))
        if zero is None:
            return None
        if not is_text:
            return found_of_kind(zero, has_matcher=embedded.context.matcher is not None)
        if not is_whole:
            return FoundZero(zero=zero, scorer=ScorerKind.MATCH, state=ZeroState.QUICK)
        with suppress(CacheError):
            new = StoredZero(zero=zero, tally=tally, halvings=halvings)
            await self._cache.write(put_zero, name, new.as_json())
        return self._remember_part_zero(name, zero)

    def _remember_part_zero(self, name: str, zero: Zero) -> FoundZero:
        found = FoundZero(zero=zero, scorer=ScorerKind.MATCH, state=ZeroState.CURRENT)
        self._part_zeros[name] = found
        return found

    async def _with_late(
        self, query: ResolvedQuery, embedded: EmbeddedQuery, scores: Scores
    ) -> tuple[Scores, LateScores | None]:
        """With what late interaction says of the best pictures, where that is to rank them."""
        name = query.request.scorer
        if self._late is None or not find_scorer(name).needs_states or not len(scores.picture_ids):
            return scores, None
        background = embedded.context.background()
        among = background.surroundings(embedded.vector[None])
        late = await self._late().score(query, scores, background, among)
        placed = {} if late.placed is None else {name: late.placed}
        for array in (late.scores, *placed.values()):
            array.flags.writeable = False
        return replace(scores, others={**scores.others, name: late.scores}, placed=placed), late

    async def uncalibrated(
        self, query: ResolvedQuery, picture_ids: IdArray
    ) -> tuple[str, FloatArray]:
        """The match logits of some pictures [n], as a search has them without labels, and by what.

        The exact scorer is empty where none can be calibrated for this query. Pictures of the
        built-in collection and others are placed apart, as they are searched. Raises what `score`
        raises.
        """
        terms, _, _ = await self._terms(query)
        matrix = await self._matrices.get(query.encoder.id, query.key.revision)
        embedded = await self._embedded(query, terms, matrix)
        embedded = embedded.without_labels()
        collection = query.snapshot.collection
        built_in = np.empty(0, np.int64) if collection is None else collection.picture_ids
        inside = np.isin(matrix.picture_ids, built_in, assume_unique=True)
        logits = np.empty(len(picture_ids), np.float32)
        wanted_inside = np.isin(picture_ids, built_in)
        for part in (False, True):
            wanted = np.flatnonzero(wanted_inside == part)
            if not len(wanted):
                continue
            rows = np.flatnonzero(inside == part) if inside.any() else None
            there = await self._with_zero(query, embedded, rows)
            scores = await asyncio.to_thread(scores_of, there, rows)
            indices = np.searchsorted(scores.picture_ids, picture_ids[wanted])
            logits[wanted] = scores.match_logit[indices]
        return embedded.context.calibrated_scorer(), logits

    async def measure(self, query: ResolvedQuery, report: OnProgress) -> None:
        """Score what queries like this one are placed by, as far as it is not scored yet.

        Of a large library also learn how to look through it in two passes. Raises what `score`
        raises.
        """
        embedded, rows = await self._any_text(query)
        scope = _scope(query, rows)
        await self.zeros.measure(embedded.context, query.encoder.id, rows, scope, report)
        if self._narrow is not None:
            await self._narrow().learn(query.encoder.id, embedded)

    async def scope_of(self, query: ResolvedQuery) -> QueryScope:
        """What a plain text like that of a query is scored by; its own embedding takes no part.

        Raises what `score` raises.
        """
        with self.zeros.first():
            embedded, rows = await self._any_text(query)
            embedded = await self._with_zero(query, embedded, rows)
        context, zero = embedded.context, embedded.zero
        return QueryScope(
            context=context,
            scorer=ScorerKind.MATCH if zero is None else zero.scorer,
            rows=np.arange(context.matrix.count) if rows is None else rows,
            matcher=context.shown_name(shipped=query.snapshot.shipped_matcher),
        )

    async def _any_text(self, query: ResolvedQuery) -> tuple[EmbeddedQuery, IdArray | None]:
        """Some text in the place of a query's, as all have one background; the rows in scope."""
        matrix = await self._matrices.get(query.encoder.id, query.key.revision)
        vector = np.ones(query.encoder.dim, np.float32)
        some = WeightedTerm(weight=1.0, vector=vector, is_picture=False)
        embedded = await self._embedded(query, [some], matrix)
        filters = query.request.filters
        return embedded, await self._resolver.in_scope(filters, matrix.picture_ids, query.snapshot)

    async def _with_zero(
        self, query: ResolvedQuery, embedded: EmbeddedQuery, rows: IdArray | None
    ) -> EmbeddedQuery:
        """With what background texts reach in scope."""
        scope = _scope(query, rows)
        found = await self.zeros.get(embedded.context, query.encoder.id, rows, scope)
        if found is None:
            return embedded
        context = replace(embedded.context, zeros={(found.scorer, ""): found.zero})
        return replace(embedded, context=context, zero=found)

    async def _terms(
        self, query: ResolvedQuery
    ) -> tuple[list[WeightedTerm], bool, tuple[SearchWarning, ...]]:
        offline = query.request.offline
        try:
            texts, used_model = await self._embedder.embed(
                query.encoder, query.texts, offline=offline
            )
        except (OfflineError, ModelMissingError) as error:
            raise _with_language(error, query) from error
        terms = []
        for term, reference in zip(query.query.terms, query.references, strict=True):
            if reference is None:
                vector = texts[term.text].vector
            else:
                vector, ran = await self._pictures.embed(query.encoder, reference, offline=offline)
                used_model = used_model or ran
            is_picture = reference is not None
            terms.append(WeightedTerm(weight=term.weight, vector=vector, is_picture=is_picture))
        return terms, used_model, warnings.of_cut_texts(texts)

    async def _embedded(
        self, query: ResolvedQuery, terms: list[WeightedTerm], matrix: EmbeddingMatrix
    ) -> EmbeddedQuery:
        context = MatchContext(
            matrix=matrix,
            logit_scale=query.encoder.logit_scale,
            calibrations=query.snapshot.calibrations_of(query.encoder.id),
        )
        if query.matcher_id is not None:
            matcher = await self._matcher(query, query.matcher_id)
            own, with_patches = await self._own_pictures(matcher, query.matcher_id, matrix)
            context = replace(
                context,
                matcher=matcher,
                matcher_id=query.matcher_id,
                own_pictures=own,
                with_patches=with_patches,
            )
        prompts = None
        if query.texts:
            prompts = await self._embedder.background_prompts(
                query.encoder, query.language, offline=query.request.offline
            )
        background = label_free.query_background(terms, prompts, matrix, query.language)
        return EmbeddedQuery(
            terms=tuple(terms),
            vector=combine(terms),
            context=replace(context, backgrounds={"": background}),
            is_lasting=prompts is None or prompts.is_lasting,
            used_model=prompts is not None and prompts.used_model,
        )

    async def _matcher(self, query: ResolvedQuery, matcher_id: int) -> Matcher:
        # An id may be given again, but not at the same revision.
        key = query.encoder.id, matcher_id, query.snapshot.revision
        if key not in self._matchers:
            record = await self._cache.read(newest_matcher, query.encoder.id)
            if record is None:
                raise ModelUnusableError(f"the matcher of {query.encoder.id} is gone")
            self._matchers = {key: read_matcher(record.weights, query.encoder.id)}
            if self._matchers[key].dim != query.encoder.dim:
                raise ModelUnusableError(
                    f"the matcher takes vectors of {self._matchers[key].dim} numbers, and"
                    f" {query.encoder.id} makes {query.encoder.dim}"
                )
        return self._matchers[key]

    async def _own_pictures(
        self, matcher: Matcher, matcher_id: int, matrix: EmbeddingMatrix
    ) -> tuple[Columns | None, int]:
        """The pictures as the matcher sees them, once for each that is resident."""
        if self._own is None or self._own[:2] != (matcher, matrix):
            own = await own_pictures(
                self._cache, matcher, matcher_id, matrix.picture_ids, matrix.columns
            )
            self._own = (matcher, matrix, own)
        return self._own[2]


def _scope(query: ResolvedQuery, rows: IdArray | None) -> str:
    """What of the library a query is about, in words that the next one about it has, too."""
    filters = canonical(filters_as_json(query.request.filters))
    return filters if rows is None else f"{filters}, {len(query.snapshot.left_out) > 0}"


def _with_language(error: EngineError, query: ResolvedQuery) -> EngineError:
    """The error, with what else stands between the query and an answer."""
    found = warnings.of_languages(query.texts, query.encoder)
    hints = [error.hint, *(f"{each.message} {each.hint}" for each in found)]
    return type(error)(error.message, hint="\n".join(hints))


def _match_of_key(query: ResolvedQuery, embedded: EmbeddedQuery) -> str:
    if embedded.context.is_rough():
        return ROUGH
    name = query.key.match if embedded.is_lasting else PARTIAL
    if embedded.zero is None or not embedded.zero.comes:
        return name
    # Another decision as soon as the zero of the library as it is has come.
    zero = hashlib.blake2b(embedded.zero.zero.as_json().encode(), digest_size=8).hexdigest()
    return f"{name}, {embedded.zero.state} zero {zero}"


def _kind(query: ResolvedQuery) -> str:
    """What the background of a query is made of, for people."""
    if len(query.references) > 1:
        return "mixes"
    return "pictures" if query.references[0] else "texts"
