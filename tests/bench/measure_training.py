"""Where the time of `t2itui train storybook` goes, and how near the shipped matcher it comes.

    python -m tests.bench.measure_training [DRAWN] [--again]

CPU seconds are those of the program and of every process that it starts, by what the program said
it was doing at the time and by process; they are sampled four times a second, and the total beside
them comes from getrusage, children included. `--again` trains a second time in the same home, which
shows what a run costs that finds its scenes drawn. Wall seconds mean little on a machine that does
other work.

Measured on an AMD EPYC, on less than half of one busy core: 194 CPU seconds in 507 s; 57 in 92 s
when the scenes were drawn before. Drawing took 79, embedding what was drawn 45, the gallery's texts
5, fitting 41, the report 10, starting the trainer 8, the program itself the rest. On held-out
scenes the matcher's AUC of true over swapped captions was 0.989 in English and 0.987 in Chinese
(the shipped one's: 0.990 and 0.988), the first of 1,000 pictures was right for 0.985 of the level-2
captions in both (0.985), 0.973 of the queries were routed right (0.977), the calibration error was
0.016 (0.013).

Each process keeps to one core. With two threads in the encoder's beside two processes that draw,
the threads waited for each other by spinning: 240 pictures took 2 seconds by one, over a minute by
two.
"""

import asyncio
import os
import resource
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import psutil

from engine.engine import Engine
from engine.events import JobEvent, JobProgress
from engine.settings import EngineSettings
from engine.training.report import TrainingReport
from engine.training.request import TrainRequest

INTERVAL_S = 0.25


class Meter:
    """Adds up the CPU seconds of this process and those below it, by stage and by process."""

    def __init__(self) -> None:
        self.stage = "starting"
        self.spent: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.wall: defaultdict[str, float] = defaultdict(float)
        self._seen: dict[int, float] = {}
        self._names: dict[int, str] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Meter":
        # What this process spent before is no part of it.
        self._seen[os.getpid()] = time.process_time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def hear(self, event: JobEvent) -> None:
        """Take note of the stage."""
        if isinstance(event, JobProgress):
            self.stage = event.stage

    def _watch(self) -> None:
        own = psutil.Process()
        at = time.perf_counter()
        while not self._done.wait(INTERVAL_S):
            now = time.perf_counter()
            self.wall[self.stage] += now - at
            at = now
            for process in (own, *own.children(recursive=True)):
                self._add(process, own.pid)

    def _add(self, process: psutil.Process, own: int) -> None:
        try:
            times = process.cpu_times()
            if self._names.get(process.pid, "starting") == "starting":
                self._names[process.pid] = "program" if process.pid == own else _name(process)
        except psutil.NoSuchProcess:
            return
        spent = times.user + times.system
        self.spent[self.stage, self._names[process.pid]] += spent - self._seen.get(process.pid, 0.0)
        self._seen[process.pid] = spent


def _name(process: psutil.Process) -> str:
    """The module that a process of the program runs, without its package."""
    named = (word for word in process.cmdline() if word.startswith("engine."))
    return next(named, "starting").rpartition(".")[2]


def _cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


async def train(home: Path, drawn: int | None) -> tuple[Meter, TrainingReport]:
    request = TrainRequest(data="storybook", force=True)
    if drawn is not None:
        request = TrainRequest(data="storybook", force=True, drawn=drawn)
    with Meter() as meter:
        async with Engine.open(EngineSettings(home=home)) as engine:
            await engine.collection.prepare()
            engine.jobs.subscribe(meter.hear)
            job = engine.train(request)
            end = await job.wait()
            found = engine.training.of_job(job.id)
    assert found is not None, end
    return meter, found.report


def show(meter: Meter, report: TrainingReport, cpu: float, wall: float) -> None:
    print(f"{cpu:.0f} CPU seconds (getrusage), {wall:.0f} s")
    stages = sorted(meter.wall, key=lambda stage: -sum(_of(meter, stage).values()))
    for stage in stages:
        shares = _of(meter, stage)
        largest = sorted(shares.items(), key=lambda share: -share[1])
        parts = ", ".join(f"{name} {spent:.1f}" for name, spent in largest if spent)
        print(f"  {stage}: {sum(shares.values()):.1f} CPU s, {meter.wall[stage]:.1f} s ({parts})")
    print(f"{report.pictures} pictures, {report.texts} texts, {report.epochs} epochs")
    print(f"{'held-out scenes':28} {'match':>7} {'shipped':>7} {'cosine':>7}")
    for figure in report.scenes:
        cells = (figure.match, figure.shipped, figure.cosine)
        print(f"{figure.name:28}", *("      -" if v is None else f"{v:7.3f}" for v in cells))
    for swap in report.swaps:
        print(swap.scorer, "AUC over swapped captions", swap.auc.value)
    for routing in report.routing:
        print(routing.scorer, routing.at)
    for calibration in report.calibration:
        print(calibration.scorer, "calibration error", calibration.error)


def _of(meter: Meter, stage: str) -> dict[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for (where, name), spent in meter.spent.items():
        if where == stage:
            found[name] += spent
    return found


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2 if "--again" in sys.argv else 1):
            before, began = _cpu(), time.perf_counter()
            meter, report = asyncio.run(train(Path(folder), numbers[0] if numbers else None))
            show(meter, report, _cpu() - before, time.perf_counter() - began)


if __name__ == "__main__":
    main()
