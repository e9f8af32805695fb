"""The list of evaluations and what the engine is asked for, without a screen."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from engine.engine import Engine
from engine.errors import EngineError, RequestError
from engine.evaluation.results import EvaluationHead
from engine.requests import EvaluateRequest
from engine.states import JobKind, JobState
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.evaluate.controller import OTHER_VERSION, EvaluationsController
from t2itui.screens.evaluate.list import MARKED, UNKEPT, EvaluationList, job_key
from t2itui.screens.jobs.board import JobView
from t2itui.session import CancelJob, Intent, Session
from tests.t2itui.made_up_evaluations import EvaluatingEngine, evaluation


def heads(*numbers: int) -> list[EvaluationHead]:
    return [EvaluationHead.of(evaluation(number)) for number in numbers]


def view(job_id: int, state: JobState, kind: JobKind = JobKind.EVALUATE) -> JobView:
    return JobView(job_id=job_id, kind=kind, state=state, title="evaluate storybook")


def test_pages_add_up_and_the_first_one_begins_anew() -> None:
    found = EvaluationList()
    found.take(heads(4, 3), offset=0)
    found.take(heads(2), offset=2)
    assert list(found.heads) == ["4", "3", "2"]
    found.take(heads(5), offset=0)
    assert [row.key for row in found.rows(())] == ["5"]


def test_jobs_at_work_and_those_that_came_to_nothing_stand_above_what_was_kept() -> None:
    found = EvaluationList()
    found.take(heads(1), offset=0)
    views = [
        view(1, JobState.DONE),
        view(2, JobState.FAILED),
        replace(view(3, JobState.FAILED), dismissed=True),
        view(4, JobState.RUNNING, JobKind.TRAIN),
        view(5, JobState.RUNNING),
    ]
    assert [row.key for row in found.rows(views)] == [job_key(5), job_key(2), "1"]


def test_the_cursor_goes_to_a_new_row_once() -> None:
    found = EvaluationList()
    found.go_to_job(7)
    assert found.take_wanted(found.rows(())) == ""
    rows = found.rows([view(7, JobState.QUEUED)])
    assert found.take_wanted(rows) == job_key(7)
    assert found.take_wanted(rows) == ""


def test_a_result_that_was_not_kept_has_a_row_until_there_is_another() -> None:
    found = EvaluationList()
    found.go_to_result(replace(evaluation(1), id=0))
    found.take(heads(3), offset=0)
    rows = found.rows(())
    assert [row.key for row in rows] == [UNKEPT, "3"]
    assert found.take_wanted(rows) == UNKEPT


def test_two_are_marked_and_the_older_one_comes_first() -> None:
    found = EvaluationList()
    found.take(heads(3, 2, 1), offset=0)
    assert found.pair(found.heads["1"]) is None, "nothing is marked"
    found.toggle_mark(2)
    assert found.pair(found.heads["2"]) is None, "one cannot be compared with itself"
    assert found.pair(found.heads["1"]) == (1, 2)
    found.toggle_mark(3)
    assert found.pair(found.heads["1"]) == (2, 3), "the cursor counts no more"
    assert [row.cells[0] for row in found.rows(())] == [MARKED, MARKED, ""]
    found.toggle_mark(1)
    assert found.marked == [3, 1]
    found.toggle_mark(3)
    found.drop_mark(1)
    assert found.marked == []


@pytest.fixture
def engine() -> EvaluatingEngine:
    made = EvaluatingEngine()
    made.evaluator.kept = [evaluation(1), evaluation(2)]
    return made


@pytest.fixture
def session(engine: EvaluatingEngine) -> Session:
    made = Session(
        graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test"), clock=lambda: 0.0
    )
    made.engine = cast("Engine", engine)
    return made


async def test_an_evaluation_is_read_alone_or_with_the_two_that_are_compared(
    session: Session, engine: EvaluatingEngine
) -> None:
    controller = EvaluationsController(session)
    assert [head.id for head in await controller.read(10, 0, "")] == [2, 1]
    found, pair = await controller.open(2, None)
    assert found.id == 2 and pair is None
    _, pair = await controller.open(2, (1, 2))
    assert pair is not None and [each.id for each in pair] == [1, 2]
    await controller.delete(2)
    with pytest.raises(RequestError, match="no evaluation 2"):
        await controller.open(2, None)


async def test_what_was_asked_is_read_from_the_job_or_the_evaluation(
    session: Session, engine: EvaluatingEngine
) -> None:
    controller = EvaluationsController(session)
    request = EvaluateRequest(data="storybook", limit=5)
    job_id = controller.start(request)
    assert await controller.request_of(None, view(job_id, JobState.RUNNING)) == request
    assert await controller.request_of(None, view(99, JobState.RUNNING)) is None
    assert await controller.request_of(None, None) is None
    kept = EvaluationHead.of(engine.evaluator.kept[0])
    assert isinstance(await controller.request_of(kept, None), EvaluateRequest)
    engine.evaluator.kept[0] = replace(engine.evaluator.kept[0], request='{"later": 1}')
    with pytest.raises(RequestError, match=OTHER_VERSION):
        await controller.request_of(kept, None)


def test_a_job_at_work_is_cancelled_and_another_one_dismissed(session: Session) -> None:
    sent: list[Intent] = []
    session.intents.subscribe(sent.append)
    controller = EvaluationsController(session)
    controller.cancel(view(3, JobState.RUNNING))
    assert sent == [CancelJob(3)]
    controller.cancel(view(4, JobState.FAILED))
    assert sent == [CancelJob(3)]


async def test_without_an_engine_nothing_is_asked_of_it() -> None:
    closed = EvaluationsController(
        Session(graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test"))
    )
    with pytest.raises(EngineError, match="not open"):
        await closed.read(10, 0, "")
