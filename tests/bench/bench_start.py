"""What a search takes that a receipt answers, against importing numpy and sqlite-utils alone.

Run it as `python -m tests.bench.bench_start [REPEATS]`. The commands take turns in the same run,
each in a fresh interpreter. Both libraries are needed to open the cache, so that is the floor; on a
machine with other work read the processor time.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = {
    "import numpy, sqlite_utils": ["-c", "import numpy, sqlite_utils"],
    "python -c pass": ["-c", "pass"],
    "t2itui --help": ["-m", "t2itui", "--help"],
    "t2itui search, from its receipt": ["-m", "t2itui", "search", "a red horse"],
}


def run(arguments: list[str], home: str) -> tuple[float, float]:
    """Milliseconds on the clock and of the processor that an interpreter takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "T2ITUI_HOME": home},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1000 * wall, 1000 * spent


def main(repeats: int) -> None:
    """Measure all in turns and print medians, minima and their ratios."""
    # Bytecode is written by the first run, which a setting would forbid.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as home:
        for turn in range(repeats + 1):
            for name, arguments in COMMANDS.items():
                times = run(arguments, home)
                if turn:
                    found[name].append(times)
    heads = ("wall", "best", "processor, best")
    print(f"ms, {repeats} runs each{'':20}" + "".join(f"{head:>24}" for head in heads))

    def summed_up(name: str) -> tuple[float, float, float]:
        wall, spent = zip(*found[name], strict=True)
        return statistics.median(wall), min(wall), min(spent)

    floor = summed_up("import numpy, sqlite_utils")
    for name in COMMANDS:
        values = zip(summed_up(name), floor, strict=True)
        print(f"{name:36}" + "".join(f"{ms:15.0f} {ms / least:7.2f}x" for ms, least in values))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
