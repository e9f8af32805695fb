"""Shards made on a cluster: which actor makes which, and what becomes of those that are lost.

Runs in the process that speaks to the cluster, and on its machines. An actor is a process on one
of them with an encoder and decoders of its own; it reads and writes the storage that all machines
see, so that what it makes is there, whole, when it says so, and a shard whose machine is lost is
made again by another.
"""

from __future__ import annotations

import atexit
import shutil
import socket
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from engine.cluster.connection import Cluster
from engine.errors import EngineError
from engine.models.messages import Json
from engine.settings import EngineSettings

MOST_LOSSES = 3
"""A shard that was lost with its machine so often is what the machines die of."""
_LOOK_S = 0.5

Say: TypeAlias = Callable[..., None]
"""Gets events by name: files done so far, shards made, notes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardOrder:
    """What is to be made, in plain values."""

    folder: str
    source: str
    """Of the encoder: hub id, or a folder that all machines see."""
    numbers: tuple[int, ...]
    device: str
    dtype: str


class ShardActor:
    """Makes shards on one machine, one at a time; tells meanwhile how far it is."""

    def __init__(self, folder: str, source: str, device: str, dtype: str, decoders: int) -> None:
        home = Path(tempfile.mkdtemp(prefix="t2itui-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        self._folder = Path(folder)
        self._source = source
        self._settings = EngineSettings(
            home=home, encoder=source, device=device, dtype=dtype, decoders=decoders
        )
        self._done = 0
        self._maker: Any = None

    async def files_done(self) -> int:
        """How many files of the shard at hand are done."""
        return self._done

    async def make(self, number: int) -> dict[str, Json]:
        """Make a shard; what stands in the way is in the answer, as `error`."""
        self._done = 0
        try:
            maker, blame = await self._opened()
            made = await maker.make(number, blame, self._count)
        except EngineError as error:
            return {
                "error": f"{socket.gethostname()}: {error.message}",
                "kind": type(error).__name__,
                "hint": error.hint,
            }
        return {
            "number": made.number,
            "files": made.files,
            "pictures": made.pictures,
            "failures": [asdict(record) for record in made.failures],
        }

    def _count(self, path: str) -> None:
        self._done += 1

    async def _opened(self) -> Any:  # noqa: ANN401
        """What makes shards here; it stays open until the process ends."""
        if self._maker is None:
            from engine.library.shard_maker import open_maker
            from engine.models.encoders import Encoders

            self._encoders = Encoders(self._settings)
            self._opening = open_maker(self._folder, self._source, self._encoders, self._settings)
            self._maker = await self._opening.__aenter__()
        return self._maker


@dataclass(slots=True, eq=False)
class _Slot:
    """An actor, and what it is at."""

    actor: Any
    number: int
    work: Any
    asked: Any = None
    """The question how far it is, while it is not answered."""
    done: int = 0


@dataclass(slots=True, eq=False)
class _State:
    waiting: deque[int]
    busy: list[_Slot] = field(default_factory=list)
    idle: list[Any] = field(default_factory=list)
    """Actors that have started, and wait for work."""
    coming: dict[Any, Any] = field(default_factory=dict)
    """Actors that have not started yet, by what they answer once they have. They get no shard: a
    machine that was just lost still counts as room for one."""
    finished: int = 0
    """Files of the shards that are done."""
    losses: Counter[int] = field(default_factory=Counter)


def make_shards(cluster: Cluster, order: ShardOrder, check: Callable[[], None], say: Say) -> None:
    """Have the shards made, each by whichever actor is free.

    `check` raises where nobody wants them any more. Raises ClusterError where the cluster is lost,
    and what the first actor raised that could not make a shard.
    """
    state = _State(waiting=deque(order.numbers))
    try:
        while state.waiting or state.busy:
            check()
            cluster.check()
            _hand_out(cluster, order, state)
            work = [*(slot.work for slot in state.busy), *state.coming]
            ready, _ = cluster.ray.wait(work, num_returns=1, timeout=_LOOK_S)
            _welcome(cluster, state, ready)
            for slot in [slot for slot in state.busy if slot.work in ready]:
                _take(cluster, state, slot, say)
            _look(cluster, state)
            say(files=state.finished + sum(slot.done for slot in state.busy))
    finally:
        for actor in (*state.idle, *state.coming.values(), *(s.actor for s in state.busy)):
            cluster.ray.kill(actor)


def _hand_out(cluster: Cluster, order: ShardOrder, state: _State) -> None:
    """Give shards to actors that wait, and start actors where machines have room for them."""
    while state.waiting and state.idle:
        actor, number = state.idle.pop(), state.waiting.popleft()
        state.busy.append(_Slot(actor=actor, number=number, work=actor.make.remote(number)))
    share = cluster.share()
    decoders = max(1, int(share.cpus))
    there = len(state.busy) + len(state.coming)
    while there < min(max(share.room, 1), len(state.waiting) + len(state.busy)):
        given = (order.folder, order.source, order.device, order.dtype, decoders)
        actor = cluster.actor(ShardActor, share, *given)
        state.coming[actor.files_done.remote()] = actor
        there += 1


def _welcome(cluster: Cluster, state: _State, ready: Sequence[Any]) -> None:
    """Take the actors that have started among those that wait for work."""
    for answer in ready:
        actor = state.coming.pop(answer, None)
        if actor is None:
            continue
        try:
            cluster.ray.get(answer)
        except cluster.ray.exceptions.RayActorError:
            # Its machine was lost before it began; another is started where there is room.
            continue
        state.idle.append(actor)


def _take(cluster: Cluster, state: _State, slot: _Slot, say: Say) -> None:
    """Take what an actor has come to: a shard, an error, or its end."""
    state.busy.remove(slot)
    try:
        answer: Mapping[str, Any] = cluster.ray.get(slot.work)
    except cluster.ray.exceptions.RayActorError as error:
        state.losses[slot.number] += 1
        if state.losses[slot.number] >= MOST_LOSSES:
            raise EngineError(
                f"shard {slot.number} was lost with the process that made it {MOST_LOSSES} times"
                f" ({_first_line(error)})",
                hint="The log of a raylet says what ended it; often the machine has too little"
                " memory. Shards that are done are kept.",
            ) from error
        state.waiting.appendleft(slot.number)
        say(note=f"shard {slot.number} was lost with its machine, and is made again")
        return
    if "error" in answer:
        raise EngineError(str(answer["error"]), hint=str(answer["hint"]))
    state.idle.append(slot.actor)
    state.finished += int(answer["files"])
    say(shard=answer["number"], pictures=answer["pictures"], failures=answer["failures"])


def _look(cluster: Cluster, state: _State) -> None:
    """Ask those at work how far they are, and take the answers that have come."""
    for slot in state.busy:
        if slot.asked is None:
            slot.asked = slot.actor.files_done.remote()
            continue
        ready, _ = cluster.ray.wait([slot.asked], timeout=0)
        if ready:
            try:
                slot.done = cluster.ray.get(slot.asked)
            except cluster.ray.exceptions.RayError:
                # That it is lost is seen by its work.
                continue
            slot.asked = None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
