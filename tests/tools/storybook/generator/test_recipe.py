"""One command that goes from nothing to a pipeline."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from tools.storybook.generator.__main__ import WHOLE, main, scaled, stages
from tools.storybook.generator.pipeline import generate, load_pipeline

PARTS = ("tower", "unet", "decoder", "guesses")


def samples(folder: Path) -> dict[str, int]:
    """How much each part has learned from."""
    return {name: torch.load(folder / f"{name}.pt", weights_only=True)["samples"] for name in PARTS}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_one_command_trains_every_part_from_nothing_and_goes_on(
    short: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, out = tmp_path / "run", tmp_path / "out"

    def run(share: str) -> str:
        found = CliRunner().invoke(main, [str(out), "--folder", str(folder), "--share", share])
        assert found.exit_code == 0, found.output
        return found.output

    told = run("1e-9")
    assert [f"{k} of 7: " in told for k in range(1, 8)] == [True] * 7
    assert "64 of 1 pictures" in told and "48 of 1 texts" in told
    first = samples(folder)
    assert first == {"tower": 48, "unet": 64, "decoder": 4, "guesses": 4}
    pipe, options = load_pipeline(out)
    before = generate(pipe, ["a dog"], [1], options)[0]
    assert before.size == (96, 96)
    rendered = {path: path.stat().st_mtime_ns for path in (folder / "renderings").iterdir()}
    run("3e-4")
    assert samples(folder) == {"tower": 48, "unet": 128, "decoder": 8, "guesses": 4}
    assert {path: path.stat().st_mtime_ns for path in (folder / "renderings").iterdir()} == rendered
    pipe, options = load_pipeline(out)
    assert generate(pipe, ["a dog"], [1], options)[0].tobytes() != before.tobytes()


def test_every_stage_takes_the_device_and_a_share_of_the_whole(tmp_path: Path) -> None:
    assert scaled(1.0) == WHOLE
    tenth = scaled(0.1)
    assert (tenth.shards, tenth.pictures) == (3, 30_000)
    found = list(stages(tmp_path, tmp_path / "out", "cuda", tenth))
    for stage in found:
        params = stage.command.make_context("x", list(stage.options)).params
        assert params["folder"] == tmp_path
        assert params.get("device", "cuda") == "cuda"
    assert len(found) == 7
