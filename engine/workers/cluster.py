"""The process that speaks to a Ray cluster: `python -m engine.workers.cluster ADDRESS`.

Calls: `nodes`, `index`. The cluster is joined by the first of them. On its machines engine/cluster
runs; Ray carries plain values there and back, and no pickle comes from storage.
"""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import asdict

from engine.cluster.connection import Cluster, connect
from engine.models.messages import Reply
from engine.untrusted.values import read_as
from engine.workers.loop import Call, serve


class ClusterWorker:
    """Answers calls about one cluster."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._cluster: Cluster | None = None

    def nodes(self, call: Call) -> Reply:
        """List the machines."""
        cluster = self._joined(call)
        return Reply(fields={"nodes": [asdict(node) for node in cluster.nodes()]})

    def index(self, call: Call) -> Reply:
        """Make shards; see `engine.cluster.shard_making`."""
        from engine.cluster.shard_making import ShardOrder, make_shards

        order = read_as(ShardOrder, call.request.fields["order"])
        make_shards(self._joined(call), order, call.check, call.report)
        return Reply()

    def _joined(self, call: Call) -> Cluster:
        if self._cluster is None:
            call.report(note=f"joining the cluster at {self._address}")
            self._cluster = connect(self._address)
        return self._cluster


def main() -> None:
    """Serve until the parent goes away; Ray tells nobody what is done with it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    warnings.simplefilter("ignore")
    worker = ClusterWorker(sys.argv[1])
    serve({"nodes": worker.nodes, "index": worker.index})


if __name__ == "__main__":
    main()
