"""What the generator reports, as events of a job."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.events import (
    JobDecoding,
    JobLoading,
    JobPreview,
    JobStep,
    JobSteppedDown,
    JobWaiting,
    Report,
)
from engine.generation.events import (
    Decoding,
    Loading,
    PaintEvent,
    Preview,
    Step,
    SteppedDown,
    Waiting,
)

WAITS = "waiting for another t2itui that paints"
PREVIEW_S = 0.1
"""Previews that come sooner after one another are dropped."""


class Relay:
    """Turns the reports on one picture into events of a job."""

    def __init__(
        self,
        job_id: int,
        report: Report,
        *,
        picture: int,
        pictures: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job_id = job_id
        self._report = report
        self._picture = picture
        self._pictures = pictures
        self._clock = clock
        self._previewed = -PREVIEW_S
        self._steps = 0
        self._is_waiting = False

    def take(self, event: PaintEvent) -> None:
        """Pass one report on."""
        was_waiting, self._is_waiting = self._is_waiting, isinstance(event, Waiting)
        match event:
            case Waiting() if not was_waiting:
                self._report(JobWaiting(job_id=self._job_id, stage=WAITS, done=0, total=0))
            case Loading():
                self._loading(event)
            case Step():
                self._step(event)
            case Preview():
                self._preview(event)
            case Decoding():
                self._decoding()
            case SteppedDown(what=what, why=why):
                message = f"{what}: {why}" if why else what
                self._report(JobSteppedDown(job_id=self._job_id, message=message, what=what))

    def _loading(self, event: Loading) -> None:
        self._report(
            JobLoading(
                job_id=self._job_id,
                stage=event.stage,
                done=event.done,
                total=event.total,
                unit="bytes",
            )
        )

    def _step(self, event: Step) -> None:
        self._steps = event.total
        self._report(
            JobStep(
                job_id=self._job_id,
                stage=self._numbered("painting"),
                done=event.step,
                total=event.total,
                unit="steps",
                rate=1 / event.seconds_a_step if event.seconds_a_step > 0 else 0.0,
                eta_s=event.eta_s,
                picture=self._picture,
                pictures=self._pictures,
                seconds_a_step=event.seconds_a_step,
            )
        )

    def _preview(self, event: Preview) -> None:
        now = self._clock()
        if now - self._previewed >= PREVIEW_S:
            self._previewed = now
            self._report(
                JobPreview(
                    job_id=self._job_id, rgb=event.rgb, width=event.width, height=event.height
                )
            )

    def _decoding(self) -> None:
        self._report(
            JobDecoding(
                job_id=self._job_id,
                stage=self._numbered("decoding"),
                done=self._steps,
                total=self._steps,
                unit="steps",
            )
        )

    def _numbered(self, stage: str) -> str:
        if self._pictures == 1:
            return stage
        return f"{stage} {self._picture} of {self._pictures}"
