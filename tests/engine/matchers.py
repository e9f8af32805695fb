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
