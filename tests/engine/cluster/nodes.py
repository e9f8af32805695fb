"""A Ray cluster of three small machines on this one, in a process of its own.

It obeys lines: `kill N` ends a machine without a word, `add` starts one, `kill head` ends what
keeps the cluster together. Each is answered by a line once it is done.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

os.environ |= {
    # Where many tests run beside it, everything takes long.
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_SMALL = {"num_cpus": 1, "object_store_memory": 80 << 20}


def main() -> None:
    cluster: Any = import_module("ray.cluster_utils").Cluster(
        initialize_head=True,
        # Nothing is indexed on it, so that a test knows which machines to end.
        head_node_args={**_SMALL, "num_cpus": 0, "include_dashboard": False},
    )
    nodes: list[Any] = [cluster.add_node(**_SMALL) for _ in range(2)]
    say(str(cluster.address))
    for line in sys.stdin:
        match line.split():
            case ["kill", "head"]:
                cluster.head_node.kill_gcs_server(check_alive=False)
            case ["kill", number]:
                cluster.remove_node(nodes[int(number)], allow_graceful=False)
            case ["add"]:
                nodes.append(cluster.add_node(**_SMALL))
        say("done")
    cluster.shutdown()


def say(line: str) -> None:
    sys.__stdout__.write(f"> {line}\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
