"""The program's side of a cluster: the process that speaks to it, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from cache.files import FailureRecord
from cache.mapped import UsedBlock
from engine.cluster.connection import lost
from engine.cluster.painting import PaintOrder
from engine.cluster.probe import NodeReport
from engine.cluster.shard_making import ShardOrder
from engine.cluster.shard_search import SentQuery
from engine.errors import ClusterError, WorkerDiedError
from engine.models.messages import Array, Json, Reply
from engine.models.process import OnEvent, WorkerProcess
from engine.results import FloatArray, IdArray
from engine.scoring.evidence import Floats
from engine.scoring.parts import PartScores, PartTally
from engine.settings import EngineSettings
from engine.untrusted.values import read_as

MODULE = "engine.workers.cluster"
_SILENCE_S = 120.0
_GRACE_S = 10.0


class ShardListener(Protocol):
    """What is told while shards are made."""

    def files_done(self, files: int) -> None:
        """So many files of the shards that were ordered are done; fewer than before where a
        machine was lost."""
        ...

    def shard_made(self, number: int, failures: Sequence[FailureRecord]) -> None: ...

    def noted(self, message: str) -> None: ...


def check_installed() -> None:
    """Raise ClusterError where Ray is not installed."""
    if find_spec("ray") is None:
        raise ClusterError(
            "clusters are reached through Ray, which is not installed",
            hint="Install it: pip install 't2itui[ray]'",
        )


class ClusterHost:
    """One cluster, as long as the program needs it."""

    def __init__(
        self, address: str, settings: EngineSettings, *, idle_seconds: float = 0.0
    ) -> None:
        """After `idle_seconds` without a call the cluster is let go of (0: never). Raises
        ClusterError where Ray is not installed."""
        check_installed()
        self.address = address
        self._process = WorkerProcess(
            MODULE,
            args=(address,),
            log=settings.home / "logs" / "cluster.log",
            grace_s=_GRACE_S,
            silence_s=_SILENCE_S,
            idle_seconds=idle_seconds,
        )

    async def probe(self, folders: Sequence[str]) -> list[NodeReport]:
        """What every machine is, and which of some folders it sees. Raises ClusterError."""
        reply = await self._call("probe", {"folders": list(folders)})
        return [read_as(NodeReport, report) for report in reply.items("reports")]

    async def make_shards(self, order: ShardOrder, listener: ShardListener) -> None:
        """Have shards made. Raises ClusterError, and what the machines raise."""

        def hear(event: Mapping[str, Json]) -> None:
            match event:
                case {"files": int(files)}:
                    listener.files_done(files)
                case {"shard": int(number), "failures": list(failures)}:
                    records = [read_as(FailureRecord, record) for record in failures]
                    listener.shard_made(number, records)
                case {"note": str(message)}:
                    listener.noted(message)

        await self._call("index", {"order": asdict(order)}, hear)

    async def hold(self, blocks: Sequence[UsedBlock], on_loaded: Callable[[int], None]) -> None:
        """Have shards read into the memory of the cluster, in the place of those held before."""

        def hear(event: Mapping[str, Json]) -> None:
            match event:
                case {"loaded": int(loaded)}:
                    on_loaded(loaded)

        fields: dict[str, Json] = {"blocks": [asdict(used.block) for used in blocks]}
        await self._call("hold", fields, hear, [used.rows for used in blocks])

    async def scores(self, sent: SentQuery) -> dict[int, PartScores]:
        """The scores of the shards that can be asked now."""
        fields, arrays = sent.pack()
        reply = await self._call("scores", {"query": fields}, None, arrays)
        floats = [array.astype(np.float32, copy=False) for array in reply.arrays]
        shards = _shards(reply)
        each = len(floats) // max(len(shards), 1)
        found = {}
        for at, shard in enumerate(shards):
            cosine, match, *others = floats[at * each : (at + 1) * each]
            free = others.pop(0) if sent.query.wants_label_free else None
            nearest = others.pop(0) if sent.query.pictures else None
            found[shard] = PartScores(cosine=cosine, match=match, label_free=free, nearest=nearest)
        return found

    async def tallies(
        self, sent: SentQuery, rows: Mapping[int, IdArray] | None
    ) -> dict[int, PartTally]:
        """What background texts reach in the shards that can be asked now, or in some rows."""
        fields, arrays = sent.pack()
        about: dict[str, Json] = {"query": fields}
        if rows is not None:
            about["rows_of"] = list(rows)
            arrays += rows.values()
        reply = await self._call("tallies", about, None, arrays)
        thirds = (reply.arrays[at::3] for at in range(3))
        tallies = [
            PartTally(
                top=top.astype(np.float32, copy=False),
                total=total.astype(np.float64, copy=False),
                said=said.astype(np.float64, copy=False),
                seen=int(str(seen)),
            )
            for top, total, said, seen in zip(*thirds, reply.items("seen"), strict=True)
        ]
        return dict(zip(_shards(reply), tallies, strict=True))

    async def sums(self) -> dict[int, Floats]:
        """The sum of the embeddings of each shard that can be asked now, [dim]."""
        reply = await self._call("sums", {})
        sums = [array.astype(np.float64, copy=False) for array in reply.arrays]
        return dict(zip(_shards(reply), sums, strict=True))

    async def vectors(self, rows: Mapping[int, IdArray]) -> dict[int, FloatArray]:
        """The embeddings of some rows of the shards that can be asked now."""
        reply = await self._call("vectors", {"rows_of": list(rows)}, None, list(rows.values()))
        floats = [array.astype(np.float32, copy=False) for array in reply.arrays]
        return dict(zip(_shards(reply), floats, strict=True))

    async def room(self) -> int:
        """How many pictures can be painted at once. Raises ClusterError."""
        return (await self._call("room", {})).whole("room")

    async def paint(self, order: PaintOrder, on_event: OnEvent) -> Reply:
        """Have pictures painted; events are those of a generator process, and notes. Raises
        ClusterError, and what the generator raises."""
        return await self._call("paint", {"order": asdict(order)}, on_event)

    async def _call(
        self,
        op: str,
        fields: Mapping[str, Json],
        on_event: OnEvent | None = None,
        arrays: Sequence[Array] = (),
    ) -> Reply:
        try:
            return await self._process.call(op, fields, arrays, on_event=on_event)
        except WorkerDiedError as error:
            # Ray ends the process that has lost its cluster.
            raise lost(self.address) from error

    async def aclose(self) -> None:
        """End the process; what it started on the cluster ends with it."""
        await self._process.aclose()


def _shards(reply: Reply) -> list[int]:
    return [int(str(shard)) for shard in reply.items("shards")]
