"""The job that paints: what is known comes from the cache, what is not from the generator."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cache.errors import CacheError, CacheFullError
from cache.generated import find_generated, painted_for
from cache.receipts import put_sequel
from cache.records import GeneratedRecord, SequelRecord
from cache.store import Cache
from engine.errors import SpoiltError
from engine.events import JobNote, JobProgress, LibraryChanged, Report
from engine.generation import told
from engine.generation.digest import digest
from engine.generation.generators import Generators
from engine.generation.keep import Keeper
from engine.generation.painted import FINE
from engine.generation.recipe import Digests, recipe_of
from engine.generation.relay import Relay
from engine.generation.saved import Order, order_to_json
from engine.generation.settled import Settled, settle

KIND = "generate"
ROOM = 20_000_000
"""Bytes that must be free before minutes are spent on a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """What painting needs."""

    cache: Cache
    generators: Generators
    keeper: Keeper
    home: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    settled: Settled
    digests: Digests


class PaintWork:
    """Paints the pictures of one order; see JobWork."""

    kind = KIND

    def __init__(
        self, studio: Studio, order: Order, *, source: str, folders: tuple[Path, ...] = ()
    ) -> None:
        self.order = order
        self.pictures: list[told.PaintedPicture] = []
        """What has been done so far."""
        self.spoilt: list[str] = []
        """The verdict on each picture that came to nothing."""
        self._studio = studio
        self._source = source
        self._folders = folders

    @property
    def title(self) -> str:
        """What is painted, for people: untrusted text."""
        return f"paint {self.order.request.prompt}"

    @property
    def request(self) -> str:
        """JSON, enough to start it again."""
        return order_to_json(self.order)

    async def run(self, job_id: int, report: Report) -> str:
        """Paint; raises SpoiltError where nothing came of it, and what models and cache raise."""
        await self._tell_receipt(SequelRecord(job_id=job_id))
        plan = await self._plan()
        known = await self._known(plan)
        for place, seed in enumerate(self._seeds(known), 1):
            record = known.get(seed) or await self._paint(plan, place, seed, job_id, report)
            if record is not None:
                await self._finish(record, place, seed in known, job_id, report)
        return self._closing()

    async def _plan(self) -> _Plan:
        facts = await self._studio.generators.describe(self._source)
        settled = await asyncio.to_thread(settle, self.order.request, facts)
        return _Plan(settled=settled, digests=await asyncio.to_thread(digest, self.order, settled))

    async def _known(self, plan: _Plan) -> dict[int, GeneratedRecord]:
        """The pictures that the cache has of this order, by seed; any if none is named."""
        if self.order.fresh:
            return {}
        cache, home, key = self._studio.cache, self._studio.home, plan.digests.request_key
        if self.order.request.seed is None:
            found: Sequence[GeneratedRecord | None] = await cache.read(
                painted_for, home, key, self.order.request.count
            )
        else:
            found = [
                await cache.read(find_generated, home, key, seed) for seed in self.order.seeds()
            ]
        return {r.seed: r for r in found if r is not None and await asyncio.to_thread(_is_there, r)}

    def _seeds(self, known: dict[int, GeneratedRecord]) -> list[int]:
        if self.order.request.seed is not None:
            return self.order.seeds()
        new = [seed for seed in self.order.seeds() if seed not in known]
        return [*known, *new][: self.order.request.count]

    async def _paint(
        self, plan: _Plan, place: int, seed: int, job_id: int, report: Report
    ) -> GeneratedRecord | None:
        """Paint and keep a picture; None where it is spoilt."""
        studio, count = self._studio, self.order.request.count
        await self._check_room()
        relay = Relay(job_id, report, picture=place, pictures=count)
        request = replace(self.order.request, model=self._source)
        painted = await studio.generators.paint(request, seed, relay.take)
        for note in painted.notes:
            report(JobNote(job_id=job_id, message=note))
        recipe = recipe_of(
            plan.settled,
            painted,
            plan.digests,
            source=self._source,
            library=self.order.library,
        )
        record = await studio.keeper.keep(painted, recipe, self.order, job_id)
        if painted.verdict == FINE:
            report(LibraryChanged(job_id=job_id, added=1))
            return record
        self.spoilt.append(painted.verdict)
        told.spoilt(painted, job_id, report, place, count)
        return None

    async def _finish(
        self, record: GeneratedRecord, place: int, cached: bool, job_id: int, report: Report
    ) -> None:
        """Tell of a kept picture, and score it."""
        told.kept(record, job_id, report, place, self.order.request.count, cached=cached)
        await self._tell_receipt(SequelRecord(job_id=job_id, result=record.sha256))
        report(JobProgress(job_id=job_id, stage="scoring", done=0, total=0))
        judged = await self._studio.keeper.judge(record, self._folders)
        for remark in judged.remarks:
            report(JobNote(job_id=job_id, message=remark))
        if judged.is_new:
            report(LibraryChanged(job_id=job_id, added=0))
        told.scored(record, judged.verdict, job_id, report)
        self.pictures.append(told.finished(record, judged.verdict, cached=cached))

    async def _check_room(self) -> None:
        """Fail before the work rather than after it, where nothing could be kept."""
        cache = self._studio.cache
        await cache.write(_nothing)
        free = (await asyncio.to_thread(shutil.disk_usage, self._studio.home)).free
        if free < ROOM:
            raise CacheFullError(
                f"Only {free / 1e6:.0f} MB are free on the disk that holds {self._studio.home}",
                hint="Free some space before a picture is painted.",
            )

    async def _tell_receipt(self, sequel: SequelRecord) -> None:
        if self.order.receipt_id is not None and not self._studio.cache.read_only:
            with suppress(CacheError):
                # The link is worth less than the picture.
                await self._studio.cache.write(put_sequel, self.order.receipt_id, sequel)

    def _closing(self) -> str:
        done, count = self.pictures, self.order.request.count
        if not done:
            reasons = ", ".join(told.SPOILT.get(verdict, verdict) for verdict in set(self.spoilt))
            raise SpoiltError(
                f"no picture: {reasons}", hint="Another seed or another prompt may do better."
            )
        painted = [picture for picture in done if not picture.cached]
        parts = []
        if painted:
            # Not what loading, scoring, and waiting for another instance took.
            seconds = sum(picture.seconds for picture in painted)
            parts.append(f"painted {_pictures(len(painted))} in {seconds:.1f} s")
        if len(done) > len(painted):
            parts.append(f"{_pictures(len(done) - len(painted))} from the cache")
        if self.spoilt:
            parts.append(f"{len(self.spoilt)} of {count} came to nothing")
        matches = [picture.match for picture in done if picture.match is not None]
        if matches:
            parts.append(f"match {max(matches):.2f}")
        return ", ".join(parts)


def _nothing(db: object) -> None:
    """A transaction that shows whether there can be one."""


def _is_there(record: GeneratedRecord) -> bool:
    return Path(record.path).is_file()


def _pictures(count: int) -> str:
    return f"{count} picture{'' if count == 1 else 's'}"
