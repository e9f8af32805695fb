"""The matcher over a library equals the perceptron over the concatenation, and refuses misuse."""

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelUnusableError
from engine.results import FloatArray
from engine.scoring import perceptron as module
from engine.scoring.calibration import probability
from engine.scoring.matcher import head_of, read_matcher
from engine.states import HeadKind
from tests.engine.search.libraries import noise

DIM, HIDDEN = 16, 12


def tensors(seed: int = 0) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    shapes = {"w1": (HIDDEN, 4 * DIM), "b1": (HIDDEN,), "w2": (1, HIDDEN), "b2": (1,)}
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def saved(weights: dict[str, FloatArray], encoder_id: str = "made-up/clip") -> bytes:
    return safetensors.numpy.save(weights, {"encoder_id": encoder_id, "report": "{}"})


def plain_match(weights: dict[str, FloatArray], text: FloatArray, picture: FloatArray) -> float:
    """The formula as it is written: sigmoid(W2 ReLU(W1 [t; i; |t - i|; t * i] + b1) + b2)."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    x = np.concatenate([text, picture, np.abs(text - picture), text * picture]).astype(np.float64)
    hidden = np.maximum(w["w1"] @ x + w["b1"], 0)
    return float(1 / (1 + np.exp(-(w["w2"] @ hidden + w["b2"])[0])))


@given(st.integers(0, 500), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_the_split_over_a_library_equals_the_plain_formula(seed: int, count: int) -> None:
    weights, text, pictures = tensors(seed), noise(1, seed=seed)[0], noise(count, seed=seed + 1)
    matcher = read_matcher(saved(weights), "made-up/clip")
    found = probability(matcher.logits(text, np.ascontiguousarray(pictures.T)))
    expected = [plain_match(weights, text, picture) for picture in pictures]
    assert found == pytest.approx(expected, abs=1e-6)


def test_chunks_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    matcher = read_matcher(saved(tensors()), "made-up/clip")
    columns = np.ascontiguousarray(noise(25).T)
    whole = matcher.logits(noise(1, seed=3)[0], columns)
    monkeypatch.setattr(module, "CHUNK", 7)
    assert matcher.logits(noise(1, seed=3)[0], columns) == pytest.approx(whole, abs=1e-5)


def test_the_matcher_of_another_encoder_is_refused() -> None:
    with pytest.raises(ModelUnusableError, match="trained for made-up/clip, not for other/clip"):
        read_matcher(saved(tensors()), "other/clip")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged: it has 0 bytes"),
        (b"\0" * 8 + b"{}", "damaged: it is no JSON"),
        ((10**6).to_bytes(8, "little") + b"[" * 10**6, "nested"),
        (safetensors.numpy.save({"w1": np.ones((4, 4), np.float32)}), "no weights 'b1'"),
        (saved({**tensors(), "b2": np.array([3e38], np.float32)}), "beyond all measure"),
        (saved({**tensors(), "w1": np.full((HIDDEN, 4 * DIM), 1e30)}), "beyond all measure"),
        (saved({**tensors(), "w1": np.full((HIDDEN, 4 * DIM), 1e300)}), "not finite"),
        (safetensors.numpy.save(tensors(), {"encoder_id": "x", "pair_floor": "nan"}), "no number"),
        (safetensors.numpy.save(tensors(), {"encoder_id": "x", "pair_floor": "f"}), "damaged"),
    ],
    ids=range(9),
)
def test_a_hostile_file_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ModelUnusableError, match=reason):
        read_matcher(content, "made-up/clip")


def test_weights_without_an_encoder_are_refused() -> None:
    with pytest.raises(ModelUnusableError, match="an unnamed encoder"):
        read_matcher(safetensors.numpy.save(tensors()), "made-up/clip")


@pytest.mark.parametrize("damage", [b"", b"12345678", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"{}"])
def test_damaged_weights_are_refused(damage: bytes) -> None:
    with pytest.raises(ModelUnusableError, match="damaged"):
        read_matcher(damage, "made-up/clip")


def test_wrong_shapes_are_refused() -> None:
    weights = tensors() | {"w2": np.ones((2, HIDDEN), np.float32)}
    with pytest.raises(ModelUnusableError, match="wrong shapes"):
        read_matcher(saved(weights), "made-up/clip")


def test_numbers_that_are_not_finite_are_refused() -> None:
    weights = tensors() | {"b2": np.array([np.nan], np.float32)}
    with pytest.raises(ModelUnusableError, match="not finite"):
        read_matcher(saved(weights), "made-up/clip")


def space_arrays(kind: HeadKind, seed: int = 0) -> dict[str, FloatArray]:
    """Weights of a head with a learned space."""
    rng = np.random.default_rng(seed)
    read = 2 if kind is HeadKind.LOCAL_GLOBAL else 1
    shapes: dict[str, tuple[int, ...]] = {"scale": (1,), "bias": (1,)}
    for side, vectors in (("text", 1), ("picture", read)):
        shapes |= {
            f"{side}.gain": (vectors * DIM,),
            f"{side}.w1": (HIDDEN, vectors * DIM),
            f"{side}.b1": (HIDDEN,),
            f"{side}.w2": (DIM, HIDDEN),
            f"{side}.b2": (DIM,),
        }
    if kind is HeadKind.LOCAL_GLOBAL:
        shapes |= {f"graph0.{name}": (4, DIM) for name in ("query", "key", "value")}
        shapes |= {"graph0.out": (DIM, 4), "pool": (DIM,)}
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def saved_head(kind: HeadKind | str, weights: dict[str, FloatArray], encoder: str = "e") -> bytes:
    about = {"encoder_id": encoder, "report": "{}", "head": str(kind)}
    return safetensors.numpy.save(weights, about)


SPACES = (HeadKind.TWO_BRANCH, HeadKind.LOCAL_GLOBAL)


@pytest.mark.parametrize("kind", SPACES)
def test_a_head_is_read_by_its_kind_and_refuses_another_encoder(kind: HeadKind) -> None:
    content = saved_head(kind, space_arrays(kind))
    matcher = read_matcher(content, "e")
    assert (matcher.kind, matcher.dim, head_of(content)) == (kind, DIM, kind)
    assert set(matcher.head.arrays()) == set(space_arrays(kind))
    with pytest.raises(ModelUnusableError, match="trained for e, not for other/clip"):
        read_matcher(content, "other/clip")


@pytest.mark.parametrize("kind", SPACES)
def test_every_weight_of_a_head_is_asked_for_and_measured(kind: HeadKind) -> None:
    whole = space_arrays(kind)
    for name, array in whole.items():
        rest = {each: values for each, values in whole.items() if each != name}
        turned = np.concatenate([array, array])
        hostile = np.full_like(array, np.nan)
        for weights, reason in (
            (rest, "no weights|wrong shapes"),
            (rest | {name: turned}, "wrong shapes"),
            (rest | {name: hostile}, "not finite"),
        ):
            with pytest.raises(ModelUnusableError, match=reason):
                read_matcher(saved_head(kind, weights), "e")


@pytest.mark.parametrize("kind", SPACES)
def test_weights_beyond_all_measure_are_refused(kind: HeadKind) -> None:
    whole = space_arrays(kind)
    for name, array in whole.items():
        if name.endswith("b2"):
            continue
        with pytest.raises(ModelUnusableError, match="beyond all measure"):
            read_matcher(saved_head(kind, whole | {name: array * np.float32(1e12)}), "e")


def test_a_head_of_an_unknown_kind_is_named() -> None:
    content = saved_head("crystal-ball", space_arrays(HeadKind.TWO_BRANCH))
    with pytest.raises(ModelUnusableError, match="crystal-ball"):
        read_matcher(content, "e")
    assert head_of(content) is None
    assert head_of(b"nothing") is None


@pytest.mark.parametrize("kind", SPACES)
def test_a_space_scores_pairs_as_it_scores_a_library(kind: HeadKind) -> None:
    head = read_matcher(saved_head(kind, space_arrays(kind)), "e").head
    texts, columns = noise(9, seed=3), np.ascontiguousarray(noise(9).T)
    seen = head.see(columns)
    np.testing.assert_allclose(np.linalg.norm(seen, axis=0), 1, atol=1e-5)
    rows = np.stack([head.logits(text, seen) for text in texts])
    np.testing.assert_allclose(head.pair_logits(texts, seen), np.diagonal(rows), atol=1e-5)
