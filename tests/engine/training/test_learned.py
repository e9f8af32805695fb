"""What is trained is what is written down, learns what it is shown, and goes on after a stop."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from numpy.typing import NDArray

from engine.scoring import heads
from engine.scoring.heads import HEADS
from engine.scoring.matcher import about_matcher, read_matcher
from engine.states import FitStage, HeadKind, LossKind
from engine.workers import losses
from engine.workers.fitting import FitProgress, measured
from engine.workers.matcher_modules import HeadModule, new_module
from engine.workers.pairs import TrainingPairs, as_pairs, draw, even_pairs, mine
from engine.workers.training_run import FittedModel, run

DIM, TEXTS, PICTURES = 16, 24, 60
torch.set_num_threads(1)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled.astype(np.float32)


def arrays(seed: int, *, swapped: int = 0, patches: int = 0) -> dict[str, NDArray[np.generic]]:
    """Pictures and texts agree in their first half alone; the rest is noise that misleads.

    The texts are the same whatever the seed. One of the patches has the text of its picture.
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
        "states": patch_states(random, texts[owner], patches),
    }


def patch_states(
    random: np.random.Generator, texts: NDArray[np.float64], patches: int
) -> NDArray[np.float16]:
    """The text of each picture in all of its patches, below noise."""
    states = texts[:, None] + 1.2 * random.standard_normal((len(texts), patches, DIM))
    return unit(states.reshape(-1, DIM).astype(np.float32)).reshape(states.shape).astype(np.float16)


def fit(
    checkpoint: str = "",
    head: str = "mlp",
    loss: str = "bce",
    epochs: int = 3,
    stop: int = 0,
    heard: list[FitProgress] | None = None,
    patches: int = 0,
) -> FittedModel:
    """A small training; with `stop` it is broken off after so many epochs."""

    def report(progress: FitProgress) -> None:
        if heard is not None:
            heard.append(progress)
        if progress.stage == FitStage.STEP and stop and progress.epoch == stop:
            raise KeyboardInterrupt

    return run(
        head=head,
        loss=loss,
        train=arrays(0, swapped=10, patches=patches),
        validation=arrays(1, swapped=10, patches=patches),
        settings={"hidden": 16, "epochs": epochs, "batch": 32, "patience": 99},
        device="cpu",
        checkpoint=checkpoint,
        report=report,
    )


def scores(found: FittedModel, head: str = "mlp", patches: int = 0) -> NDArray[np.float32]:
    """Of the held-out texts and pictures, by the head as it was written down."""
    held_out = arrays(2, patches=patches)
    columns = np.ascontiguousarray(held_out["pictures"].astype(np.float32).T)
    written = HEADS[HeadKind(head)].read(found.arrays)
    seen = written.see(columns, held_out["states"].astype(np.float16))
    rows = [written.logits(text, seen) for text in held_out["texts"].astype(np.float32)]
    return np.stack(rows)


def average_precision(scores: NDArray[np.float32]) -> float:
    return measured(torch.from_numpy(scores), as_pairs(arrays(2), "cpu")).average_precision


def module(kind: HeadKind, seed: int = 0) -> HeadModule:
    """A head whose weights all matter."""
    torch.manual_seed(seed)
    made = new_module(kind, DIM, 8, 0.5)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    made.eval()
    return made


@pytest.mark.parametrize("patches", [0, 5])
@pytest.mark.parametrize("kind", HEADS)
def test_what_is_written_down_scores_as_what_was_trained(kind: HeadKind, patches: int) -> None:
    model = module(kind)
    weights = safetensors.numpy.save(
        model.weights(2.0, -1.0), about_matcher("e", "{}", knows_false_texts=False, head=kind)
    )
    head = read_matcher(weights, "e").head
    held_out = as_pairs(arrays(2, patches=patches), "cpu")
    if held_out.states is not None:
        held_out.states[3] = 0
    with torch.no_grad():
        all_seen = model.see(held_out.pictures, held_out.states)
        expected = 2 * model.every(held_out.texts, all_seen) - 1
    texts, columns = held_out.texts.numpy(), np.ascontiguousarray(held_out.pictures.numpy().T)
    seen = head.see(columns, None if held_out.states is None else held_out.states.numpy())
    rows = np.stack([head.logits(text, seen) for text in texts])
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-5)
    pairs = head.pair_logits(texts, np.ascontiguousarray(seen[:, :TEXTS]))
    np.testing.assert_allclose(pairs, np.diagonal(rows), rtol=1e-5, atol=1e-5)


TRAINED = [
    (str(kind), str(loss), 8 if kind is HeadKind.MLP else 30)
    for kind, entry in HEADS.items()
    for loss in entry.losses
]


@pytest.mark.parametrize(("head", "loss", "epochs"), TRAINED)
def test_training_finds_the_directions_that_count(head: str, loss: str, epochs: int) -> None:
    held_out = arrays(2)
    cosine = (held_out["texts"] @ held_out["pictures"].T).astype(np.float32)  # type: ignore[operator]
    found = average_precision(scores(fit(head=head, loss=loss, epochs=epochs), head))
    assert found > average_precision(cosine) + 0.05


def test_patches_are_learned_from_where_embeddings_say_less() -> None:
    head = str(HeadKind.LOCAL_GLOBAL)
    found = fit(head=head, epochs=30, patches=6)
    with_patches = average_precision(scores(found, head, 6))
    assert with_patches > average_precision(scores(found, head)) + 0.05


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_that_has_learned_nothing_ranks_as_cosine(kind: HeadKind) -> None:
    model, held_out = new_module(kind, DIM, 8, 0.5), as_pairs(arrays(2), "cpu")
    model.eval()
    with torch.no_grad():
        found = model.similarity(held_out.texts, model.see(held_out.pictures))
    cosine = held_out.texts @ held_out.pictures.T
    assert (found.argsort(dim=1) == cosine.argsort(dim=1)).float().mean() > 0.99


def test_all_heads_have_a_module_and_all_losses_a_function() -> None:
    assert {loss for entry in HEADS.values() for loss in entry.losses} == set(losses.LOSSES)
    assert set(heads.LOSSES) == set(losses.LOSSES) == set(LossKind)
    assert set(HEADS) == set(HeadKind)


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
    np.testing.assert_allclose(scores(resumed), scores(whole), atol=1e-4)
    assert not path.exists()


def test_a_damaged_checkpoint_is_started_over(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(b"nothing of the kind")
    np.testing.assert_allclose(scores(fit(str(path))), scores(fit()), atol=1e-4)


@pytest.mark.parametrize("kind", HEADS)
def test_all_pairs_at_once_equal_pair_by_pair(kind: HeadKind) -> None:
    texts, pictures = (torch.nn.functional.normalize(torch.randn(n, DIM), dim=1) for n in (3, 5))
    model = module(kind)
    with torch.no_grad():
        seen, one_by_one = model.see(pictures), texts.repeat_interleave(5, 0)
        for every, pairs in (
            (model.every, model.pairs),
            (model.similarity, model.pair_similarity),
        ):
            listed = pairs(one_by_one, seen.repeat(3, 1)).reshape(3, 5)
            torch.testing.assert_close(every(texts, seen), listed, atol=1e-4, rtol=1e-4)


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
