"""A generator of the real shapes, trained for a few steps by the real scripts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.collections import BUILT_IN
from tools.storybook.renderer.render import label_map, render
from tools.storybook.renderer.shards import LABEL_SIDE, SIDE, labels_path, shard_path
from tools.storybook.sampling import sample_scene

COUNT = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """Where a short run left its files."""

    pictures: Path
    folder: Path
    generator: Path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one very small shard."""
    folder = tmp_path_factory.mktemp("pictures")
    scenes = [sample_scene(row) for row in range(COUNT)]
    rendered = np.stack([np.asarray(render(scene, SIDE, supersample=1)) for scene in scenes])
    np.save(shard_path(folder, 0), rendered, allow_pickle=False)
    labels = np.stack([label_map(scene, LABEL_SIDE) for scene in scenes])
    np.save(labels_path(folder, 0), labels, allow_pickle=False)
    return folder


@pytest.fixture(scope="session")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Both parts trained for three steps, stopped and taken up again, and exported."""
    import torch

    from tools.storybook.generator import decoder, unet, vae
    from tools.storybook.generator.pipeline import export_generator
    from tools.storybook.generator.trainer import Plan

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("generator")
    short = pytest.MonkeyPatch()
    short.setattr(vae, "WHITENED", 4)
    short.setattr(unet, "SHOWN", unet.SHOWN[:1])
    for steps in (1, 3):
        plan = Plan(folder=folder, name="vae", minutes=1, batch=2, learning_rate=1e-3, steps=steps)
        vae.train(plan, pictures)
    for steps in (1, 3):
        plan = Plan(folder=folder, name="unet", minutes=1, batch=2, learning_rate=1e-3, steps=steps)
        unet.train(plan, pictures, BUILT_IN.encoder, sheet_minutes=10)
    plan = Plan(folder=folder, name="decoder", minutes=1, batch=2, learning_rate=1e-3, steps=2)
    decoder.train(plan, pictures, BUILT_IN.encoder)
    short.undo()
    export_generator(folder, BUILT_IN.encoder, folder / "out")
    return Trained(pictures=pictures, folder=folder, generator=folder / "out")
