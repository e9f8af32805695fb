"""What the program does on a GPU, at the sizes of real models with random weights, in ten minutes.

    python -m tests.bench.on_gpu [--small] [--parts encoder matcher ...] [--out report.json]

Each part runs in a process of its own and has a time limit of its own, so that a slow one does not
eat the time of the rest; with all of them at their limits the script ends after nine and a half
minutes. The report is one JSON object, written anew after each part and printed at the end.
`--small` takes small sizes, for a CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from engine.models.devices import see_only
from tests.bench.gpu_parts import PARTS

LIMITS_S = {"encoder": 170.0, "matcher": 120.0, "generate": 160.0, "memory": 120.0}
"""How long each part may take, in the order in which they run."""
_LINE = "figures: "


def run_part(name: str, arguments: Sequence[str], limit_s: float) -> dict[str, object]:
    """Run a part in a process; what came of it, whatever became of the process."""
    command = [sys.executable, "-m", "tests.bench.on_gpu", "--part", name, *arguments]
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        said, complaint = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, complaint = process.communicate()
        return _part("over its time", began, said, f"ended after {limit_s:g} s")
    if process.returncode:
        words = [line for line in complaint.splitlines() if line.strip()]
        return _part("failed", began, said, words[-1] if words else f"exit {process.returncode}")
    return _part("done", began, said)


def _part(state: str, began: float, said: str, error: str = "") -> dict[str, object]:
    """What is reported of a part; what it had measured by its end is kept."""
    found: dict[str, object] = {}
    for line in said.splitlines():
        if line.startswith(_LINE):
            found |= json.loads(line.removeprefix(_LINE))
    part = {"state": state, "seconds": round(time.monotonic() - began, 1), "figures": found}
    return {**part, "error": error} if error else part


def say(**figures: object) -> None:
    """Report some figures of a part as soon as they are known."""
    sys.stdout.write(_LINE + json.dumps(figures) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts one after the other, or one of them here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="small sizes, for a CPU")
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:1, cpu ...")
    parser.add_argument("--parts", nargs="+", choices=list(LIMITS_S), default=list(LIMITS_S))
    parser.add_argument("--out", type=Path, help="also write the report there")
    parser.add_argument("--limit", type=float, help="seconds for each part, instead of its own")
    parser.add_argument("--part", choices=list(LIMITS_S), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.part is not None:
        with tempfile.TemporaryDirectory() as folder:
            work = PARTS[asked.part]
            asyncio.run(work(Path(folder), see_only(asked.device), asked.small, say))
        return
    passed_on = ["--device", asked.device, *(["--small"] if asked.small else [])]
    report: dict[str, object] = {"small": asked.small, "device": asked.device}
    for name in asked.parts:
        print(f"{name} ...", file=sys.stderr, flush=True)
        report[name] = run_part(name, passed_on, asked.limit or LIMITS_S[name])
        if asked.out is not None:
            asked.out.write_text(json.dumps(report, indent=2))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
