"""Losses over batches equal those that are written out pair by pair."""

import math

import pytest
import torch
from torch import Tensor

from engine.states import HeadKind
from engine.workers.losses import ANGLE, LOSSES, MARGIN, RightRows, triangle, triplet
from engine.workers.matcher_modules import HeadModule, new_module
from engine.workers.pairs import TrainingPairs, mine
from engine.workers.space_modules import SpaceModule

DIM = 8


def unit(count: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(count, DIM), dim=1)


def data(*, false: int = 3) -> TrainingPairs:
    """Five texts, six pictures; the second text is right for two of them, the last for none."""
    torch.manual_seed(1)
    return TrainingPairs(
        texts=unit(5),
        pictures=unit(6),
        text=torch.tensor([0, 1, 1, 2, 3]),
        picture=torch.tensor([0, 1, 2, 2, 4]),
        false=unit(false),
        false_of=torch.arange(false) + 1,
    )


def module(kind: HeadKind = HeadKind.TWO_BRANCH) -> HeadModule:
    torch.manual_seed(2)
    made = new_module(kind, DIM, 8, 0.0)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


def given(pairs: TrainingPairs, rows: list[int]) -> RightRows:
    mined = mine(pairs, lambda texts: texts @ pairs.pictures.T)
    random = torch.Generator().manual_seed(0)
    return RightRows(pairs=pairs, rows=torch.tensor(rows), mined=mined, random=random)


@torch.no_grad()
def plain(model: HeadModule, asked: RightRows, *, with_angles: bool) -> float:
    """The formulas of the module's docstring."""
    pairs = asked.pairs
    seen = model.see(pairs.pictures)
    scores = model.similarity(pairs.texts, seen)
    false = model.similarity(pairs.false, seen)
    right = {(int(t), int(p)) for t, p in zip(pairs.text, pairs.picture, strict=True)}
    met = [(int(pairs.text[row]), int(pairs.picture[row])) for row in asked.rows]
    texts, pictures = ({pair[side] for pair in met} for side in (0, 1))
    total = 0.0
    for t, p in met:
        own = float(scores[t, p])
        n = [float(scores[t, q]) for q in pictures if (t, q) not in right]
        u = [float(scores[v, p]) for v in texts if (v, p) not in right]
        u += [float(false[k, p]) for k, q in enumerate(pairs.false_of) if int(q) == p]
        total += sum(max(0.0, MARGIN - own + max(some)) for some in (n, u) if some)
        if with_angles:
            assert isinstance(model, SpaceModule)
            read = model.read(pairs.texts)
            middle = (read[t] + seen[p]) / 2
            own_texts = {
                v for v in texts if any((v, q) in right and (t, q) in right for q in pictures)
            }
            own_pictures = {
                q for q in pictures if any((v, q) in right and (v, p) in right for v in texts)
            }
            for others in (
                [seen[q] for q in pictures - own_pictures],
                [read[v] for v in texts - own_texts],
            ):
                side = float((read[t] - seen[p]).square().sum())
                near = min(float((each - middle).square().sum()) for each in others)
                total += max(0.0, side - 4 * math.tan(ANGLE) ** 2 * near)
    return total / len(met)


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [4, 0, 3], [2, 1, 0]])
def test_the_hardest_wrong_answers_of_a_batch_are_found(rows: list[int]) -> None:
    for kind in HeadKind:
        model, asked = module(kind), given(data(), rows)
        expected = plain(model, asked, with_angles=False)
        assert triplet(model, asked).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [4, 0, 3], [2, 1, 0]])
def test_the_angle_is_that_of_the_triangle(rows: list[int]) -> None:
    model, asked = module(), given(data(), rows)
    expected = plain(model, asked, with_angles=True)
    assert expected > plain(model, asked, with_angles=False)
    assert triangle(model, asked).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("rows", "false"), [([0], 0), ([1, 2], 0), ([1, 2], 3)])
def test_a_batch_without_a_wrong_answer_is_no_trouble(
    loss: str, rows: list[int], false: int
) -> None:
    model = module().train()
    value = LOSSES[loss](model, given(data(false=false), rows))
    value.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(value.item())
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    assert all(bool(torch.isfinite(each).all()) for each in gradients)


def test_a_head_without_a_space_has_no_triangles() -> None:
    with pytest.raises(TypeError, match="no space"):
        triangle(module(HeadKind.MLP), given(data(), [0, 1]))
