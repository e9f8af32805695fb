"""The queue of jobs of which one runs at a time."""

import asyncio

from engine.jobs.jobs import JobQueue


class Line:
    """Jobs that enter the line in the order they are added, and write down when they had it."""

    def __init__(self) -> None:
        self.turns = JobQueue()
        self.had: list[int] = []
        self.gate = asyncio.Event()
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def add(self, job_id: int, priority: int = 0) -> None:
        self.tasks[job_id] = asyncio.create_task(self._run(job_id, priority))
        await asyncio.sleep(0)

    async def finish(self) -> list[int]:
        self.gate.set()
        await asyncio.wait(self.tasks.values())
        return self.had

    async def _run(self, job_id: int, priority: int) -> None:
        async with self.turns.turn(job_id, priority):
            self.had.append(job_id)
            await self.gate.wait()


async def test_turns_come_by_priority_and_then_by_arrival() -> None:
    line = Line()
    for job_id, priority in ((1, 0), (2, 0), (3, 0), (4, 5), (5, 5), (6, -1)):
        await line.add(job_id, priority)
    assert line.had == [1]
    assert line.turns.waiting == (4, 5, 2, 3, 6)
    assert await line.finish() == [1, 4, 5, 2, 3, 6]


async def test_a_person_moves_a_waiting_job_up_and_down() -> None:
    line = Line()
    for job_id in range(1, 5):
        await line.add(job_id)
    assert line.turns.move(4, -1)
    assert line.turns.waiting == (2, 4, 3)
    assert line.turns.move(2, 10)
    assert line.turns.waiting == (4, 3, 2)
    assert not line.turns.move(4, -1)
    assert not line.turns.move(1, 1)
    assert await line.finish() == [1, 4, 3, 2]


async def test_who_is_cancelled_leaves_the_line() -> None:
    line = Line()
    for job_id in range(1, 4):
        await line.add(job_id)
    line.tasks[2].cancel()
    await asyncio.sleep(0)
    assert line.turns.waiting == (3,)
    assert await line.finish() == [1, 3]


async def test_a_turn_that_comes_to_a_job_just_cancelled_goes_on_to_the_next() -> None:
    line = Line()
    for job_id in range(1, 4):
        await line.add(job_id)
    line.gate.set()
    await asyncio.sleep(0)
    assert line.turns.waiting == (3,)
    line.tasks[2].cancel()
    await asyncio.wait_for(line.tasks[3], 10)
    assert line.had == [1, 3]
    await line.add(4)
    assert (await line.finish())[-1] == 4


async def test_cancelling_all_at_once_leaves_the_line_free() -> None:
    line = Line()
    for job_id in range(1, 4):
        await line.add(job_id)
    for task in line.tasks.values():
        task.cancel()
    await asyncio.wait(line.tasks.values())
    await line.add(4)
    assert await line.finish() == [1, 4]


async def test_nobody_slips_in_between_two_turns() -> None:
    line = Line()
    await line.add(1)
    await line.add(2)
    line.tasks[1].cancel()
    await line.add(3)
    await asyncio.sleep(0)
    assert line.had == [1, 2]
    assert await line.finish() == [1, 2, 3]
