"""What the Evaluate screen has the engine do: reading, making, deleting and drawing evaluations."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import RequestError
from engine.jobs.codec import request_from_json
from engine.requests import EvaluateRequest
from t2itui.session import CancelJob

if TYPE_CHECKING:
    from engine.evaluation.evaluator import Evaluator
    from engine.evaluation.results import Evaluation, EvaluationHead
    from t2itui.screens.jobs.board import JobView
    from t2itui.session import Session

OTHER_VERSION = "another version of t2itui wrote down what was asked"


class EvaluationsController:
    """Speaks to the engine of a session; what it cannot do is raised as T2IError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def evaluator(self) -> Evaluator:
        """The part of the engine that evaluates; its import would hold up the keys."""
        return await asyncio.to_thread(lambda: self._session.open_engine.evaluator)

    async def read(self, limit: int, offset: int, containing: str) -> list[EvaluationHead]:
        """Kept evaluations from the `offset`th on, the newest first."""
        return await (await self.evaluator()).heads(limit, offset, containing)

    async def open(
        self, evaluation_id: int, pair: tuple[int, int] | None
    ) -> tuple[Evaluation, tuple[Evaluation, Evaluation] | None]:
        """An evaluation in full, and the two that are compared."""
        evaluator = await self.evaluator()
        found = await evaluator.get(evaluation_id)
        if pair is None:
            return found, None
        return found, (await evaluator.get(pair[0]), await evaluator.get(pair[1]))

    async def encoders(self) -> list[str]:
        """Ids of the encoders that a form offers; what checks its answer is loaded too."""
        await self.evaluator()
        return [record.id for record in await self._session.open_engine.library.encoders()]

    async def request_of(
        self, head: EvaluationHead | None, view: JobView | None
    ) -> EvaluateRequest | None:
        """What was asked for a row; None where it has neither an evaluation nor a job."""
        if view is not None:
            job = self._session.open_engine.jobs.find(view.job_id)
            text = None if job is None else job.request
        elif head is not None:
            text = (await (await self.evaluator()).get(head.id)).request
        else:
            text = None
        try:
            return None if text is None else request_from_json(EvaluateRequest, text)
        except RequestError as error:
            raise RequestError(OTHER_VERSION) from error

    def start(self, request: EvaluateRequest) -> int:
        """Start to evaluate, and return the id of the job."""
        return self._session.open_engine.evaluate(request).id

    def results_of(self, job_id: int) -> tuple[Evaluation, ...]:
        """What a job of this session found, by encoder."""
        return self._session.open_engine.evaluator.of_job(job_id)

    def cancel(self, view: JobView) -> None:
        """Cancel a job, or take what came of it out of sight."""
        if view.is_active:
            self._session.send(CancelJob(view.job_id))
        else:
            self._session.board.dismiss(view.job_id)

    async def delete(self, evaluation_id: int) -> None:
        """Delete an evaluation."""
        await (await self.evaluator()).forget(evaluation_id)

    async def draw(self, evaluation_id: int, path: Path) -> None:
        """Draw the figures of an evaluation into a file."""
        from engine.evaluation.plots import draw_evaluation

        found = await (await self.evaluator()).get(evaluation_id)
        await asyncio.to_thread(draw_evaluation, found, path)
