"""A disk that fills while pictures are saved."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.generation.test_crash import ROOT


def test_a_disk_that_fills_loses_no_picture_and_keeps_no_row_without_a_file(
    tmp_path: Path,
) -> None:
    mount = f"mount -t tmpfs -o size=24m none {tmp_path}"
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*own, mount], capture_output=True).returncode:
        pytest.skip("this system does not let us mount a small file system")
    script = f"{mount} && exec {sys.executable} -m tests.engine.generation.full_disk {tmp_path}"
    result = subprocess.run([*own, script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["first"] == "JobFinished"
    assert "No room left on the disk" in found["message"]
    assert "The picture itself is in" in found["hint"]
    assert found["rows"] == found["whole"] == 1
    assert (found["partial"], found["damage"]) == (0, "")
    assert found["freed"] == "JobFinished"
    Path(found["hint"].split(" is in ")[1].rstrip(".")).unlink()
