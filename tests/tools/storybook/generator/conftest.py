"""A generator of the real shapes, trained for a few steps by the real scripts."""

from pathlib import Path

import pytest

SHARD = 24
"""Renderings of the shards that tests make."""


@pytest.fixture(scope="session")
def short() -> pytest.MonkeyPatch:
    """Small shards and few held-out renderings."""
    from tools.storybook.generator import decoder, shards, tower, unet

    patch = pytest.MonkeyPatch()
    patch.setattr(shards, "SHARD", SHARD)
    patch.setattr(unet, "HELD_OUT", 4)
    patch.setattr(decoder, "HELD_OUT", 4)
    patch.setattr(tower, "MEASURED", (2, 2, 2))
    return patch


@pytest.fixture(scope="session")
def folder(short: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training folder with two shards, their latents and the code of these."""
    import torch
    from click.testing import CliRunner

    from tools.storybook.generator import latents, shards

    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("generator")
    for script, more in ((shards.main, ["--shards", "2"]), (latents.main, [])):
        found = CliRunner().invoke(script, ["--folder", str(made), *more])
        assert found.exit_code == 0, found.output
    return made


@pytest.fixture(scope="session")
def exported(folder: Path) -> Path:
    """Every part trained for two steps, stopped and taken up again, and exported."""
    from dataclasses import replace

    from tools.storybook.generator import decoder, tower, unet
    from tools.storybook.generator.export import export_generator
    from tools.storybook.generator.learning import Plan
    from tools.storybook.generator.pipeline import Options

    plan = Plan(folder=folder, name="tower", pictures=2, batch=2, rate=1e-4, muon=False)
    for pictures in (2, 4):
        tower.train(replace(plan, pictures=pictures))
        unet.train(replace(plan, name="unet", pictures=pictures), report_minutes=10)
        decoder.train(replace(plan, name=decoder.DECODER, pictures=pictures))
    decoder.train(replace(plan, name=decoder.GUESSES, pictures=4))
    export_generator(folder, folder / "out", Options(steps=2, width=96, height=96))
    return folder / "out"
