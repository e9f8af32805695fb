"""A training run in small: it learns, is interrupted, goes on; its export loads as a CLIPModel."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tools.storybook.encoder import train
from tools.storybook.encoder.batches import batches
from tools.storybook.encoder.folder import EncoderFolder, export_encoder
from tools.storybook.encoder.network import Shape, embed_texts
from tools.storybook.encoder.tokenizer import train_tokenizer
from tools.storybook.encoder.train import (
    Plan,
    open_run,
    save_run,
    train_step,
    warm_up_heads,
)
from tools.storybook.optimising import learning_rate_factor, load_checkpoint
from tools.storybook.renderer import shards

SMALL = Shape(vision_width=64, vision_layers=1, text_width=64, text_layers=1, joint=32)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A folder with one small shard and a small tokenizer."""
    torch.set_num_threads(1)
    monkeypatch.setattr(shards, "SHARD", 24)
    monkeypatch.setattr("tools.storybook.encoder.batches.SHARD", 24)
    (tmp_path / "pictures").mkdir()
    shards.render_shard(tmp_path / "pictures", 0)
    train_tokenizer(60).save_pretrained(tmp_path / "tokenizer")
    return Plan(folder=tmp_path, minutes=1.0, batch=12, learning_rate=1e-3)


def test_a_run_learns_is_interrupted_and_goes_on_where_it_was(plan: Plan) -> None:
    run = open_run(plan, SMALL)
    source = batches(plan.folder / "pictures", plan.batch, seed=0)
    totals = [train_step(run, next(source)).total.item() for _ in range(12)]
    assert np.mean(totals[-3:]) < 0.9 * np.mean(totals[:3])
    save_run(run, plan.folder)
    resumed = open_run(plan, SMALL)
    assert (resumed.step, resumed.pictures) == (12, 144)
    for key, value in run.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key])
    for mine, theirs in zip(run.optimizers, resumed.optimizers, strict=True):
        assert mine.state_dict()["state"].keys() == theirs.state_dict()["state"].keys()
    batch = next(source)
    resumed.random.set_state(run.random.get_state())
    expected = train_step(run, batch).total.item()
    assert train_step(resumed, batch).total.item() == pytest.approx(expected, rel=1e-4)


def test_a_run_without_a_checkpoint_starts_from_exported_weights_and_settles_its_heads(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "HEADS_STEPS", 2)
    first = open_run(plan, SMALL)
    source = batches(plan.folder / "pictures", plan.batch, seed=0)
    train_step(first, next(source))
    save_run(first, plan.folder)
    export_encoder(plan.folder, tmp_path / "out", SMALL)
    (plan.folder / "encoder.pt").unlink()
    run = open_run(replace(plan, start=tmp_path / "out"), SMALL)
    assert run.is_taken_over and (run.step, run.pictures) == (1, 12)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    for name, value in first.averages.values.items():
        assert torch.allclose(before[name], value, atol=2e-3)
    heads = run.heads.read.weight.clone()
    warm_up_heads(run, source)
    assert not torch.equal(heads, run.heads.read.weight)
    for name, value in run.model.state_dict().items():
        if name != "logit_scale":
            assert torch.equal(value, before[name])
    assert all(p.requires_grad for p in run.model.parameters())


def test_an_exported_encoder_loads_through_the_program_and_agrees(
    plan: Plan, tmp_path: Path
) -> None:
    run = open_run(plan, SMALL)
    save_run(run, plan.folder)
    export_encoder(plan.folder, tmp_path / "out", SMALL)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["languages"] == ["en", "zh"]
    assert config["text_config"]["eos_token_id"] == 1
    loaded = EncoderFolder(tmp_path / "out")
    vectors = loaded.embed_texts(["a brown horse eating grass", "一匹棕色的马在吃草"])
    run.model.train(False)
    mine = embed_texts(
        run.model, run.tokenizer, ["a brown horse eating grass", "一匹棕色的马在吃草"]
    )
    assert (vectors * mine).sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-3)
    image = Image.new("RGB", (200, 120), (200, 30, 40))
    assert np.linalg.norm(loaded.embed_pictures([image]), axis=1) == pytest.approx([1.0], abs=1e-5)


def test_without_a_checkpoint_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "encoder.pt") is None


def test_the_rate_warms_up_stays_and_falls() -> None:
    def factor(share: float, step: int) -> float:
        return learning_rate_factor(share, step, warm_up=60, falls_from=0.65)

    assert factor(0.0, 0) < 0.05
    assert factor(0.1, 1000) == factor(0.6, 5000) == 1.0
    assert factor(1.0, 9000) == pytest.approx(0.02)


def test_a_finished_shard_is_kept(plan: Plan) -> None:
    path = shards.shard_path(plan.folder / "pictures", 0)
    before = path.stat().st_mtime_ns
    shards.render_shard(plan.folder / "pictures", 0)
    assert path.stat().st_mtime_ns == before
    assert list(shards.finished_shards(plan.folder / "pictures")) == [0]


def test_training_stops_after_its_minutes_and_leaves_a_checkpoint(plan: Plan) -> None:
    short = Plan(folder=plan.folder, minutes=0.0, batch=4, learning_rate=1e-3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "report", lambda run, folder: {"step": run.step})
        train.train(short, SMALL)
    assert (plan.folder / "encoder.pt").exists()
