"""Matchers of random weights, for what does not depend on how well they do."""

import numpy as np
import safetensors.numpy


def random_matcher(
    encoder_id: str, dim: int, hidden: int = 8, seed: int = 0, report: str = "{}"
) -> bytes:
    """A whole safetensors file."""
    random = np.random.default_rng(seed)
    shapes = {"w1": (hidden, 4 * dim), "b1": (hidden,), "w2": (1, hidden), "b2": (1,)}
    arrays = {
        name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()
    }
    return safetensors.numpy.save(arrays, {"encoder_id": encoder_id, "report": report})


def two_branch_matcher(encoder_id: str, dim: int, bias: float = 0.0, report: str = "{}") -> bytes:
    """A whole file of a head whose branches change the embeddings little, so that it does well."""
    random = np.random.default_rng(0)
    arrays = {"scale": np.full(1, 20, np.float32), "bias": np.full(1, bias, np.float32)}
    for side in ("text", "picture"):
        shapes = {"w1": (dim, dim), "b1": (dim,), "w2": (dim, dim), "b2": (dim,)}
        for name, shape in shapes.items():
            array = 0.01 * random.standard_normal(shape)
            arrays[f"{side}.{name}"] = array.astype(np.float32)
        arrays[f"{side}.gain"] = np.ones(dim, np.float32)
    about = {"encoder_id": encoder_id, "report": report, "head": "two-branch"}
    return safetensors.numpy.save(arrays, about)
