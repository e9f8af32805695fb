"""What is trained is what is written down, learns what it is shown, and goes on after a stop."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from numpy.typing import NDArray

from engine.scoring.matcher import read_matcher
from engine.states import FitStage
from engine.workers.fitting import FitProgress, every, measured
from engine.workers.matcher_modules import MatcherModule, TwoBranchModule
from engine.workers.pairs import TrainingPairs, as_pairs, draw, even_pairs, mine
from engine.workers.training_run import FittedModel, run

DIM, TEXTS, PICTURES = 16, 24, 60
torch.set_num_threads(1)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled.astype(np.float32)


def arrays(seed: int, *, swapped: int = 0) -> dict[str, NDArray[np.generic]]:
    """Pictures and texts agree in their first half alone; the rest is noise that misleads.

    The texts are the same whatever the seed.
    """
    fixed, random = np.random.default_rng(0), np.random.default_rng(seed + 1)
    meaning = fixed.standard_normal((TEXTS, DIM // 2))
    texts = np.hstack([meaning, 1.5 * fixed.standard_normal((TEXTS, DIM // 2))])
    owner = random.integers(0, TEXTS, PICTURES)
    near = meaning[owner] + 0.3 * random.standard_normal((PICTURES, DIM // 2))
    pictures = np.hstack([near, 1.5 * random.standard_normal((PICTURES, DIM // 2))])
    return {
        "texts": unit(texts.astype(np.float32)),
        "pictures": unit(pictures.astype(np.float32)),
        "text": owner.astype(np.int64),
        "picture": np.arange(PICTURES),
        "false": unit(random.standard_normal((swapped, DIM)).astype(np.float32)),
        "false_of": random.integers(0, PICTURES, swapped),
    }


def fit(
    checkpoint: str = "",
    kind: str = "matcher",
    epochs: int = 3,
    stop: int = 0,
    heard: list[FitProgress] | None = None,
) -> FittedModel:
    """A small training; with `stop` it is broken off after so many epochs."""

    def report(progress: FitProgress) -> None:
        if heard is not None:
            heard.append(progress)
        if progress.stage == FitStage.STEP and stop and progress.epoch == stop:
            raise KeyboardInterrupt

    held_out = arrays(2)
    return run(
        kind=kind,
        train=arrays(0, swapped=10),
        validation=arrays(1, swapped=10),
        scored=(
            held_out["texts"].astype(np.float32),
            held_out["pictures"].astype(np.float32),
        ),
        settings={"hidden": 16, "epochs": epochs, "batch": 32, "patience": 99},
        device="cpu",
        checkpoint=checkpoint,
        report=report,
    )


def average_precision(scores: NDArray[np.float32]) -> float:
    return measured(torch.from_numpy(scores), as_pairs(arrays(2), "cpu")).average_precision


def test_what_is_written_down_scores_as_what_was_trained() -> None:
    found = fit()
    weights = safetensors.numpy.save(found.arrays, {"encoder_id": "e", "report": "{}"})
    matcher = read_matcher(weights, "e")
    assert matcher.w1.shape == (16, 4 * DIM)
    held_out = arrays(2)
    columns = np.ascontiguousarray(held_out["pictures"].astype(np.float32).T)
    rows = [matcher.logits(text, columns) for text in held_out["texts"].astype(np.float32)]
    np.testing.assert_allclose(np.stack(rows), found.scores, atol=2e-3)


@pytest.mark.parametrize(("kind", "epochs"), [("matcher", 8), ("two-branch", 40)])
def test_training_finds_the_directions_that_count(kind: str, epochs: int) -> None:
    held_out = arrays(2)
    cosine = (held_out["texts"] @ held_out["pictures"].T).astype(np.float32)  # type: ignore[operator]
    assert (
        average_precision(fit(kind=kind, epochs=epochs).scores) > average_precision(cosine) + 0.05
    )


def test_a_training_that_was_stopped_goes_on_from_its_last_epoch(tmp_path: Path) -> None:
    whole = fit(str(tmp_path / "a.safetensors"), epochs=4)
    path = tmp_path / "b.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(str(path), epochs=4, stop=2)
    assert path.is_file()
    heard: list[FitProgress] = []
    resumed = fit(str(path), epochs=4, heard=heard)
    assert [each.epoch for each in heard if each.stage == FitStage.EPOCHS] == [3, 4]
    assert [each.epoch for each in heard if each.stage == FitStage.RESUMED] == [2]
    assert not [each for each in heard if each.stage == FitStage.METRIC]
    assert [each.step for each in heard][-1] == heard[-1].steps
    np.testing.assert_allclose(resumed.scores, whole.scores, atol=1e-4)
    assert not path.exists()


def test_a_damaged_checkpoint_is_started_over(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(b"nothing of the kind")
    np.testing.assert_allclose(fit(str(path)).scores, fit().scores, atol=1e-4)


def test_all_pairs_at_once_equal_pair_by_pair() -> None:
    torch.manual_seed(0)
    texts, pictures = (torch.nn.functional.normalize(torch.randn(n, DIM), dim=1) for n in (3, 5))
    for model in (MatcherModule(DIM, 8, 0.5), TwoBranchModule(DIM, 8, 0.5)):
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        with torch.no_grad():
            model.eval()
            pairs = model(texts.repeat_interleave(5, 0), pictures.repeat(3, 1)).reshape(3, 5)
            torch.testing.assert_close(every(model, texts, pictures), pairs, atol=1e-4, rtol=1e-4)


def drawn_from() -> TrainingPairs:
    return as_pairs(arrays(0, swapped=10), "cpu")


def test_mined_answers_are_wrong_and_score_highest() -> None:
    pairs = drawn_from()
    scores = pairs.texts @ pairs.pictures.T
    mined = mine(pairs, lambda texts: texts @ pairs.pictures.T)
    right = pairs.right_matrix().bool()
    for text in range(TEXTS):
        wrong = [int(p) for p in scores[text].argsort(descending=True) if not right[text, p]]
        assert mined.pictures[text].tolist() == wrong[: mined.pictures.shape[1]]


def test_a_batch_holds_right_random_mined_and_swapped_pairs() -> None:
    pairs = drawn_from()
    mined = mine(pairs, lambda texts: texts @ pairs.pictures.T)
    batch = draw(pairs, mined, torch.arange(20), torch.Generator().manual_seed(0))
    assert len(batch.label) == 20 * 7 + 10
    assert batch.label[:20].all()
    assert not batch.label[-10:].any()
    even = even_pairs(pairs, mined, seed=0)
    assert float(even.label.mean()) == pytest.approx(0.5, abs=0.02)
