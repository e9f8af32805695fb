"""What each machine of a cluster says of itself: versions, and which folders it sees."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cache.mapped import MANIFEST
from engine import disk
from engine.cluster.connection import Cluster, Node

PACKAGES = ("t2itui", "numpy", "torch", "transformers", "pillow")
"""Those whose versions decide on the bytes of a shard, or on how scores are made."""
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """A machine, and what it said."""

    node: Node
    answered: bool
    versions: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    """The folders of those asked about that it does not see."""


def probe_nodes(
    cluster: Cluster, folders: Sequence[str], check: Callable[[], None]
) -> list[NodeReport]:
    """Ask every machine; one that does not answer in time is listed as such."""
    ray, nodes = cluster.ray, cluster.nodes()
    asked = {}
    for node in nodes:
        place = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
        task = ray.remote(look_around).options(num_cpus=0, scheduling_strategy=place)
        asked[task.remote(tuple(folders))] = node
    found, waited = [], 0.0
    while asked and waited < _PATIENCE_S:
        check()
        cluster.check()
        ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=1.0)
        waited += 1.0
        for work in ready:
            node = asked.pop(work)
            try:
                versions, unseen = ray.get(work)
            except ray.exceptions.RayError:
                found.append(NodeReport(node=node, answered=False))
                continue
            found.append(NodeReport(node=node, answered=True, versions=versions, unseen=unseen))
    found += [NodeReport(node=node, answered=False) for node in asked.values()]
    return sorted(found, key=lambda report: report.node.id)


def look_around(folders: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The versions here, and the folders of shards that cannot be seen from here."""
    unseen = tuple(each for each in folders if not disk.is_file(Path(each) / MANIFEST))
    versions = [f"python {platform.python_version()}"]
    versions += [f"{name} {_version(name)}" for name in PACKAGES]
    return tuple(versions), unseen


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
