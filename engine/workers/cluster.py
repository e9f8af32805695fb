"""The process that speaks to a Ray cluster: `python -m engine.workers.cluster ADDRESS`.

Calls: `probe`, `index`, `hold`, `scores`, `tallies`, `sums`, `vectors`, `room`, `paint`. The
cluster is joined by the first of them. On its machines engine/cluster runs; Ray carries plain
values there and back, and no pickle comes from storage.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from cache.mapped import MappedBlock
from engine.cluster.connection import Cluster, connect
from engine.models.messages import Reply
from engine.results import IdArray
from engine.untrusted.values import read_as
from engine.workers.loop import Call, serve

if TYPE_CHECKING:
    from engine.cluster.painting import PaintingPool
    from engine.cluster.shard_search import HeldShards


class ClusterWorker:
    """Answers calls about one cluster."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._cluster: Cluster | None = None
        self._held: HeldShards | None = None
        self._pool: PaintingPool | None = None
        self._lock = threading.Lock()

    def probe(self, call: Call) -> Reply:
        """Ask every machine what it is, and which folders it sees."""
        from engine.cluster.probe import probe_nodes

        folders = call.request.texts("folders")
        reports = probe_nodes(self._joined(call), folders, call.check)
        return Reply(fields={"reports": [asdict(report) for report in reports]})

    def index(self, call: Call) -> Reply:
        """Make shards; see `engine.cluster.shard_making`."""
        from engine.cluster.shard_making import ShardOrder, make_shards

        order = read_as(ShardOrder, call.request.fields["order"])
        make_shards(self._joined(call), order, call.check, call.report)
        return Reply()

    def hold(self, call: Call) -> Reply:
        """Read shards into the memory of the cluster, in the place of those held before."""
        from engine.cluster.shard_search import HeldShards

        blocks = [read_as(MappedBlock, block) for block in call.request.items("blocks")]
        rows = [array.astype(np.int64, copy=False) for array in call.request.arrays]
        cluster = self._joined(call)
        if self._held is not None:
            self._held.close()
        self._held = HeldShards(cluster, blocks, rows)
        self._held.load(call.check, lambda loaded: call.report(loaded=loaded))
        return Reply()

    def scores(self, call: Call) -> Reply:
        """Score the pictures of all shards: the arrays of each that can be asked, in order."""
        from engine.cluster.shard_search import SentQuery

        sent = SentQuery.unpack(call.request.mapping("query"), call.request.arrays)
        found = self._holding().scores(sent, call.check)
        arrays = [array for shard in sorted(found) for array in found[shard].arrays()]
        return Reply(fields={"shards": sorted(found)}, arrays=arrays)

    def tallies(self, call: Call) -> Reply:
        """What background texts reach, by shard: its arrays, and how many were seen."""
        from engine.cluster.shard_search import SentQuery

        sent = SentQuery.unpack(call.request.mapping("query"), call.request.arrays)
        rows = _rows_of(call, len(sent.pack()[1]))
        found = self._holding().tallies(rows, sent, call.check)
        arrays = [array for shard in sorted(found) for array in found[shard].arrays()]
        seen = [found[shard].seen for shard in sorted(found)]
        return Reply(fields={"shards": sorted(found), "seen": seen}, arrays=arrays)

    def sums(self, call: Call) -> Reply:
        """The sum of the embeddings of each shard."""
        found = self._holding().sums(call.check)
        return Reply(
            fields={"shards": sorted(found)}, arrays=[found[shard] for shard in sorted(found)]
        )

    def vectors(self, call: Call) -> Reply:
        """The embeddings of some rows of shards."""
        found = self._holding().vectors(_rows_of(call, 0) or {}, call.check)
        return Reply(
            fields={"shards": sorted(found)}, arrays=[found[shard] for shard in sorted(found)]
        )

    def room(self, call: Call) -> Reply:
        """How many pictures can be painted at once."""
        return Reply(fields={"room": self._painting(call).room})

    def paint(self, call: Call) -> Reply:
        """Paint pictures; several calls may be at work."""
        from engine.cluster.painting import PaintOrder

        order = PaintOrder.read(call.request.mapping("order"))
        return self._painting(call).paint(order, call)

    def _painting(self, call: Call) -> PaintingPool:
        from engine.cluster.painting import PaintingPool

        with self._lock:
            if self._pool is None:
                self._pool = PaintingPool(self._joined(call))
            return self._pool

    def _holding(self) -> HeldShards:
        assert self._held is not None, "no shards are held"
        return self._held

    def _joined(self, call: Call) -> Cluster:
        if self._cluster is None:
            call.report(note=f"joining the cluster at {self._address}")
            self._cluster = connect(self._address)
        return self._cluster


def _rows_of(call: Call, before: int) -> Mapping[int, IdArray] | None:
    """The rows of each shard that a call is about; None for all of them."""
    shards = call.request.fields.get("rows_of")
    if not isinstance(shards, list):
        return None
    arrays = call.request.arrays[before:]
    return {
        int(str(shard)): rows.astype(np.int64, copy=False)
        for shard, rows in zip(shards, arrays, strict=True)
    }


def main() -> None:
    """Serve until the parent goes away; Ray tells nobody what is done with it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    warnings.simplefilter("ignore")
    worker = ClusterWorker(sys.argv[1])
    serve(
        {
            "probe": worker.probe,
            "index": worker.index,
            "hold": worker.hold,
            "scores": worker.scores,
            "tallies": worker.tallies,
            "sums": worker.sums,
            "vectors": worker.vectors,
            "room": worker.room,
            "paint": worker.paint,
        },
        beside=("paint",),
    )


if __name__ == "__main__":
    main()
