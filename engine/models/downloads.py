"""Fetching a model from the hub as a background job."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import RequestError
from engine.events import JobNote, JobProgress, Report
from engine.jobs.codec import request_to_json
from engine.jobs.jobs import JobWork
from engine.models import paths
from engine.models.messages import Json, Reply
from engine.models.process import WorkerProcess
from engine.requests import DownloadRequest
from engine.settings import EngineSettings
from engine.states import JobKind, Unit

MODULE = "engine.workers.fetcher"


class Downloads:
    """Makes download jobs."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings

    def job(self, model_id: str) -> JobWork:
        """Return the work of fetching a model by its hub id, `name` or `name@revision`.

        Raises RequestError where `model_id` is none.
        """
        if not paths.is_hub_id(model_id) or paths.as_folder(model_id) is not None:
            raise RequestError(
                f"{model_id} is no id of a model on the hub",
                hint="Ids look like openai/clip-vit-base-patch32; a folder needs no download.",
                field="model_id",
            )
        return Download(model_id, self._settings)


class Download:
    """One model on its way; cancelling keeps what has arrived."""

    kind = JobKind.DOWNLOAD

    def __init__(self, model_id: str, settings: EngineSettings) -> None:
        self.title = f"fetching {model_id}"
        self.request = request_to_json(DownloadRequest(model=model_id))
        self._model_id = model_id
        self._settings = settings

    async def run(self, job_id: int, report: Report) -> str:
        """Fetch the model and return the closing sentence."""
        model, revision = paths.split_revision(self._model_id)
        pace = TransferRate()

        def on_event(event: Mapping[str, Json]) -> None:
            found = Reply(fields=event)
            done, total = found.whole("done"), found.whole("total")
            pace.add(found.whole("fetched"), time.monotonic())
            report(
                JobProgress(
                    job_id=job_id,
                    stage="fetching",
                    done=done,
                    total=total,
                    unit=Unit.BYTES,
                    rate=pace.rate,
                    eta_s=(total - done) / pace.rate if pace.rate else None,
                    detail=found.text("name"),
                )
            )

        worker = self._worker()
        try:
            reply = await worker.call(
                "fetch", {"model": model, "revision": revision}, on_event=on_event
            )
        finally:
            await worker.aclose()
        if reply.text("note"):
            report(JobNote(job_id=job_id, message=reply.text("note")))
        megabytes = reply.whole("bytes") / 1e6
        return f"{self._model_id} is here: {megabytes:.0f} MB in {reply.text('folder')}"

    def _worker(self) -> WorkerProcess:
        return WorkerProcess(
            MODULE,
            args=(str(paths.hub_cache()),),
            log=self._settings.home / "logs" / "fetcher.log",
        )


@dataclass(slots=True, kw_only=True)
class TransferRate:
    """Bytes a second over the last seconds."""

    rate: float = 0.0
    window_s: float = 5.0
    _seen: list[tuple[float, int]] = field(default_factory=list)

    def add(self, fetched: int, now: float) -> None:
        """Take note that `fetched` bytes have come until the time `now`."""
        self._seen.append((now, fetched))
        while len(self._seen) > 2 and now - self._seen[0][0] > self.window_s:
            del self._seen[0]
        (start, first), (end, last) = self._seen[0], self._seen[-1]
        self.rate = max(0.0, (last - first) / (end - start)) if end > start else 0.0
