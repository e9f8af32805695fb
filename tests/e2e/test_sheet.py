"""The storybook's example sheet in the shell, on a fresh home and with its own models."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COMMAND = [sys.executable, "-m", "t2itui", "sheet"]
EXAMPLE = ("--example", "storybook", "--axis", "seed=1,2,3", "--in", "storybook", "--json")
CELLS, BEFORE_THE_KILL = 30, 4


def lines_of(text: str) -> list[dict[str, object]]:
    """JSON lines; a kill may cut the last one."""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def cells_told(lines: Sequence[str]) -> dict[object, dict[str, object]]:
    """What was said last of each cell; of some it is said twice, with their scores."""
    found = [line for line in lines_of("".join(lines)) if line["type"] == "cell_done"]
    return {line["cell"]: line for line in found}


def test_after_a_kill_only_the_rest_of_the_example_is_painted(tmp_path: Path) -> None:
    environment = {**os.environ, "T2ITUI_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    seen: list[str] = []
    with subprocess.Popen(
        [*COMMAND, *EXAMPLE], stdout=subprocess.PIPE, text=True, env=environment
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            seen.append(line)
            if len(cells_told(seen)) == BEFORE_THE_KILL:
                program.send_signal(signal.SIGKILL)
                break
        seen += program.stdout.readlines()
        program.wait(timeout=60)
    done = [*cells_told(seen).values()]
    assert BEFORE_THE_KILL <= len(done) < CELLS
    assert not any(line["cached"] for line in done)

    pictures = tmp_path / "sheet.json"
    again = subprocess.run(
        [*COMMAND, *EXAMPLE, "--export", str(pictures)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    lines = lines_of(again.stdout)
    head = next(line for line in lines if line["type"] == "sheet")
    told = [line for line in lines if line["type"] == "cell_done"]
    cells = list({line["cell"]: line for line in told}.values())
    kept = [line for line in cells if line["cached"]]
    # A picture may have been stored in the moment before the kill, and not have been told of.
    assert len(done) <= len(kept) <= len(done) + 1
    assert (head["cells"], head["to_paint"]) == (CELLS, CELLS - len(kept))
    assert {line["path"] for line in done} <= {line["path"] for line in kept}
    assert all(Path(str(line["path"])).is_file() for line in cells)
    assert str(lines[-1]["message"]).startswith(f"painted {CELLS - len(kept)} of {CELLS} cells")

    bars = [line for line in lines if line["type"] == "bar" and line["scorer"] == "match"]
    found = json.loads(pictures.read_text(encoding="utf-8"))
    assert [bar["mean"] for bar in bars] == [bar["mean"] for bar in found["bars"]]
    for row, bar in enumerate(found["bars"]):
        scores = [cell["match"] for cell in found["cells"][3 * row : 3 * row + 3]]
        assert abs(bar["mean"] - sum(scores) / 3) < 1e-9
    groups = ["basic", "nested", "conflicting", "abstract style", "metaphor"]
    assert [bar["group"] for bar in found["bars"]] == [name for name in groups for _ in range(2)]


def test_two_devices_paint_the_pictures_of_one(tmp_path: Path) -> None:
    asked = (
        "a red horse",
        "a white cat",
        "--axis",
        "seed=1,2",
        "--steps",
        "4",
        "--in",
        "storybook",
    )
    pictures: list[dict[str, NDArray[np.uint8]]] = []
    for name, options in ("one", ()), ("two", ("--devices", "cpu:0,cpu:1")):
        home = tmp_path / name
        environment = {**os.environ, "T2ITUI_HOME": str(home), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*COMMAND, *asked, *options, "--json"],
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found = [line for line in lines_of(done.stdout) if line["type"] == "cell"]
        pictures.append({})
        for cell in found:
            with Image.open(str(cell["path"])) as image:
                pictures[-1][f"{cell['prompt']} {cell['seed']}"] = np.asarray(image)
    logs = {path.name for path in (tmp_path / "two" / "logs").glob("generator*")}
    assert logs == {"generator-cpu-0.log", "generator-cpu-1.log"}
    one, two = pictures
    assert len(one) == 4 and one.keys() == two.keys()
    for name, pixels in one.items():
        np.testing.assert_array_equal(two[name], pixels)
