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

FLOOR = ["-c", "import numpy, sqlite_utils"]
COMMANDS = {
    "import numpy, sqlite_utils": FLOOR,
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
    columns = [("wall", statistics.median, 0), ("best", min, 0), ("processor, best", min, 1)]
    print(f"ms, {repeats} runs each{'':20}" + "".join(f"{name:>24}" for name, _, _ in columns))
    floor = found["import numpy, sqlite_utils"]
    for name, times in found.items():
        cells = ""
        for _, over, place in columns:
            value = over([each[place] for each in times])
            cells += f"{value:15.0f} {value / over([each[place] for each in floor]):7.2f}x"
        print(f"{name:36}{cells}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
