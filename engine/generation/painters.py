"""Who paints: the generator of the settings, one on each of several devices, or a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from engine.events import JobNote
from engine.models.generator_messages import (
    EventBridge,
    GeneratedImage,
    images_from_reply,
    parameters_to_fields,
)
from engine.models.generators import Generators
from engine.models.messages import Json
from engine.models.parameters import GenerationParameters, Texts
from engine.settings import EngineSettings

if TYPE_CHECKING:
    from engine.cluster.host import ClusterHost


class Painter(Protocol):
    """Paints; see `Generators`."""

    async def most_together(self, source: str, bridge: EventBridge | None = None) -> int:
        """How many pictures of one text it is best asked for at once."""
        ...

    async def generate_batch(
        self,
        source: str,
        parameters: GenerationParameters,
        seeds: Sequence[int],
        *,
        texts: Sequence[Texts] = (),
        preview: bool = False,
        bridge: EventBridge | None = None,
    ) -> list[GeneratedImage]:
        """Generate a picture of each seed."""
        ...


class ClusterPainter:
    """Whichever machine of a cluster is free."""

    def __init__(self, host: ClusterHost, settings: EngineSettings) -> None:
        self._host = host
        self._settings = settings

    async def most_together(self, source: str, bridge: EventBridge | None = None) -> int:
        """One: what finds room differs from machine to machine."""
        return 1

    async def generate_batch(
        self,
        source: str,
        parameters: GenerationParameters,
        seeds: Sequence[int],
        *,
        texts: Sequence[Texts] = (),
        preview: bool = False,
        bridge: EventBridge | None = None,
    ) -> list[GeneratedImage]:
        """Generate a picture of each seed; a machine that is lost meanwhile costs time alone.

        Raises ClusterError, and what a generator raises.
        """
        from engine.cluster.painting import PaintOrder

        def hear(event: Mapping[str, Json]) -> None:
            if bridge is None:
                return
            if isinstance(note := event.get("note"), str):
                bridge.report(JobNote(job_id=bridge.job_id, message=note))
            else:
                bridge(event)

        settings = self._settings
        order = PaintOrder(
            source=source,
            parameters=parameters_to_fields(parameters),
            seeds=tuple(seeds),
            texts=tuple(texts),
            preview=preview,
            device=settings.device,
            dtype=settings.dtype,
            taesd="" if settings.taesd is None else str(settings.taesd),
        )
        reply = await self._host.paint(order, hear)
        return images_from_reply(reply, parameters, seeds, texts)


class Painters:
    """Keeps those that were asked for."""

    def __init__(self, generators: Generators, settings: EngineSettings) -> None:
        self._generators = generators
        self._settings = settings
        self._by_device: dict[str, Generators] = {}
        self._host: ClusterHost | None = None

    def is_shared(self, devices: Sequence[str] = ()) -> bool:
        """Whether it is the one generator of the settings, which every job wants."""
        return not (devices or self._settings.paint_cluster or self._settings.devices)

    def one(self) -> Painter:
        """Who paints single pictures. Raises ClusterError where Ray is not installed."""
        if not self._settings.paint_cluster:
            return self._generators
        return ClusterPainter(self._cluster(), self._settings)

    async def all(self, devices: Sequence[str] = ()) -> Sequence[Painter]:
        """All that can paint at once: on `devices`, or as the settings have it. Raises
        ClusterError."""
        if not devices and self._settings.paint_cluster:
            host = self._cluster()
            return [ClusterPainter(host, self._settings)] * await host.room()
        devices = devices or self._settings.devices
        for device in devices:
            if device not in self._by_device:
                self._by_device[device] = Generators(replace(self._settings, device=device))
        return [self._by_device[device] for device in devices] or [self._generators]

    async def aclose(self) -> None:
        """End the generators of devices, and let go of the cluster; jobs have ended before."""
        for generators in self._by_device.values():
            await generators.aclose()
        if self._host is not None:
            await self._host.aclose()

    def _cluster(self) -> ClusterHost:
        from engine.cluster.host import ClusterHost

        if self._host is None:
            settings = self._settings
            self._host = ClusterHost(
                settings.paint_cluster, settings, idle_seconds=settings.idle_seconds
            )
        return self._host
