"""The generator's reports as events of a job."""

from engine.events import JobEvent, JobLoading, JobPreview, JobStep, JobSteppedDown, JobWaiting
from engine.generation.job import Relay
from engine.models.progress import Loading, Preview, Step, SteppedDown, Waiting

PREVIEW = Preview(rgb=bytes(12), width=2, height=2)


def relay_at(times: list[float], events: list[JobEvent]) -> Relay:
    """A relay whose clock shows these times."""
    clock = iter(times)
    return Relay(3, events.append, picture=2, pictures=4, clock=lambda: next(clock))


def test_previews_come_ten_times_a_second_at_most() -> None:
    events: list[JobEvent] = []
    relay = relay_at([5.0, 5.05, 5.09, 5.11, 5.2, 5.22], events)
    for _ in range(6):
        relay.take(PREVIEW)
    assert len(events) == 3
    assert events[0] == JobPreview(job_id=3, rgb=bytes(12), width=2, height=2)


def test_steps_carry_pace_and_place() -> None:
    events: list[JobEvent] = []
    relay = relay_at([], events)
    relay.take(Loading(stage="loading unet", done=5, total=10))
    relay.take(Step(step=1, total=20, seconds_a_step=0.5, eta_s=9.5))
    relay.take(Step(step=2, total=20, seconds_a_step=0.0, eta_s=0.0))
    relay.take(SteppedDown(what="attention in slices", why="memory ran out"))
    loading, step, instant, down = events
    assert isinstance(loading, JobLoading) and (loading.done, loading.unit) == (5, "bytes")
    assert isinstance(step, JobStep) and isinstance(instant, JobStep)
    assert (step.stage, step.rate, step.eta_s, step.picture) == ("painting 2 of 4", 2.0, 9.5, 2)
    assert instant.rate == 0.0
    assert isinstance(down, JobSteppedDown)
    assert down.message == "attention in slices: memory ran out"


def test_waiting_for_another_instance_is_told_once_each_time() -> None:
    events: list[JobEvent] = []
    relay = relay_at([], events)
    step = Step(step=1, total=2, seconds_a_step=0.5, eta_s=0.5)
    for event in (Waiting(), Waiting(), Waiting(), step, Waiting(), Waiting()):
        relay.take(event)
    assert [type(event) for event in events] == [JobWaiting, JobStep, JobWaiting]
