"""Pictures painted on a cluster: which actor paints which, and what becomes of those that are lost.

Runs in the process that speaks to the cluster, and on its machines. An actor is a process on one
of them with a generator process of its own: what is painted there is what the same device paints at
home. Models, LoRAs and start pictures are read where they lie, on storage that all machines see.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine import errors
from engine.cluster.connection import Cluster
from engine.errors import EngineError, WorkerDiedError
from engine.models.generator_messages import images_to_reply, parameters_from_fields, texts_from
from engine.models.generators import Generators
from engine.models.messages import Json, Reply
from engine.models.parameters import Texts
from engine.settings import EngineSettings

MOST_LOSSES = 3
"""What was lost with its machine so often is what the machines die of."""
_LOOK_S = 0.2
_NEWS_S = 1.0
_STOP_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintOrder:
    """Pictures that are painted together, in plain values."""

    source: str
    """Of the generator: hub id, or a folder or file that all machines see."""
    parameters: Mapping[str, Json]
    seeds: tuple[int, ...]
    texts: tuple[Texts, ...]
    """Of each, where they are not those of the parameters."""
    preview: bool
    device: str
    dtype: str
    taesd: str
    """Folder of a tiny decoder; empty without."""

    @classmethod
    def read(cls, fields: Mapping[str, Json]) -> PaintOrder:
        """What was sent as plain values."""
        found = Reply(fields=fields)
        return cls(
            source=found.text("source"),
            parameters=found.mapping("parameters"),
            seeds=tuple(int(str(seed)) for seed in found.items("seeds")),
            texts=tuple(texts_from(found.items("texts"))),
            preview=bool(fields["preview"]),
            device=found.text("device"),
            dtype=found.text("dtype"),
            taesd=found.text("taesd"),
        )


class PaintingCall(Protocol):
    """What is told while pictures are painted; `check` raises where nobody wants them any more."""

    def check(self) -> None: ...
    def report(self, **event: Json) -> None: ...
    def sign_of_life(self) -> None: ...


class PaintingActor:
    """Paints on one machine, one order at a time; tells meanwhile what its generator reports."""

    def __init__(self, device: str, dtype: str, taesd: str) -> None:
        home = Path(tempfile.mkdtemp(prefix="t2itui-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        settings = EngineSettings(
            home=home,
            device=device,
            dtype=dtype,
            taesd=Path(taesd) if taesd else None,
            # The program lets go of the actor where it has no work for it.
            idle_seconds=0.0,
        )
        self._generators = Generators(settings)
        self._news: list[Mapping[str, Json]] = []
        self._told = asyncio.Event()
        self._work: asyncio.Task[Any] | None = None

    async def host(self) -> str:
        """The machine, which shows that it is there."""
        return socket.gethostname()

    async def paint(self, order: PaintOrder) -> dict[str, Any]:
        """Paint; what stands in the way is in the answer, as `error`."""
        self._news = []
        painting = self._generators.generate_batch(
            order.source,
            parameters_from_fields(order.parameters),
            order.seeds,
            texts=order.texts,
            preview=order.preview,
            bridge=self._hear,
        )
        self._work = asyncio.create_task(painting)
        try:
            images = await self._work
        except asyncio.CancelledError:
            return {"stopped": True}
        except EngineError as error:
            return {
                "error": f"{socket.gethostname()}: {error.message}",
                "kind": type(error).__name__,
                "hint": error.hint,
                "field": error.field,
            }
        finally:
            self._work = None
        reply = images_to_reply(images)
        return {"fields": reply.fields, "arrays": [*reply.arrays]}

    async def news(self, after: int, wait_s: float) -> list[Mapping[str, Json]]:
        """What was reported behind the first `after` messages; waits for some."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while len(self._news) <= after:
                    self._told.clear()
                    await self._told.wait()
        return self._news[after:]

    async def stop(self) -> None:
        """Give up what is being painted; returns once that has ended."""
        if (work := self._work) is not None:
            work.cancel()
            await asyncio.wait([work])

    def _hear(self, message: Mapping[str, Json]) -> None:
        self._news.append(message)
        self._told.set()


class PaintingPool:
    """The actors of a cluster that paint; several threads may ask for pictures at once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._idle: list[Any] = []
        self._busy = 0
        self._coming: dict[Any, Any] = {}
        """Actors that have not started yet, by what they answer once they have."""

    @property
    def room(self) -> int:
        """How many actors the machines have room for."""
        return max(1, self._cluster.share().room)

    def paint(self, order: PaintOrder, call: PaintingCall) -> Reply:
        """Have pictures painted by whichever actor is free, and by another where it is lost.

        Raises ClusterError where the cluster is lost, and what the actor raised.
        """
        lost: Exception | None = None
        for _ in range(MOST_LOSSES):
            actor = self._take(order, call)
            try:
                answer = self._painted(actor, order, call)
            except self._cluster.ray.exceptions.RayActorError as error:
                self._drop(actor)
                lost = error
                call.report(note="a picture was lost with its machine, and is painted again")
                continue
            except BaseException:
                self._stop(actor)
                raise
            self._give_back(actor)
            return _reply(answer)
        raise EngineError(
            f"a picture was lost with the process that painted it {MOST_LOSSES} times"
            f" ({str(lost).strip().partition(chr(10))[0][:200]})",
            hint="The log of a raylet says what ended it; often the machine has too little"
            " memory. Pictures that are done are kept.",
        ) from lost

    def _take(self, order: PaintOrder, call: PaintingCall) -> Any:  # noqa: ANN401
        """An actor that has no work; a new one where there is room."""
        while True:
            call.check()
            self._cluster.check()
            with self._lock:
                self._welcome()
                if self._idle:
                    self._busy += 1
                    return self._idle.pop()
                share = self._cluster.share()
                if self._busy + len(self._coming) < max(1, share.room):
                    given = (order.device, order.dtype, order.taesd)
                    actor = self._cluster.actor(PaintingActor, share, *given)
                    self._coming[actor.host.remote()] = actor
            call.sign_of_life()
            time.sleep(_LOOK_S)

    def _welcome(self) -> None:
        """Take the actors that have started among those that wait for work."""
        if not self._coming:
            return
        ray = self._cluster.ray
        ready, _ = ray.wait([*self._coming], num_returns=len(self._coming), timeout=0)
        for answer in ready:
            actor = self._coming.pop(answer)
            # Its machine may be lost before it began; another is started where there is room.
            with suppress(ray.exceptions.RayActorError):
                ray.get(answer)
                self._idle.append(actor)

    def _painted(self, actor: Any, order: PaintOrder, call: PaintingCall) -> Mapping[str, Any]:  # noqa: ANN401
        """What an actor answers; its news are passed on meanwhile."""
        ray, heard = self._cluster.ray, 0
        work, news = actor.paint.remote(order), actor.news.remote(0, _NEWS_S)
        while True:
            call.check()
            self._cluster.check()
            ready, _ = ray.wait([work, news], num_returns=1, timeout=_LOOK_S)
            call.sign_of_life()
            is_done = work in ready
            if is_done or news in ready:
                told = ray.get(news)
                for message in told:
                    call.report(**message)
                heard += len(told)
                news = actor.news.remote(heard, 0.01 if is_done else _NEWS_S)
            if is_done:
                for message in ray.get(news):
                    call.report(**message)
                found: Mapping[str, Any] = ray.get(work)
                return found

    def _give_back(self, actor: Any) -> None:  # noqa: ANN401
        with self._lock:
            self._busy -= 1
            self._idle.append(actor)

    def _drop(self, actor: Any) -> None:  # noqa: ANN401
        with self._lock:
            self._busy -= 1
        self._cluster.ray.kill(actor)

    def _stop(self, actor: Any) -> None:  # noqa: ANN401
        """Have an actor give up its work; it is ended where it does not in time, or is lost."""
        ray = self._cluster.ray
        try:
            ray.get(actor.stop.remote(), timeout=_STOP_S)
        except ray.exceptions.RayError:
            self._drop(actor)
        else:
            self._give_back(actor)


def _reply(answer: Mapping[str, Any]) -> Reply:
    """The pictures of an answer, or the error that it stands for."""
    if "error" in answer:
        kind = getattr(errors, str(answer["kind"]), EngineError)
        # That a process on a machine has died is no news of the cluster's own.
        if kind is WorkerDiedError or not issubclass(kind, EngineError):
            kind = EngineError
        raise kind(str(answer["error"]), hint=str(answer["hint"]), field=str(answer["field"]))
    return Reply(fields=answer["fields"], arrays=answer["arrays"])
