"""The way to a Ray cluster; Ray is imported here, in a process of its own, and nowhere else.

Ray logs to where it likes, takes signals for itself and ends its process when the head of a cluster
is gone for good: all of that costs the process of engine/workers/cluster.py, and not the program.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from engine.errors import ClusterError

NAMESPACE = "t2itui"
_ASKED_EVERY_S = 1.0
_PATIENCE_S = 5.0
"""A head that takes no connection for so long is lost; Ray itself waits for a minute."""
_CPUS_EACH = 2
"""Cores for an actor on machines without a GPU, where they have as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine of a cluster."""

    id: str
    address: str
    cpus: float
    gpus: float
    memory: int
    """Bytes that Ray reckons with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorShare:
    """What an actor takes of a machine, and how many there is room for."""

    cpus: float
    gpus: float
    room: int


class Cluster:
    """A connected cluster. Make one with `connect`."""

    def __init__(self, ray: Any, address: str, head: tuple[str, int] | None) -> None:  # noqa: ANN401
        self.ray = ray
        self.address = address
        self._head = head
        self._answered = time.monotonic()
        if head is not None:
            threading.Thread(target=self._watch, daemon=True).start()

    def check(self) -> None:
        """Raise ClusterError once the head of the cluster does not answer any more."""
        if time.monotonic() - self._answered > _PATIENCE_S:
            raise lost(self.address)

    def nodes(self) -> list[Node]:
        """The machines that are there now."""
        return [
            Node(
                id=str(node["NodeID"]),
                address=str(node["NodeManagerAddress"]),
                cpus=float(node["Resources"].get("CPU", 0)),
                gpus=float(node["Resources"].get("GPU", 0)),
                memory=int(node["Resources"].get("memory", 0)),
            )
            for node in self.ray.nodes()
            if node["Alive"]
        ]

    def share(self) -> ActorShare:
        """One actor a GPU; where there is none, one for some cores."""
        nodes = self.nodes()
        gpus = int(sum(node.gpus for node in nodes))
        if gpus:
            return ActorShare(cpus=1, gpus=1, room=gpus)
        cores = [node.cpus for node in nodes if node.cpus >= 1]
        each = min([_CPUS_EACH, *cores])
        return ActorShare(cpus=each, gpus=0, room=int(sum(c // each for c in cores)))

    def actor(self, kind: type[Any], share: ActorShare, *args: object) -> Any:  # noqa: ANN401
        """Start an actor of a class; it waits where no machine has room."""
        remote = self.ray.remote(kind).options(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        return remote.remote(*args)

    def _watch(self) -> None:
        """Knock at the head's port, as long as this process lives."""
        assert self._head is not None
        while True:
            try:
                socket.create_connection(self._head, timeout=_PATIENCE_S).close()
                self._answered = time.monotonic()
            except OSError:
                pass
            time.sleep(_ASKED_EVERY_S)


def connect(address: str) -> Cluster:
    """Join a running cluster. Raises ClusterError."""
    head = _host_and_port(address)
    if head is not None:
        # Ray itself tries for minutes.
        try:
            socket.create_connection(head, timeout=_PATIENCE_S).close()
        except OSError as error:
            raise _absent(address, error.strerror or str(error)) from error
    ray = import_module("ray")
    try:
        ray.init(
            address=address,
            namespace=NAMESPACE,
            log_to_driver=False,
            configure_logging=False,
            ignore_reinit_error=True,
        )
    except Exception as error:
        # Ray raises anything, gRPC's errors too, and asserts.
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise _absent(address, said) from error
    if head is None:
        head = _host_and_port(str(ray.get_runtime_context().gcs_address))
    return Cluster(ray, address, head)


def _absent(address: str, reason: str) -> ClusterError:
    return ClusterError(
        f"there is no Ray cluster at {address}: {reason}",
        hint="Name what `ray start --head` printed, HOST:6379 on a machine of the cluster, or"
        " ray://HOST:10001 from elsewhere.",
    )


def lost(address: str) -> ClusterError:
    """The error of a cluster that is gone."""
    return ClusterError(
        f"the cluster at {address} is lost: its head does not answer any more",
        hint="What is done is kept. Start the cluster, and run the same again.",
    )


def _host_and_port(address: str) -> tuple[str, int] | None:
    """Where a cluster listens; None where the address does not say."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else None
