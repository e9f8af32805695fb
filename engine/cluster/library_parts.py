"""The library as a cluster holds it: its attached shards there, what the cache has itself here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from sqlite_utils import Database

from cache.embeddings import load_matrix
from cache.mapped import UsedBlock, absent_folders, used_blocks
from cache.sql import revision
from cache.store import Cache
from engine.cluster.host import ClusterHost
from engine.cluster.shard_search import SentQuery
from engine.errors import ClusterError
from engine.results import FloatArray, IdArray
from engine.scoring.columns import Columns
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.evidence import Tally
from engine.scoring.matcher import read_matcher
from engine.scoring.parts import (
    PartQuery,
    PartScores,
    joined_tally,
    part_scores,
    part_tally,
)
from engine.search.parts import CoveredScores, PartedLibrary
from engine.settings import EngineSettings

OWN = -1
"""The part that the cache has itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Laid:
    """Which picture is in which part."""

    library: PartedLibrary
    encoder_id: str
    own: EmbeddingMatrix
    blocks: Sequence[UsedBlock]
    part: IdArray
    """Of each picture of the library, [N]; OWN or the place of a block."""
    row: IdArray
    """Where it is in its part, [N]."""

    def rows_of(self, positions: IdArray) -> dict[int, IdArray]:
        """The rows of each part that pictures of the library are."""
        parts = self.part[positions]
        return {int(part): self.row[positions[parts == part]] for part in np.unique(parts).tolist()}

    def positions_of(self, part: int) -> IdArray:
        """Where the pictures of a part stand in the library, in the part's order."""
        there = np.flatnonzero(self.part == part)
        return there[np.argsort(self.row[there], kind="stable")]


class ClusterParts:
    """Asks a cluster and the cache itself, and joins what they say; see `PictureParts`."""

    def __init__(
        self,
        cache: Cache,
        address: str,
        settings: EngineSettings,
        on_loaded: Callable[[int, int], None] = lambda loaded, shards: None,
    ) -> None:
        """`on_loaded` gets how many of how many shards the cluster has read."""
        self._cache = cache
        self._host = ClusterHost(address, settings)
        self._on_loaded = on_loaded
        self._laid: _Laid | None = None
        self._middle: tuple[_Laid, FloatArray] | None = None
        self._lock = asyncio.Lock()

    async def library(self, encoder_id: str, at_revision: int) -> PartedLibrary:
        """The pictures of an encoder; has the cluster read shards that it does not hold yet."""
        async with self._lock:
            laid = self._laid
            if laid is None or laid.encoder_id != encoder_id or laid.library.revision < at_revision:
                self._laid = None
                laid = await self._cache.read(_lay_out, encoder_id)
                shards = len(laid.blocks)
                await self._host.hold(laid.blocks, lambda done: self._on_loaded(done, shards))
                self._laid = laid
        return laid.library

    async def scores(
        self, library: PartedLibrary, query: PartQuery, matcher: bytes
    ) -> CoveredScores:
        """The scores of all pictures that can be asked now."""
        laid, sent = self._of(library), self._sent(query, matcher)
        with self._held():
            found = await self._host.scores(sent)
        if laid.own.count:
            found[OWN] = await asyncio.to_thread(part_scores, _whole(sent), laid.own)
        parts = sorted(found)
        none = np.zeros(0, np.int64)
        places = np.concatenate([none, *(laid.positions_of(part) for part in parts)])
        order = np.argsort(places, kind="stable")
        lost = [block for at, block in enumerate(laid.blocks) if at not in found]
        return CoveredScores(
            positions=places[order],
            scores=PartScores.joined([found[part] for part in parts], order),
            lost=tuple(f"shard {each.block.number} of {each.block.folder}" for each in lost),
        )

    async def tally(
        self, library: PartedLibrary, query: PartQuery, matcher: bytes, positions: IdArray | None
    ) -> tuple[Tally, bool]:
        """What background texts reach in all pictures or some; whether none was left out."""
        laid, sent = self._of(library), self._sent(query, matcher)
        rows = None if positions is None else laid.rows_of(positions)
        own = np.arange(laid.own.count) if rows is None else rows.pop(OWN, np.zeros(0, np.int64))
        wanted = set(range(len(laid.blocks))) if rows is None else set(rows)
        with self._held():
            found = await self._host.tallies(sent, rows) if wanted else {}
        tallies = [found[part] for part in sorted(found)]
        if len(own):
            tallies.append(await asyncio.to_thread(part_tally, _whole(sent), laid.own, own))
        return joined_tally(tallies, len(query.background.random)), set(found) == wanted

    async def middle(self, library: PartedLibrary) -> FloatArray:
        """The mean of all embeddings that can be asked, [dim]."""
        laid = self._of(library)
        if self._middle is None or self._middle[0] is not laid:
            with self._held():
                found = await self._host.sums()
            total = laid.own.columns.total() + sum(found.values())
            count = laid.own.count + sum(len(laid.blocks[part].rows) for part in found)
            middle: FloatArray = np.asarray(total / max(count, 1), np.float32)
            if len(found) < len(laid.blocks):
                return middle
            self._middle = laid, middle
        return self._middle[1]

    async def vectors(self, library: PartedLibrary, positions: IdArray) -> FloatArray:
        """The embeddings of some pictures in their order, as far as they can be asked."""
        laid = self._of(library)
        rows = laid.rows_of(positions)
        own = rows.pop(OWN, None)
        with self._held():
            found = await self._host.vectors(rows) if rows else {}
        if own is not None:
            found[OWN] = laid.own.vectors(own)
        parts = laid.part[positions]
        there = np.isin(parts, list(found))
        vectors = np.empty((len(positions), laid.own.columns.dim), np.float32)
        for part, some in found.items():
            vectors[parts == part] = some
        return vectors[there]

    async def aclose(self) -> None:
        """Let go of the cluster; what it holds ends with that."""
        await self._host.aclose()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Have shards read anew by the next question where the cluster was lost over this one."""
        try:
            yield
        except ClusterError:
            self._laid = None
            raise

    def _of(self, library: PartedLibrary) -> _Laid:
        assert self._laid is not None
        assert self._laid.library is library, "the library is another one by now"
        return self._laid

    def _sent(self, query: PartQuery, matcher: bytes) -> SentQuery:
        assert self._laid is not None
        key = hashlib.blake2b(matcher, digest_size=12).hexdigest() if matcher else ""
        return SentQuery(
            query=query, matcher=matcher, matcher_key=key, encoder_id=self._laid.encoder_id
        )


def _whole(sent: SentQuery) -> PartQuery:
    """The query with its matcher, for the part that is here."""
    if not sent.matcher:
        return sent.query
    return replace(sent.query, matcher=read_matcher(sent.matcher, sent.encoder_id))


def _lay_out(db: Database, encoder_id: str) -> _Laid:
    """Which picture is where; reads the embeddings of the cache itself."""
    absent = absent_folders(db, encoder_id)
    blocks = used_blocks(db, encoder_id)
    own_ids, vectors = load_matrix(db, encoder_id, with_attached=False)
    by_id = np.argsort(own_ids, kind="stable")
    own_ids = own_ids[by_id]
    own = EmbeddingMatrix(
        revision=revision(db), picture_ids=own_ids, columns=Columns.of(vectors[by_id].T)
    )
    ids = np.concatenate([own_ids, *(used.picture_ids for used in blocks)])
    sizes = [len(used.picture_ids) for used in blocks]
    part = np.repeat(np.arange(-1, len(blocks)), [len(own_ids), *sizes])
    row = np.concatenate([np.arange(size) for size in (len(own_ids), *sizes)])
    order = np.argsort(ids, kind="stable")
    digest = _digest(encoder_id, ids[order], own.columns, blocks)
    library = PartedLibrary(
        revision=own.revision, picture_ids=ids[order], absent=absent, digest=digest
    )
    return _Laid(
        library=library,
        encoder_id=encoder_id,
        own=own,
        blocks=blocks,
        part=part[order],
        row=row[order],
    )


def _digest(encoder_id: str, ids: IdArray, own: Columns, blocks: Sequence[UsedBlock]) -> str:
    stamps = [f"{used.block}" for used in blocks]
    found = hashlib.blake2b(f"{encoder_id} {stamps}".encode(), digest_size=12)
    found.update(ids.data)
    found.update(np.stack([own.row(0), own.row(-1)]).data)
    return found.hexdigest()
