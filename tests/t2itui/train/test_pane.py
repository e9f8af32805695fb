"""What is known of a training, its curves and its words; and what a matcher's row says."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import RequestError
from engine.events import (
    JobEvent,
    JobFinished,
    JobProgress,
    JobQueued,
    JobStarted,
    TrainingProgress,
)
from engine.jobs.codec import job_request, request_to_json
from engine.requests import TrainRequest
from engine.states import JobKind, JobState, Unit
from t2itui.screens.jobs.board import MOST_POINTS, JobBoard, JobView, TrainingView
from t2itui.screens.train.detail import stage_lines, training_plots
from t2itui.text.shell_commands import job_command


def told(stage: str = "step", step: int = 1, **changed: object) -> TrainingProgress:
    values: dict[str, object] = {
        "job_id": 1,
        "what": "matcher",
        "stage": stage,
        "step": step,
        "steps": 400,
        "epoch": 0,
        "epochs": 12,
        "loss": 0.5,
        "average_precision": 0.7,
        "recall": 0.6,
        "swap_auc": 0.0,
        "best": 0.7,
        "epochs_without_improvement": 0,
        "patience": 3,
    }
    return TrainingProgress(**{**values, **changed})  # type: ignore[arg-type]


def folded(*events: JobEvent) -> TrainingView:
    view = TrainingView()
    for event in events:
        view = view.after(event)
    return view


def board_view(*events: JobEvent) -> JobView:
    board = JobBoard(lambda: 0.0)
    board.apply(JobQueued(job_id=1, kind=JobKind.TRAIN, title="train a matcher on storybook"))
    board.apply(JobStarted(job_id=1))
    for event in events:
        board.apply(event)
    found = board.find(1)
    assert found is not None
    return found


def test_loss_is_kept_at_every_step_and_validation_where_it_was_measured() -> None:
    view = folded(
        told(step=1, loss=0.9),
        told(step=2, loss=0.8),
        told("epochs", step=2, loss=0.85, average_precision=0.75, recall=0.65, epoch=1),
        told(step=3, loss=0.7, average_precision=0.75, recall=0.65, epoch=1),
    )
    assert view.losses == ((1, 0.9), (2, 0.8), (2, 0.85), (3, 0.7))
    assert view.precisions == ((1, 0.7), (2, 0.75))
    assert view.recalls == ((1, 0.6), (2, 0.65))


def test_the_curves_begin_anew_with_the_epochs_and_with_another_network() -> None:
    view = folded(told("metric", step=60, loss=4.0), told(step=1, loss=0.4))
    assert view.losses == ((1, 0.4),)
    view = view.after(told(step=1, loss=0.3, what="two-branch"))
    assert view.losses == ((1, 0.3),)


def test_a_resumed_training_says_from_where() -> None:
    events = (told("resumed", step=100, epoch=3, loss=0.0), told(step=101, epoch=3))
    assert folded(*events).losses == ((101, 0.5),)
    assert stage_lines(board_view(*events))[-1].startswith("goes on from epoch 3")


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    view = folded(*(told(step=step, loss=1 / step) for step in range(1, 3 * MOST_POINTS)))
    assert len(view.losses) <= MOST_POINTS
    assert view.losses[0] == (1, 1.0)
    assert view.losses[-1][0] == 3 * MOST_POINTS - 1


def test_early_stopping_is_said_in_words() -> None:
    lines = stage_lines(board_view(told(epoch=5, epochs_without_improvement=2, best=0.71)))
    assert "epoch 6 of 12" in lines[0]
    assert "loss 0.500" in lines[0]
    assert "validation mAP 0.700 (best 0.710), recall@1 0.600" in lines[1]
    assert "no gain for 2 of 3 epochs" in lines[1]
    assert max(map(len, lines)) <= 78


def test_before_and_after_the_fit_the_stage_is_said() -> None:
    embedding = JobProgress(job_id=1, stage="embedding texts", done=256, total=5619)
    assert stage_lines(board_view(embedding)) == ["embedding texts: 256 of 5,619"]
    drawing = JobProgress(
        job_id=1,
        stage="drawing scenes",
        done=1200,
        total=8800,
        unit=Unit.PICTURES,
        rate=120,
        eta_s=63.3,
    )
    assert stage_lines(board_view(drawing)) == [
        "drawing scenes: 1,200 of 8,800  120.0 pictures/s  1:03 left"
    ]
    measuring = JobProgress(job_id=1, stage="measuring", done=0, total=0)
    assert stage_lines(board_view(told(), measuring)) == ["measuring"]
    assert "waits" in stage_lines(JobView(job_id=2, state=JobState.QUEUED))[0]


@pytest.mark.parametrize(("width", "two"), [(60, False), (78, True), (118, True)])
def test_loss_stands_beside_validation_where_there_is_room(width: int, two: bool) -> None:
    view = folded(*(told(step=step, loss=1 / step) for step in range(1, 50)))
    assert view.last is not None
    plots = training_plots(view, view.last, width)
    assert ("l loss" in [plot.title for plot in plots]) is two
    assert plots[-1].title == "validation: m mAP, r recall@1"
    assert {plot.end for plot in plots} == {400}


def test_a_training_is_started_again_from_what_the_cache_remembers() -> None:
    request = TrainRequest(
        data="/photos/captions.token",
        images=Path("/photos/images"),
        encoder="some/clip",
        queries="words",
        limit=500,
        epochs=3,
        head="two-branch",
        loss="triangle",
        beside=("mlp",),
        force=True,
    )
    assert job_request(JobKind.TRAIN, request_to_json(request)) == request
    with pytest.raises(RequestError):
        job_request(JobKind.TRAIN, '{"data": 1}')
    assert job_command(None, request) == (
        "t2itui train --images /photos/images --encoder some/clip --queries words --limit 500"
        " --head two-branch --loss triangle --beside mlp --epochs 3 --force /photos/captions.token"
    )
    assert job_command(None, TrainRequest(data="storybook")) == "t2itui train storybook"


def test_an_ended_training_keeps_its_curves_on_the_board() -> None:
    view = board_view(told(), JobFinished(job_id=1, message="done", seconds=1.0))
    assert view.training.losses == ((1, 0.5),)
    assert not view.is_active
