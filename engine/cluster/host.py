"""The program's side of a cluster: the process that speaks to it, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Protocol

from cache.files import FailureRecord
from engine.cluster.connection import Node, lost
from engine.cluster.shard_making import ShardOrder
from engine.errors import ClusterError, WorkerDiedError
from engine.models.messages import Json, Reply
from engine.models.process import OnEvent, WorkerProcess
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

    def __init__(self, address: str, settings: EngineSettings) -> None:
        """Raises ClusterError where Ray is not installed."""
        check_installed()
        self.address = address
        self._process = WorkerProcess(
            MODULE,
            args=(address,),
            log=settings.home / "logs" / "cluster.log",
            grace_s=_GRACE_S,
            silence_s=_SILENCE_S,
        )

    async def nodes(self) -> list[Node]:
        """The machines that are there now. Raises ClusterError."""
        reply = await self._call("nodes", {})
        return [read_as(Node, node) for node in reply.items("nodes")]

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

    async def _call(
        self, op: str, fields: Mapping[str, Json], on_event: OnEvent | None = None
    ) -> Reply:
        try:
            return await self._process.call(op, fields, on_event=on_event)
        except WorkerDiedError as error:
            # Ray ends the process that has lost its cluster.
            raise lost(self.address) from error

    async def aclose(self) -> None:
        """End the process; what it started on the cluster ends with it."""
        await self._process.aclose()
