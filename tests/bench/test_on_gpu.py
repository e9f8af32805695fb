"""The script for a GPU, at a small size on a CPU: every part, its time limit, and the report."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.gpu_parts import PARTS, TOWERS
from tests.bench.on_gpu import LIMITS_S, main, run_part


def test_every_part_measures_what_it_is_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.json"
    main(["--small", "--device", "cpu", "--limit", "60", "--out", str(out)])
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads(out.read_text())
    assert report["small"] and report["device"] == "cpu"
    parts = {name: report[name] for name in LIMITS_S}
    assert {name: part["error"] for name, part in parts.items() if "error" in part} == {}
    assert {part["state"] for part in parts.values()} == {"done"}
    figures = {name: part["figures"] for name, part in parts.items()}
    assert set(figures["encoder"]) == set(TOWERS)
    for found in figures["encoder"].values():
        assert found["pictures_a_second"] > 0 and found["bare_pictures_a_second"] > 0
    assert figures["encoder"]["ViT-B/32"]["int8_gain"] > 0
    assert figures["matcher"]["pictures"] == 20_000
    assert figures["matcher"]["times_as_fast_as_numpy"] > 0
    assert figures["matcher"]["error_in_standard_deviations"] < 0.1
    assert figures["generate"]["times_bare"] > 0
    steps = [step["what"] for step in figures["memory"]["ladder"]]
    assert steps == ["as it is", "attention in slices", "the picture decoded in tiles", "48 x 48"]
    assert all(step["peak_gb"] > 0 for step in figures["memory"]["ladder"])


def test_all_parts_together_take_less_than_ten_minutes() -> None:
    assert sum(LIMITS_S.values()) < 600
    assert set(LIMITS_S) == set(PARTS)


@pytest.mark.parametrize(
    ("code", "limit_s", "state", "error"),
    [
        ("time.sleep(60)", 3.0, "over its time", "3 s"),
        ("sys.exit('no memory')", 60.0, "failed", "no memory"),
        ("sys.exit()", 60.0, "done", ""),
    ],
)
def test_what_a_part_had_measured_is_kept_whatever_ends_it(
    monkeypatch: pytest.MonkeyPatch, code: str, limit_s: float, state: str, error: str
) -> None:
    asked: list[str] = []

    class Instead(subprocess.Popen[str]):
        def __init__(self, command: list[str], **how: Any) -> None:  # noqa: ANN401
            asked.extend(command[1:])
            begin = """import sys, time; print('figures: {"a": 1}', flush=True); """
            super().__init__([sys.executable, "-c", begin + code], **how)

    monkeypatch.setattr("subprocess.Popen", Instead)
    part = run_part("matcher", ["--small"], limit_s)
    assert asked == ["-m", "tests.bench.on_gpu", "--part", "matcher", "--small"]
    assert (part["state"], error in str(part.get("error", ""))) == (state, True)
    assert part["figures"] == {"a": 1}


def test_the_script_needs_no_more_than_the_tests_do() -> None:
    """The libraries that benches compare with are not there where tests run."""
    tree = ast.parse(Path(__file__).with_name("gpu_parts.py").read_text(encoding="utf-8"))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = sorted(name for name in found if name is not None and name.startswith("tests."))
    banned = "import sys; sys.modules.update(dict.fromkeys(('faiss', 'usearch')));"
    ran = subprocess.run(
        [sys.executable, "-c", f"{banned} import {', '.join(ours)}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
