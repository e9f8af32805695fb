"""What the Train screen lists and allows, and where its cursor goes, without a screen."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from engine.engine import Engine
from engine.errors import EngineError
from engine.events import JobCancelled, JobEvent
from engine.jobs.codec import request_to_json
from engine.requests import TrainRequest
from engine.training.run import TrainedMatcher
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.train.controller import TrainController
from t2itui.screens.train.list import matcher_key, training_key
from t2itui.session import Session
from tests.t2itui.made_up_trainings import CLIP, TrainingEngine, matcher, training_report

REQUEST = TrainRequest(data="/photos/results.token", encoder=CLIP)


@pytest.fixture
def engine() -> TrainingEngine:
    made = TrainingEngine()
    made.training.kept = [
        matcher(1, training_report(0.6)),
        matcher(2, training_report(0.63)),
        matcher(3, training_report(0.7), "other/clip"),
    ]
    return made


async def controller_of(engine: TrainingEngine) -> TrainController:
    session = Session(
        graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test"), clock=lambda: 0.0
    )
    session.engine = cast("Engine", engine)

    def take(event: JobEvent) -> None:
        session.board.apply(event)

    engine.jobs.subscribe(take)
    made = TrainController(session)
    made.state = await made.read()
    return made


async def test_matchers_are_listed_below_trainings_and_a_new_one_is_gone_to(
    engine: TrainingEngine,
) -> None:
    controller = await controller_of(engine)
    assert [row.key for row in controller.rows()] == [matcher_key(n) for n in (3, 2, 1)]
    controller.start(REQUEST)
    key = training_key(1)
    assert controller.wanted == key
    assert controller.rows()[0].key == key
    assert controller.request(key) == REQUEST
    assert controller.allows("cancel", key) and not controller.allows("again", key)
    engine.jobs.tell(JobCancelled(job_id=1, message="Stopped.", seconds=1.0))
    controller.rows()
    assert controller.allows("again", key) and not controller.allows("cancel", key)


async def test_the_cursor_follows_a_training_that_became_a_matcher(
    engine: TrainingEngine,
) -> None:
    controller = await controller_of(engine)
    controller.follow_end(1, training_key(1))
    assert controller.wanted == "", "nothing came of it"
    engine.training.by_job[1] = TrainedMatcher(id=4, weights=b"", report=training_report())
    controller.follow_end(1, matcher_key(2))
    assert controller.wanted == "", "the person is elsewhere"
    controller.follow_end(1, training_key(1))
    assert controller.wanted == matcher_key(4)


async def test_what_did_no_better_can_be_kept_and_matchers_be_exported(
    engine: TrainingEngine,
) -> None:
    controller = await controller_of(engine)
    controller.start(REQUEST)
    engine.training.by_job[1] = TrainedMatcher(id=None, weights=b"", report=training_report(0.5))
    controller.rows()
    assert controller.allows("store", training_key(1))
    assert not controller.allows("export", training_key(1))
    assert controller.allows("export", matcher_key(1)) and controller.allows("new", "")
    assert not controller.allows("store", matcher_key(1))
    assert not controller.allows("forget_labels", matcher_key(1)), "there are no labels"


async def test_what_a_matcher_was_trained_on_is_read_from_its_report(
    engine: TrainingEngine,
) -> None:
    report = replace(training_report(), request=request_to_json(REQUEST))
    engine.training.kept = [matcher(1, report), matcher(2, replace(report, request="[]"))]
    controller = await controller_of(engine)
    assert controller.request(matcher_key(1)) == REQUEST
    assert controller.request(matcher_key(2)) is None
    assert controller.request("") is None


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "Search does not use it: another one is in force."),
        (2, "matcher 1 is in force then."),
        (3, "the match without labels is in force then."),
    ],
)
async def test_it_is_said_what_is_in_force_after_a_deletion(
    engine: TrainingEngine, number: int, words: str
) -> None:
    controller = await controller_of(engine)
    found = controller.matcher(matcher_key(number))
    assert found is not None
    assert controller.after_deletion(found) == words


async def test_without_an_engine_there_are_no_rows() -> None:
    closed = TrainController(
        Session(graphics=Graphics(protocol=GraphicsProtocol.TEXT, reason="a test"))
    )
    assert closed.rows() == []
    with pytest.raises(EngineError, match="not open"):
        await closed.read()
