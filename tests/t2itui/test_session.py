"""The session and the controllers of jobs and generation, without a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from engine.engine import Engine
from engine.errors import CacheError, RequestError
from engine.events import JobFailed, JobFinished, JobNote, JobQueued, JobStarted
from engine.generation.request import GenerateRequest
from engine.models.generators import GeneratorState, MemoryUse, Unloaded
from engine.results import JobRecord
from engine.states import JobKind, JobState, ProcessState
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.generate.controller import GenerationController
from t2itui.screens.jobs.controller import JobsController
from t2itui.session import (
    CancelJob,
    EditRecipe,
    EditRequest,
    Intent,
    Listeners,
    Notice,
    RefreshStatus,
    RepeatGeneration,
    Selection,
    Session,
    ShowJobs,
    StartGeneration,
    WatchJob,
)
from t2itui.settings import AppSettings, load
from t2itui.status import Status
from tests.t2itui.fake_host import FakeHost
from tests.t2itui.fake_library import FakeEngine


@dataclass
class Started:
    """A job as far as its starter looks at it."""

    id: int


@dataclass
class FakeGeneration:
    """Notes what was to be generated, or refuses it."""

    error: RequestError | None = None
    started: list[tuple[GenerateRequest, str | None]] = field(default_factory=list)
    repeated: list[tuple[int, bool, bool]] = field(default_factory=list)

    async def start(self, request: GenerateRequest, *, library: str | None) -> Started:
        if self.error is not None:
            raise self.error
        self.started.append((request, library))
        return Started(5)

    async def again(self, job_id: int, *, new_seed: bool, preview: bool) -> Started:
        if self.error is not None:
            raise self.error
        self.repeated.append((job_id, new_seed, preview))
        return Started(6)


class Recorder:
    """A session with what was asked for and said in it."""

    def __init__(self, *, settings: AppSettings | None = None, home: Path | None = None) -> None:
        graphics = Graphics(protocol=GraphicsProtocol.TEXT, reason="a test")
        self.session = Session(graphics=graphics, settings=settings, home=home, clock=lambda: 0.0)
        self.intents: list[Intent] = []
        self.notices: list[Notice] = []
        self.session.intents.subscribe(self.intents.append)
        self.session.notices.subscribe(self.notices.append)
        self.engine = FakeEngine()
        self.generation = FakeGeneration()
        vars(self.engine).update(generation=self.generation, generate=self.generation.start)

    def open(self) -> Session:
        self.engine.jobs.subscribe(self.session.take_event)
        self.session.open(cast(Engine, self.engine))
        return self.session


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


# The session


def test_whoever_waits_for_the_engine_is_called_once_it_is_open_or_at_once(
    recorder: Recorder,
) -> None:
    early: list[str] = []
    recorder.session.when_open(lambda: early.append("early"))
    gone = recorder.session.when_open(lambda: early.append("gone"))
    gone()
    assert early == []
    recorder.open()
    recorder.session.when_open(lambda: early.append("late"))
    assert early == ["early", "late"]


def test_jobs_started_before_the_session_listened_are_on_its_board(recorder: Recorder) -> None:
    recorder.engine.jobs.begin(JobKind.INDEX, "index /photos")
    session = recorder.open()
    assert [view.title for view in session.board.views] == ["index /photos"]


def test_the_board_has_an_event_before_the_listeners_do(recorder: Recorder) -> None:
    session = recorder.open()
    states: list[str] = []

    def look(event: object) -> None:
        view = session.board.find(1)
        states.append("" if view is None else view.state)

    session.job_events.subscribe(look)
    session.take_event(JobQueued(job_id=1, kind=JobKind.INDEX, title="index"))
    session.take_event(JobStarted(job_id=1))
    session.take_event(JobFinished(job_id=1, message="done", seconds=1.0))
    assert states == ["queued", "running", "done"]


def test_only_events_that_change_the_figures_have_them_read_anew(recorder: Recorder) -> None:
    session = recorder.open()
    session.take_event(JobQueued(job_id=1, kind=JobKind.INDEX, title="index"))
    session.take_event(JobNote(job_id=1, message="one file is broken"))
    assert recorder.intents == []
    session.take_event(JobFailed(job_id=1, message="no disk", hint=""))
    assert recorder.intents == [RefreshStatus()]


def test_settings_are_told_when_they_change_and_kept_where_there_is_a_home(
    tmp_path: Path,
) -> None:
    session = Recorder(home=tmp_path).session
    heard: list[float] = []
    session.settings_changed.subscribe(lambda settings: heard.append(settings.threshold))
    session.remember(threshold=0.5)
    assert heard == [], "nothing changed"
    session.remember(threshold=0.7)
    session.save_settings()
    assert heard == [0.7]
    assert load(tmp_path).threshold == 0.7
    Recorder().session.save_settings()


def test_the_status_is_there_for_those_who_come_later(recorder: Recorder) -> None:
    heard: list[Status] = []
    recorder.session.status_changed.subscribe(heard.append)
    status = Status(pictures=7)
    recorder.session.show_status(status)
    assert heard == [status] == [recorder.session.status]


def test_an_error_is_said_with_what_to_do(recorder: Recorder) -> None:
    error = CacheError("the disk is full.", hint="Free some space.")
    recorder.session.report_error("Labels", error)
    assert recorder.notices[0].message == "the disk is full. Free some space."
    assert (recorder.notices[0].title, recorder.notices[0].severity) == ("Labels", "error")


@pytest.mark.parametrize(
    ("query", "prompts"),
    [
        ("", ("", "")),
        ("a red boat", ("a red boat", "")),
        ('"a dog" + 0.5*"snow" - "grass"', ("a dog, snow", "grass")),
        ('"a dog', ("", "")),
    ],
)
def test_the_prompt_is_what_the_query_says(
    recorder: Recorder, query: str, prompts: tuple[str, str]
) -> None:
    recorder.session.query = query
    assert recorder.session.prompts == prompts


def test_a_selection_keeps_the_order_in_which_pictures_were_marked() -> None:
    selection = Selection()
    assert selection.toggle(2, "/b.jpg")
    assert selection.toggle(1, "/a.jpg")
    assert not selection.toggle(2, "/b.jpg")
    assert selection.toggle(2, "/b.jpg")
    assert (list(selection), selection.picture_ids) == (["/a.jpg", "/b.jpg"], frozenset({1, 2}))
    selection.remove(0)
    assert list(selection) == ["/b.jpg"]
    selection.clear()
    assert not len(selection)


# Jobs


def test_cancelling_stops_the_one_job_at_work(recorder: Recorder) -> None:
    session, controller = recorder.open(), JobsController(recorder.session)
    job = recorder.engine.jobs.begin(JobKind.INDEX, "index")
    controller.cancel()
    view = session.board.find(job.id)
    assert job.cancels == 1
    assert view is not None and view.state == "cancelling"


def test_cancelling_asks_which_where_several_jobs_are_at_work(recorder: Recorder) -> None:
    session, controller = recorder.open(), JobsController(recorder.session)
    first = recorder.engine.jobs.begin(JobKind.INDEX, "index")
    second = recorder.engine.jobs.begin(JobKind.GENERATE, "paint")
    controller.cancel()
    assert (first.cancels, second.cancels) == (0, 0)
    assert recorder.intents == [ShowJobs()]
    session.send(CancelJob(second.id))
    assert (first.cancels, second.cancels) == (0, 1)


def test_cancelling_takes_outcomes_out_of_sight_where_nothing_works(recorder: Recorder) -> None:
    session, controller = recorder.open(), JobsController(recorder.session)
    for job_id in (1, 2):
        session.take_event(JobQueued(job_id=job_id, kind=JobKind.INDEX, title="index"))
        session.take_event(JobFailed(job_id=job_id, message="no disk", hint=""))
    controller.dismiss(1)
    assert [view.job_id for view in session.board.in_sight()] == [2]
    controller.cancel()
    assert session.board.in_sight() == ()


@pytest.mark.parametrize(
    ("state", "said"),
    [(JobState.LOST, "did not finish"), (JobState.RUNNING, "background"), (JobState.DONE, "")],
)
async def test_a_job_that_was_cut_off_or_goes_on_elsewhere_is_told_of(
    recorder: Recorder, state: JobState, said: str
) -> None:
    record = JobRecord(
        id=3,
        kind=JobKind.INDEX,
        title="index",
        state=state,
        created_at=0.0,
        updated_at=0.0,
        request="{}",
        message="",
    )
    recorder.engine.jobs.earlier = [record]
    await JobsController(recorder.session).report_lost(cast(Engine, recorder.engine))
    assert [notice.title for notice in recorder.notices] == (["index"] if said else [])
    assert all(said in notice.message for notice in recorder.notices)


# Generation


class Running(FakeHost):
    """A controller, and what it wants to run."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.controller = GenerationController(session, self)


REQUEST = GenerateRequest(prompt="a red boat")


async def test_a_started_job_is_shown_and_has_previews_as_the_settings_say() -> None:
    recorder = Recorder(settings=AppSettings(previews=False))
    session, running = recorder.open(), Running(recorder.session)
    session.send(StartGeneration(REQUEST, "storybook"))
    await running.run()
    assert recorder.generation.started == [(replace(REQUEST, preview=False), "storybook")]
    assert recorder.intents[-1] == WatchJob(5)


async def test_a_refused_job_is_said_with_its_cause(recorder: Recorder) -> None:
    session, running = recorder.open(), Running(recorder.session)
    recorder.generation.error = RequestError("no model", hint="Get one.")
    session.send(StartGeneration(REQUEST))
    session.send(RepeatGeneration(1))
    await running.run()
    assert [notice.title for notice in recorder.notices] == ["Not painted"] * 2
    assert not any(isinstance(intent, WatchJob) for intent in recorder.intents)


async def test_nothing_is_generated_before_the_engine_is_open(recorder: Recorder) -> None:
    running = Running(recorder.session)
    for intent in (StartGeneration(REQUEST), RepeatGeneration(1), EditRecipe(1)):
        recorder.session.send(intent)
    await running.run()
    await running.controller.unload()
    assert recorder.notices == []


async def test_another_seed_repeats_the_last_job_once_it_is_over(recorder: Recorder) -> None:
    session, running = recorder.open(), Running(recorder.session)
    running.controller.another_seed()
    job = recorder.engine.jobs.begin(JobKind.GENERATE, "paint")
    running.controller.another_seed()
    assert [notice.message[:9] for notice in recorder.notices] == ["Nothing w", "It is bei"]
    session.take_event(JobFinished(job_id=job.id, message="done", seconds=1.0))
    running.controller.another_seed()
    await running.run()
    assert recorder.generation.repeated == [(job.id, True, True)]
    assert recorder.intents[-1] == WatchJob(6)


def test_watching_shows_the_job_at_work(recorder: Recorder) -> None:
    session, running = recorder.open(), Running(recorder.session)
    running.controller.watch()
    assert len(recorder.notices) == 1
    first = recorder.engine.jobs.begin(JobKind.GENERATE, "paint")
    session.take_event(JobQueued(job_id=9, kind=JobKind.GENERATE, title="paint later"))
    running.controller.watch()
    assert recorder.intents[-1] == WatchJob(first.id)


def test_the_form_begins_with_the_query_on_the_screen(recorder: Recorder) -> None:
    running = Running(recorder.session)
    recorder.session.query = '"a dog" - "grass"'
    running.controller.edit_prompt()
    assert recorder.intents == [EditRequest(GenerateRequest(prompt="a dog", negative="grass"))]


def test_what_the_form_asks_for_joins_the_collection_that_is_searched(recorder: Recorder) -> None:
    running = Running(recorder.session)
    recorder.session.collection = "storybook"
    running.controller.accept(REQUEST)
    assert recorder.intents == [StartGeneration(REQUEST, "storybook")]


@dataclass
class FakeGenerators:
    """A generator that is loaded, and gives its memory back."""

    unloaded: int = 0

    def state(self) -> GeneratorState:
        return GeneratorState(state=ProcessState.READY)

    async def unload(self) -> Unloaded:
        self.unloaded += 1
        return Unloaded(
            before=MemoryUse(process=3_000_000, device=0, free=0),
            after=MemoryUse(process=1_000_000, device=0, free=0),
        )


async def test_the_generator_is_unloaded_only_while_it_has_no_work(recorder: Recorder) -> None:
    session, running = recorder.open(), Running(recorder.session)
    await running.controller.unload()
    assert recorder.notices[-1].message == "No generator is loaded."
    generators = FakeGenerators()
    vars(recorder.engine)["generators"] = generators
    job = recorder.engine.jobs.begin(JobKind.GENERATE, "paint")
    await running.controller.unload()
    assert generators.unloaded == 0
    session.take_event(JobFinished(job_id=job.id, message="done", seconds=1.0))
    await running.controller.unload()
    assert generators.unloaded == 1
    assert recorder.notices[-1].message == "model process: 3.0 MB before, 1.0 MB after"


def test_a_listener_that_fails_keeps_nothing_from_the_others() -> None:
    def fail(value: int) -> None:
        raise ValueError(value)

    listeners, heard = Listeners[int](), list[int]()
    listeners.subscribe(fail)
    listeners.subscribe(heard.append)
    with pytest.raises(ValueError, match="3"):
        listeners.publish(3)
    assert heard == [3]
