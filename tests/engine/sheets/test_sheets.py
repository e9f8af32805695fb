"""Sheets as jobs: painted once, paused, stopped, gone on with, and opened again."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import pytest
from PIL import Image

from cache.jobs import list_jobs
from engine.errors import RequestError
from engine.events import (
    CellDone,
    CellPreview,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobNote,
    JobPreview,
    JobProgress,
    PromptScore,
)
from engine.generation.request import GenerateRequest
from engine.jobs.codec import job_request
from engine.jobs.jobs import Job
from engine.models.devices import read_devices
from engine.search.prompt_scores import PromptScorer
from engine.settings import EngineSettings
from engine.sheets.job import SheetRun
from engine.sheets.prompts import SheetPrompt
from engine.sheets.request import SheetRequest, read_axis
from engine.sheets.sheet import Order, Sheet, bars, column_order, row_order
from engine.sheets.sheets import Sheets
from engine.states import CellState, JobKind, OutputCheck, ScorerKind
from tests.engine.generation.studio import ColourGenerators, StudioKit

RED, GREEN = SheetPrompt(prompt="a red ball", group="a"), SheetPrompt(prompt="a green ball")
REQUEST = SheetRequest(prompts=(RED, GREEN), axes=(read_axis("seed=1,2,3"),))


@pytest.fixture
def sheets(studio: StudioKit) -> Sheets:
    """The sheets of a studio."""
    return Sheets(studio.cache, studio.jobs, studio.generators, studio.generation, studio.settings)


async def painted(sheets: Sheets, request: SheetRequest = REQUEST) -> Sheet:
    """A sheet seen through to its end."""
    job = await sheets.start(request)
    outcome = await job.wait()
    assert isinstance(outcome, JobFinished), outcome
    found = sheets.of_job(job.id)
    assert found is not None
    return found


async def until_cells(studio: StudioKit, count: int) -> None:
    """Wait until so many cells are done."""
    enough = asyncio.Event()

    def look(event: JobEvent) -> None:
        cells = [event for event in studio.events if isinstance(event, CellDone)]
        if len({event.number for event in cells}) >= count:
            enough.set()

    unsubscribe = studio.jobs.subscribe(look)
    await enough.wait()
    unsubscribe()


async def test_every_cell_has_its_picture_its_scores_and_its_event(
    studio: StudioKit, sheets: Sheets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.jobs.progress.INTERVAL_S", 0.0)
    found = await painted(sheets)
    assert studio.generators.seeds == [1, 2, 3, 1, 2, 3]
    assert [cell.state for cell in found.cells] == [CellState.PAINTED] * 6
    assert all(cell.score(ScorerKind.MATCH) is not None for cell in found.cells)
    events = [event for event in studio.events if isinstance(event, CellDone)]
    order = dict.fromkeys((event.sheet_id, event.number) for event in events)
    assert [*order] == [(1, n) for n in range(6)]
    latest = {event.number: event.picture for event in events}
    assert latest == {cell.number: cell.picture for cell in found.cells}
    progress = [event for event in studio.events if isinstance(event, JobProgress)]
    cells = [event for event in progress if event.unit == "pictures"]
    assert (cells[-1].done, cells[-1].total, progress[-1].stage) == (6, 6, "scoring")
    assert any(event.detail == "step 2 of 4" for event in progress)
    record = (await sheets.list())[0]
    assert (record.size, record.done, record.title) == (6, 6, "sheet a red ball and 1 more")


async def test_scores_are_those_of_a_generation_of_the_same_picture(
    studio: StudioKit, sheets: Sheets
) -> None:
    found = await painted(sheets)
    job = await studio.generation.start(GenerateRequest(prompt=RED.prompt, seed=2))
    await job.wait()
    (picture,) = studio.generation.results(job.id)
    assert picture.cached and picture.score is not None
    assert found.cells[1].score(ScorerKind.MATCH) == pytest.approx(picture.score.match, abs=1e-6)
    assert found.cells[1].score(ScorerKind.COSINE) == pytest.approx(picture.score.cosine, abs=1e-6)


async def test_what_is_painted_is_never_painted_again(studio: StudioKit, sheets: Sheets) -> None:
    before = await painted(sheets)
    again = await painted(sheets)
    assert studio.generators.seeds == [1, 2, 3] * 2
    assert [c.picture and c.picture.sha256 for c in again.cells] == [
        c.picture and c.picture.sha256 for c in before.cells
    ]
    assert again.id == before.id and all(c.picture and c.picture.cached for c in again.cells)
    wider = SheetRequest(prompts=REQUEST.prompts, axes=(read_axis("seed=2..4"),))
    estimate = await sheets.estimate(wider)
    assert (estimate.cells, estimate.to_paint) == (6, 2)
    # Four steps and a decoding, with guidance: as long as the last ones took.
    assert estimate.seconds == pytest.approx(2 * 1.25)
    await painted(sheets, wider)
    assert studio.generators.seeds[6:] == [4, 4]


async def test_a_sheet_opens_again_without_a_model(studio: StudioKit, sheets: Sheets) -> None:
    before = await painted(sheets)
    embedded, seeds = studio.encoders.embedded, len(studio.generators.seeds)
    opened = await sheets.open(before.id)
    assert [cell.state for cell in opened.cells] == [CellState.PAINTED] * 6
    for scorer in (ScorerKind.MATCH, ScorerKind.COSINE):
        assert [cell.score(scorer) for cell in opened.cells] == [
            cell.score(scorer) for cell in before.cells
        ]
    assert (studio.encoders.embedded, len(studio.generators.seeds)) == (embedded, seeds)
    with pytest.raises(RequestError, match="no sheet 9"):
        await sheets.open(9)


async def test_a_pause_ends_after_the_cell_at_work_and_the_rest_is_painted_later(
    studio: StudioKit, sheets: Sheets
) -> None:
    studio.generators.gate.is_open.clear()
    job = await sheets.start(REQUEST)
    await studio.generators.gate.entered.wait()
    sheets.pause(job.id)
    studio.generators.gate.is_open.set()
    outcome = await job.wait()
    assert isinstance(outcome, JobFinished)
    assert outcome.message == "paused: 1 of 6 cells are done"
    assert (await sheets.open(1)).done == 1
    job = await sheets.go_on(1)
    await job.wait()
    assert studio.generators.seeds == [1, 2, 3, 1, 2, 3]
    assert (await sheets.open(1)).done == 6


async def test_a_cancelled_sheet_keeps_what_is_done(studio: StudioKit, sheets: Sheets) -> None:
    job = await sheets.start(REQUEST)
    await until_cells(studio, 2)
    job.cancel()
    assert isinstance(await job.wait(), JobCancelled)
    done = (await sheets.open(1)).done
    assert 2 <= done < 6
    painted_before = len(studio.generators.seeds)
    again = await sheets.go_on(1)
    assert isinstance(await again.wait(), JobFinished)
    # The one that was stored while the job was being stopped is not painted again either.
    assert painted_before + (6 - done) >= len(studio.generators.seeds)
    assert (await sheets.open(1)).done == 6


async def test_a_sheet_that_the_programs_end_stopped_starts_again_from_its_job(
    studio: StudioKit, sheets: Sheets
) -> None:
    job = await sheets.start(REQUEST)
    await until_cells(studio, 1)
    job.cancel()
    await job.wait()
    record = next(each for each in await studio.cache.read(list_jobs, 9) if each.id == job.id)
    request = job_request(record.kind, record.request)
    assert record.kind == JobKind.SHEET and request == REQUEST
    assert isinstance(request, SheetRequest)
    await sheets.resume(request).wait()
    assert (await sheets.open(1)).done == 6
    assert len(await sheets.list()) == 1


async def test_a_single_picture_slips_in_between_the_cells(
    studio: StudioKit, sheets: Sheets
) -> None:
    studio.generators.gate.is_open.clear()
    sheet_job = await sheets.start(REQUEST)
    await studio.generators.gate.entered.wait()
    single = await studio.generation.start(GenerateRequest(prompt="a blue ball", seed=99))
    await asyncio.sleep(0)
    studio.generators.gate.is_open.set()
    await single.wait()
    assert studio.generators.seeds.index(99) < 5
    assert isinstance(await sheet_job.wait(), JobFinished)


async def test_cells_that_come_to_nothing_are_said_and_no_bar_counts_them(
    studio: StudioKit, sheets: Sheets
) -> None:
    studio.generators.checks = [OutputCheck.BLACK]
    found = await painted(sheets)
    assert found.cells[0].state is CellState.REJECTED
    assert (await sheets.open(found.id)).cells[0].check is OutputCheck.BLACK
    assert [bar.count for bar in bars(found)] == [2, 3]
    (end,) = studio.of(JobFinished)
    assert isinstance(end, JobFinished) and "1 came to nothing" in end.message


async def test_what_is_true_of_every_cell_is_said_once(studio: StudioKit, sheets: Sheets) -> None:
    studio.generators.warnings = ("bf16 is slow here",)
    await painted(sheets)
    notes = [event.message for event in studio.events if isinstance(event, JobNote)]
    assert notes.count("bf16 is slow here") == 1


async def test_a_sheet_of_which_nothing_came_fails(studio: StudioKit, sheets: Sheets) -> None:
    studio.generators.checks = [OutputCheck.BLACK] * 6
    job = await sheets.start(REQUEST)
    outcome = await job.wait()
    assert isinstance(outcome, JobFailed) and outcome.error == "RejectedError"


async def test_what_no_model_can_do_is_refused_before_anything_is_painted(
    studio: StudioKit, sheets: Sheets
) -> None:
    request = SheetRequest(prompts=(RED,), settings=GenerateRequest(prompt="", width=33, height=32))
    with pytest.raises(RequestError, match="multiple of 8"):
        await sheets.start(request)
    assert not studio.generators.seeds and not await sheets.list()


async def test_a_forgotten_sheet_leaves_its_pictures(studio: StudioKit, sheets: Sheets) -> None:
    found = await painted(sheets)
    assert await sheets.forget(found.id) and not await sheets.forget(found.id)
    assert await sheets.list() == []
    assert len(await studio.generation.pictures()) == 6


async def test_a_removed_picture_makes_its_cell_wait_again(
    studio: StudioKit, sheets: Sheets
) -> None:
    found = await painted(sheets)
    assert found.cells[0].picture is not None
    await studio.generation.remove([found.cells[0].picture.picture_id])
    opened = await sheets.open(found.id)
    assert [cell.state for cell in opened.cells].count(CellState.WAITING) == 1


async def test_bars_are_the_mean_and_the_spread_of_the_cells_scores(
    studio: StudioKit, sheets: Sheets
) -> None:
    request = SheetRequest(
        prompts=(RED, SheetPrompt(prompt="a blue ball"), SheetPrompt(prompt="red", group="a")),
        axes=(read_axis("guidance=1,2"), read_axis("seed=1,2,3")),
    )
    found = await painted(sheets, request)
    for scorer in (ScorerKind.MATCH, ScorerKind.COSINE):
        drawn = bars(found, scorer)
        # Groups stand together, each choice of guidance has a bar of its own.
        assert [(bar.row, bar.setting) for bar in drawn] == [
            (row, f"guidance {g}") for row in (0, 2, 1) for g in (1, 2)
        ]
        for bar in drawn:
            start = 6 * bar.row + 3 * (bar.setting == "guidance 2")
            scores = scores_of(found, scorer)[start : start + 3]
            assert bar.mean == pytest.approx(fmean(scores))
            assert bar.spread == pytest.approx(stdev(scores))
            assert (bar.least, bar.greatest, bar.count) == (min(scores), max(scores), 3)


def scores_of(sheet: Sheet, scorer: ScorerKind) -> Sequence[float]:
    """The scores of all cells."""
    return [cell.score(scorer) or 0.0 for cell in sheet.cells]


async def test_all_cells_are_scored_alike_in_the_end_however_the_library_moved(
    studio: StudioKit, sheets: Sheets, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    async def moving(
        self: PromptScorer, text: str, picture_ids: Sequence[int], **_: object
    ) -> dict[int, PromptScore]:
        asked.extend(picture_ids)
        match = 0.1 * len(asked) if len(asked) <= 6 else 0.8
        score = PromptScore(encoder_id="e", matcher="m", cosine=0.2, match=match)
        return dict.fromkeys(picture_ids, score)

    monkeypatch.setattr(PromptScorer, "scores", moving)
    monkeypatch.setattr("engine.sheets.job._SCORES_APART_S", 0.0)
    found = await painted(sheets)
    assert scores_of(found, ScorerKind.MATCH) == [0.8] * 6
    opened = await sheets.open(found.id)
    assert scores_of(opened, ScorerKind.MATCH) == [0.8] * 6
    again = await painted(sheets)
    # Nothing was painted: those of the cache are asked for once, and no more.
    assert len(asked) == 18 and scores_of(again, ScorerKind.MATCH) == [0.8] * 6


async def test_of_quick_cells_the_next_is_asked_for_while_one_is_painted(
    studio: StudioKit, sheets: Sheets, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most_s, together in ((5.0, 2), (0.1, 1)):
        monkeypatch.setattr("engine.sheets.job._QUICK_S", most_s)
        wide = replace(REQUEST, settings=GenerateRequest(prompt="", steps=together))
        job = await sheets.start(wide)
        await until_cells(studio, 1)
        studio.generators.gate.is_open.clear()
        for _ in range(50):
            await asyncio.sleep(0.01)
        assert studio.generators.running == together
        # Both are given up at once.
        job.cancel()
        assert isinstance(await job.wait(), JobCancelled)
        assert studio.generators.running == 0
        studio.generators.gate.is_open.set()
        studio.events.clear()


async def test_quick_cells_are_scored_together_and_none_of_them_twice_in_between(
    studio: StudioKit, sheets: Sheets, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[int]] = []
    scores = PromptScorer.scores

    async def counted(
        self: PromptScorer,
        text: str,
        picture_ids: Sequence[int],
        *,
        encoder_id: str,
        folders: tuple[Path, ...],
    ) -> dict[int, PromptScore]:
        asked.append(picture_ids)
        return await scores(self, text, picture_ids, encoder_id=encoder_id, folders=folders)

    monkeypatch.setattr(PromptScorer, "scores", counted)
    monkeypatch.setattr("engine.sheets.job._SCORES_APART_S", 600.0)
    monkeypatch.setattr("engine.sheets.job._SCORING_SHARE", 1e-9)
    wide = replace(REQUEST, axes=(read_axis("seed=1..20"),))
    found = await painted(sheets, wide)
    assert None not in [cell.score(ScorerKind.MATCH) for cell in found.cells]
    # The first one at once, the others when it is time, and all in the end, prompt by prompt.
    assert [len(ids) for ids in asked] == [1, 20, 20]


async def test_a_stopped_sheet_scores_what_it_has_stored(
    studio: StudioKit, sheets: Sheets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.sheets.job._SCORES_APART_S", 600.0)
    monkeypatch.setattr("engine.sheets.job._SCORING_SHARE", 1e-9)
    job = await sheets.start(REQUEST)
    await until_cells(studio, 4)
    job.cancel()
    assert isinstance(await job.wait(), JobCancelled)
    opened = await sheets.open(1)
    done = [cell for cell in opened.cells if cell.picture is not None]
    assert len(done) >= 3 and all(cell.score(ScorerKind.MATCH) is not None for cell in done)


async def test_rows_and_columns_sort_by_the_mean_of_either_scorer(
    studio: StudioKit, sheets: Sheets
) -> None:
    found = await painted(sheets)
    for scorer in (ScorerKind.MATCH, ScorerKind.COSINE):
        scores = scores_of(found, scorer)
        means = [fmean(scores[:3]), fmean(scores[3:])]
        best = [0, 1] if means[0] >= means[1] else [1, 0]
        assert row_order(found, scorer, Order.BEST_FIRST) == best
        across = [fmean(scores[column::3]) for column in range(3)]
        by_mean = column_order(found, scorer, Order.BEST_FIRST)
        assert [across[c] for c in by_mean] == sorted(across, reverse=True)
        assert found.best(0, scorer) == max(found.row(0), key=lambda c: c.score(scorer) or 0)
    assert row_order(found, ScorerKind.MATCH, Order.ASKED) == [0, 1]
    half = Sheet.empty(REQUEST)
    assert row_order(half, ScorerKind.MATCH, Order.BEST_FIRST) == [0, 1]
    assert half.best(0, ScorerKind.MATCH) is None and bars(half) == ()


async def test_a_jobs_request_names_the_sheet_whole(studio: StudioKit, sheets: Sheets) -> None:
    job: Job = await sheets.start(REQUEST)
    await job.wait()
    assert json.loads(job.request)["axes"] == [{"name": "seed", "values": ["1", "2", "3"]}]


async def test_cells_are_painted_together_where_there_is_room(
    studio: StudioKit, sheets: Sheets
) -> None:
    studio.generators.together = 2
    sheet = await painted(sheets)
    rows, seeds = len(REQUEST.prompts), len(REQUEST.axes[0].values)
    assert sheet.done == rows * seeds == sum(studio.generators.batches)
    assert max(studio.generators.batches) == 2, "as many as find room"
    pictures = [cell.picture for cell in sheet.cells]
    assert [p and p.seed for p in pictures] == [1, 2, 3] * rows
    colours = []
    for picture in pictures:
        assert picture is not None
        with Image.open(picture.path) as image:
            red, green, _ = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
            colours.append("red" if red > green else "green")
    assert colours == ["red"] * 3 + ["green"] * 3, "each of its own prompt"
    again = replace(REQUEST, settings=replace(REQUEST.settings, steps=3))
    prepared = await sheets.prepare(again, "")
    await (await sheets.start(prepared, SheetRun(batch=1))).wait()
    assert studio.generators.batches[-rows * seeds :] == [1] * rows * seeds, "as was asked"


async def test_cells_go_to_whichever_generator_is_free(
    studio: StudioKit, sheets: Sheets, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ColourGenerators] = []
    both = asyncio.Event()

    def made_for(settings: EngineSettings) -> ColourGenerators:
        made.append(ColourGenerators(settings))
        made[-1].gate.is_open.clear()
        if len(made) == 2:
            both.set()
        return made[-1]

    monkeypatch.setattr("engine.generation.painters.Generators", made_for)
    prepared = await sheets.prepare(REQUEST, "")
    job = await sheets.start(prepared, SheetRun(devices=("cpu:0", "cpu:1")))
    await both.wait()
    one, other = made
    await one.gate.entered.wait()
    await other.gate.entered.wait()
    assert one.running == other.running == 1, "both paint at the same time"
    other.gate.is_open.set()
    await until_cells(studio, prepared.size - 1)
    one.gate.is_open.set()
    await job.wait()
    assert (len(one.seeds), len(other.seeds)) == (1, prepared.size - 1)
    found = sheets.of_job(job.id)
    assert found is not None and found.done == prepared.size
    await studio.generation.aclose()
    assert not studio.generators.seeds


async def test_devices_of_the_settings_paint_where_none_are_named(
    studio: StudioKit, sheets: Sheets, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def made_for(settings: EngineSettings) -> ColourGenerators:
        made.append(settings.device)
        return ColourGenerators(settings)

    monkeypatch.setattr("engine.generation.painters.Generators", made_for)
    settings = replace(studio.settings, devices=("cpu:4", "cpu:5"))
    monkeypatch.setattr(studio.generation.painters, "_settings", settings)
    await (await sheets.start(await sheets.prepare(REQUEST, ""))).wait()
    assert made == ["cpu:4", "cpu:5"]
    await studio.generation.aclose()


async def test_previews_say_which_cell_they_are_of(studio: StudioKit, sheets: Sheets) -> None:
    prepared = await sheets.prepare(REQUEST, "")
    await (await sheets.start(prepared, SheetRun(previews=True))).wait()
    numbers = [event.number for event in studio.events if isinstance(event, CellPreview)]
    assert set(numbers) == set(range(prepared.size))
    assert not studio.of(JobPreview), "nobody takes them for those of a single picture"


async def test_sheets_that_were_painted_long_ago_are_not_kept_in_memory(
    studio: StudioKit, sheets: Sheets
) -> None:
    first = await sheets.start(await sheets.prepare(REQUEST, ""))
    await first.wait()
    for _ in range(25):
        await (await sheets.start(await sheets.prepare(REQUEST, ""))).wait()
    assert sheets.of_job(first.id) is None and len(sheets._works) <= 21


@pytest.mark.parametrize(
    ("text", "found"),
    [("", ()), ("0, 1", ("cuda:0", "cuda:1")), ("cpu:0,cpu:1", ("cpu:0", "cpu:1"))],
)
def test_devices_are_read_as_they_are_typed(text: str, found: tuple[str, ...]) -> None:
    assert read_devices(text) == found


@pytest.mark.parametrize("text", ["gpu", "cuda:x", "0,0", "auto"])
def test_what_is_no_device_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        read_devices(text)
