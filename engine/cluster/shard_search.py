"""Shards in the memory of a cluster: which actor holds which, and what they say of a query.

Runs in the process that speaks to the cluster, and on its machines. A query goes to every actor at
once; scores come back, 8 bytes a picture. A shard whose machine is lost is loaded by another one,
and until then answers lack it.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cache.mapped import MappedBlock
from engine.cluster.connection import ActorShare, Cluster
from engine.errors import ClusterError, T2IError
from engine.models.messages import Array, Json
from engine.results import FloatArray, IdArray
from engine.scoring.columns import Columns
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.evidence import Floats
from engine.scoring.label_free import Background
from engine.scoring.matcher import Matcher, read_matcher
from engine.scoring.parts import PartQuery, PartScores, PartTally, part_scores, part_tally

_LOOK_S = 0.2
_PATIENCE_S = 60.0
"""An actor that does not answer a query for so long counts as lost."""
MOST_LOSSES = 3
"""A shard that was lost more often is what the machines die of."""
_NOTICE_S = 15.0
"""Ray may send actors to a machine that is gone for about so long."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentQuery:
    """A query on its way to the parts: the matcher as its file, to be read once by each."""

    query: PartQuery
    matcher: bytes = b""
    matcher_key: str = ""
    """Tells its content from others; empty without one."""
    encoder_id: str = ""

    def pack(self) -> tuple[dict[str, Json], list[Array]]:
        """As plain values and arrays."""
        query, background = self.query, self.query.background
        fields: dict[str, Json] = {
            "logit_scale": query.logit_scale,
            "wants_label_free": query.wants_label_free,
            "has_surroundings": background.has_surroundings,
            "are_rivals": background.are_rivals,
            "key": None if background.key is None else repr(background.key),
            "matcher_key": self.matcher_key,
            "encoder_id": self.encoder_id,
            "background_pictures": len(background.pictures),
            "pictures": len(query.pictures),
            "has_beyond": background.beyond is not None,
            "has_middle": background.middle is not None,
        }
        weights = np.frombuffer(self.matcher, np.uint8)
        fixed: list[Array] = [query.vector, background.vectors, background.random, weights]
        optional = [each for each in (background.beyond, background.middle) if each is not None]
        return fields, [*fixed, *background.pictures, *query.pictures, *optional]

    @classmethod
    def unpack(cls, fields: Mapping[str, Any], arrays: Sequence[Any]) -> SentQuery:
        """What `pack` gave."""
        vector, vectors, random, weights, *pictures = arrays
        count = int(fields["background_pictures"])
        optional = list(pictures[count + int(fields["pictures"]) :])
        background = Background(
            vectors=vectors,
            random=random,
            pictures=tuple(pictures[:count]),
            beyond=optional.pop(0) if fields["has_beyond"] else None,
            middle=optional.pop(0) if fields["has_middle"] else None,
            has_surroundings=bool(fields["has_surroundings"]),
            are_rivals=bool(fields["are_rivals"]),
            key=fields["key"],
        )
        query = PartQuery(
            vector=vector,
            background=background,
            logit_scale=float(fields["logit_scale"]),
            wants_label_free=bool(fields["wants_label_free"]),
            pictures=tuple(pictures[count : count + int(fields["pictures"])]),
        )
        return cls(
            query=query,
            matcher=weights.tobytes(),
            matcher_key=str(fields["matcher_key"]),
            encoder_id=str(fields["encoder_id"]),
        )


class SearchActor:
    """Holds shards in memory on one machine, and scores their pictures."""

    def __init__(self) -> None:
        self._held: dict[int, EmbeddingMatrix] = {}
        self._matcher: tuple[str, Matcher | None] = ("", None)

    def load(self, shard: int, block: MappedBlock, rows: IdArray) -> str:
        """Read the rows of a shard; returns what stands in the way, or nothing."""
        try:
            columns = Columns.of(block.vectors()[rows].T)
        except T2IError as error:
            return f"{socket.gethostname()}: {error.message}"
        ids = np.arange(len(rows), dtype=np.int64)
        self._held[shard] = EmbeddingMatrix(revision=0, picture_ids=ids, columns=columns)
        return ""

    def drop(self, shards: Sequence[int]) -> None:
        """Let go of shards that are wanted no more."""
        for shard in shards:
            self._held.pop(shard, None)

    def scores(self, shards: Sequence[int], sent: SentQuery) -> dict[int, PartScores]:
        """Score the pictures of some shards."""
        query = self._with_matcher(sent)
        return {shard: part_scores(query, self._held[shard]) for shard in shards}

    def tallies(self, rows: Mapping[int, IdArray | None], sent: SentQuery) -> dict[int, PartTally]:
        """What background texts reach among some pictures of each shard, or all of them."""
        query = self._with_matcher(sent)
        return {shard: part_tally(query, self._held[shard], some) for shard, some in rows.items()}

    def sums(self, shards: Sequence[int]) -> dict[int, Floats]:
        """The sum of the embeddings of each shard, [dim]."""
        return {shard: self._held[shard].columns.total() for shard in shards}

    def vectors(self, rows: Mapping[int, IdArray]) -> dict[int, FloatArray]:
        """The embeddings of some pictures of each shard."""
        return {shard: self._held[shard].vectors(some) for shard, some in rows.items()}

    def _with_matcher(self, sent: SentQuery) -> PartQuery:
        if not sent.matcher_key:
            return sent.query
        if self._matcher[0] != sent.matcher_key:
            self._matcher = sent.matcher_key, read_matcher(sent.matcher, sent.encoder_id)
        return replace(sent.query, matcher=self._matcher[1])


@dataclass(slots=True, eq=False)
class _Holder:
    """An actor with the shards that it has, or is reading."""

    actor: Any
    shards: set[int] = field(default_factory=set)
    """Loaded."""
    loading: dict[int, Any] = field(default_factory=dict)

    @property
    def all(self) -> set[int]:
        return self.shards | set(self.loading)


class HeldShards:
    """The shards of one library under one encoder, spread over the machines of a cluster."""

    def __init__(
        self, cluster: Cluster, blocks: Sequence[MappedBlock], rows: Sequence[IdArray]
    ) -> None:
        self._cluster = cluster
        self._blocks = blocks
        self._rows = rows
        self._holders: list[_Holder] = []
        self._losses: Counter[int] = Counter()
        self._lost_at: dict[int, float] = {}
        """When each shard's last loss was counted."""

    @property
    def covered(self) -> list[int]:
        """The shards that can be asked now, ascending."""
        return sorted(shard for holder in self._holders for shard in holder.shards)

    def load(self, check: Callable[[], None], report: Callable[[int], None]) -> None:
        """Read every shard into the memory of some machine. Raises ClusterError."""
        order = sorted(range(len(self._blocks)), key=lambda shard: -len(self._rows[shard]))
        room = min(self._cluster.share().room, len(self._blocks))
        for shard in order:
            self._assign(shard, room)
        while len(self.covered) < len(self._blocks):
            check()
            self._cluster.check()
            self._settle(_LOOK_S)
            report(len(self.covered))

    def scores(self, sent: SentQuery, check: Callable[[], None]) -> dict[int, PartScores]:
        """Score all pictures; of shards that are lost or not loaded again yet there is nothing."""
        return self._ask("scores", lambda shards: (shards, self._cluster.ray.put(sent)), check)

    def tallies(
        self, rows: Mapping[int, IdArray] | None, sent: SentQuery, check: Callable[[], None]
    ) -> dict[int, PartTally]:
        """The tallies of shards, over all their pictures or some rows."""

        def arguments(shards: list[int]) -> tuple[Any, ...]:
            chosen = {s: None if rows is None else rows[s] for s in shards if not rows or s in rows}
            return chosen, sent

        return self._ask("tallies", arguments, check)

    def sums(self, check: Callable[[], None]) -> dict[int, Floats]:
        """The sum of the embeddings of each shard."""
        return self._ask("sums", lambda shards: (shards,), check)

    def vectors(
        self, rows: Mapping[int, IdArray], check: Callable[[], None]
    ) -> dict[int, FloatArray]:
        """The embeddings of some rows of shards."""

        def arguments(shards: list[int]) -> tuple[Any, ...]:
            return ({shard: rows[shard] for shard in shards if shard in rows},)

        return self._ask("vectors", arguments, check)

    def close(self) -> None:
        """End the actors."""
        for holder in self._holders:
            self._cluster.ray.kill(holder.actor)
        self._holders = []

    def _ask(
        self,
        method: str,
        arguments: Callable[[list[int]], tuple[Any, ...]],
        check: Callable[[], None],
    ) -> dict[int, Any]:
        """Ask every actor at once, and join what they say; who is lost is replaced meanwhile."""
        self._cluster.check()
        self._settle(0)
        asked = {}
        for holder in self._holders:
            if holder.shards:
                work = getattr(holder.actor, method).remote(*arguments(sorted(holder.shards)))
                asked[work] = holder
        found: dict[int, Any] = {}
        waited = 0.0
        while asked:
            check()
            self._cluster.check()
            ready, _ = self._cluster.ray.wait(list(asked), timeout=_LOOK_S)
            waited = 0.0 if ready else waited + _LOOK_S
            if waited > _PATIENCE_S:
                for holder in asked.values():
                    self._lose(holder)
                break
            for work in ready:
                holder = asked.pop(work)
                try:
                    found |= self._cluster.ray.get(work)
                except self._cluster.ray.exceptions.RayActorError:
                    self._lose(holder)
        return found

    def _assign(self, shard: int, most_holders: int) -> None:
        """Have a shard read by the actor with the fewest rows, or by a new one up to so many."""
        if len(self._holders) < max(1, most_holders):
            # It takes no core for itself: several people may search at a time.
            share = ActorShare(cpus=0, gpus=0, room=most_holders)
            self._holders.append(_Holder(self._cluster.actor(SearchActor, share)))
        holder = min(self._holders, key=lambda each: self._held_rows(each.all))
        holder.loading[shard] = holder.actor.load.remote(
            shard, self._blocks[shard], self._rows[shard]
        )

    def _held_rows(self, shards: Iterable[int]) -> int:
        return sum(len(self._rows[shard]) for shard in shards)

    def _settle(self, seconds: float) -> None:
        """Take what was loaded by now."""
        loads = {
            work: (holder, shard)
            for holder in self._holders
            for shard, work in holder.loading.items()
        }
        if not loads:
            return
        ready, _ = self._cluster.ray.wait(list(loads), num_returns=len(loads), timeout=seconds)
        for work in ready:
            holder, shard = loads[work]
            if holder not in self._holders:
                continue
            try:
                problem = self._cluster.ray.get(work)
            except self._cluster.ray.exceptions.RayActorError:
                self._lose(holder)
                continue
            if problem:
                raise ClusterError(
                    str(problem), hint="Every machine of the cluster must see the shards."
                )
            del holder.loading[shard]
            holder.shards.add(shard)

    def _lose(self, holder: _Holder) -> None:
        """Have the shards of an actor that is gone read by others."""
        if holder not in self._holders:
            return
        self._holders.remove(holder)
        self._cluster.ray.kill(holder.actor)
        for shard in sorted(holder.all):
            self._count_loss(shard)
            if self._losses[shard] > MOST_LOSSES:
                raise ClusterError(
                    f"shard {self._blocks[shard].number} of {self._blocks[shard].folder} was lost"
                    f" with its machine {self._losses[shard]} times",
                    hint="Often the machines have too little memory: add some.",
                )
            # Those that are left have room; a machine that is lost counts for some time still.
            self._assign(shard, len(self._holders))

    def _count_loss(self, shard: int) -> None:
        """Count a loss; those that follow before Ray has noticed the machine's end are the same."""
        now = time.monotonic()
        if now - self._lost_at.get(shard, -_NOTICE_S) >= _NOTICE_S:
            self._losses[shard] += 1
            self._lost_at[shard] = now
