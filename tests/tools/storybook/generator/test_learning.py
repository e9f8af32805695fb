"""Training runs that are stopped and taken up again."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tools.storybook.generator.learning import Learner, Plan, make_optimizers, open_learner, rate_at


def network() -> nn.Module:
    """A small network with a matrix for each optimiser."""
    torch.manual_seed(3)
    return nn.ModuleDict({"conv_in": nn.Linear(4, 8), "inner": nn.Linear(8, 4)})


def go_on(plan: Plan) -> Learner:
    """Learn until the plan is done, and write the checkpoint."""
    learner = open_learner(plan, network(), {})
    while not learner.over:
        rng = learner.random()
        x = torch.from_numpy(rng.standard_normal((plan.batch, 4))).float() + torch.randn(1)
        layers = learner.module
        loss = (layers["inner"](layers["conv_in"](x)) - x).square().mean()  # type: ignore[index]
        learner.learn(loss)
    learner.save()
    return learner


@pytest.mark.parametrize("muon", [True, False])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(tmp_path: Path, muon: bool) -> None:
    plan = Plan(folder=tmp_path / "a", name="x", pictures=40, batch=4, rate=1e-2, muon=muon)
    # A level rate, since the length that is planned decides when it falls.
    plan = replace(plan, level_share=1.0)
    whole = go_on(plan)
    first = go_on(replace(plan, folder=tmp_path / "b", pictures=16))
    assert (first.step, first.samples) == (4, 16)
    second = go_on(replace(plan, folder=tmp_path / "b"))
    assert (second.step, second.samples) == (10, 40)
    for name, value in whole.averages.values.items():
        assert torch.equal(value, second.averages.values[name]), name


def test_the_time_for_now_ends_a_run_with_its_checkpoint(tmp_path: Path) -> None:
    plan = Plan(folder=tmp_path, name="x", pictures=40, batch=4, rate=1e-2, minutes=0.0)
    learner = go_on(plan)
    assert learner.samples == 0 and (tmp_path / "x.pt").exists()


def test_muon_moves_the_matrices_inside_alone(tmp_path: Path) -> None:
    plan = Plan(folder=tmp_path, name="x", pictures=4, batch=4, rate=1e-2)
    layers = network()
    muon, adam = make_optimizers(layers, plan)
    inner = dict(layers.named_parameters())
    assert [id(p) for p in muon.param_groups[0]["params"]] == [id(inner["inner.weight"])]
    assert len(adam.param_groups[0]["params"]) == 3
    assert len(make_optimizers(layers, replace(plan, muon=False))) == 1


def test_the_rate_warms_up_stays_and_falls(tmp_path: Path) -> None:
    plan = Plan(folder=tmp_path, name="x", pictures=4, batch=4, rate=1.0, level_share=0.5)
    assert rate_at(0.0, 0, plan) == pytest.approx(0.01)
    assert rate_at(0.4, 500, plan) == 1.0
    assert rate_at(0.75, 500, plan) == pytest.approx(0.51)
    assert rate_at(1.0, 500, plan) == pytest.approx(0.02)
