"""Vectors from and for elsewhere, as jobs."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cache.store import Cache
from engine.events import Report
from engine.jobs import JobWork
from engine.requests import ExportRequest, ImportRequest
from engine.settings import EngineSettings
from engine.vectors.exports import ExportRun
from engine.vectors.imports import ImportRun


class Exchange:
    """Makes import and export jobs."""

    def __init__(self, cache: Cache, settings: EngineSettings) -> None:
        self._cache = cache
        self._settings = settings

    def import_job(self, request: ImportRequest) -> JobWork:
        """Return the work of an import; see `ImportRun` for what it does."""
        return ImportJob(cache=self._cache, settings=self._settings, asked=request)

    def export_job(self, request: ExportRequest) -> JobWork:
        """Return the work of an export; see `ExportRun` for what it does."""
        return ExportJob(cache=self._cache, asked=request)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """Import vectors, as a job."""

    cache: Cache
    settings: EngineSettings
    asked: ImportRequest

    @property
    def kind(self) -> str:
        return "import"

    @property
    def title(self) -> str:
        return f"import vectors of {self.asked.encoder_id}"

    @property
    def request(self) -> str:
        asked = self.asked
        paths = {"pictures": asked.pictures, "texts": asked.texts, "root": asked.root}
        return json.dumps(
            {
                "encoder_id": asked.encoder_id,
                **{name: path and str(path.absolute()) for name, path in paths.items()},
                "logit_scale": asked.logit_scale,
                "languages": asked.languages,
            }
        )

    async def run(self, job_id: int, report: Report) -> str:
        return await ImportRun(self.cache, self.settings, self.asked).carry_out(job_id, report)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """Export vectors, as a job."""

    cache: Cache
    asked: ExportRequest

    @property
    def kind(self) -> str:
        return "export"

    @property
    def title(self) -> str:
        return f"export vectors of {self.asked.encoder_id}"

    @property
    def request(self) -> str:
        asked = self.asked
        return json.dumps(
            {
                "encoder_id": asked.encoder_id,
                "target": str(asked.target.absolute()),
                "layout": asked.layout,
            }
        )

    async def run(self, job_id: int, report: Report) -> str:
        return await ExportRun(self.cache, self.asked).carry_out(job_id, report)
