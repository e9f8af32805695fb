"""Made-up vectors for benches."""

import numpy as np

from engine.results import FloatArray

DIM = 512


def random_unit(count: int, seed: int) -> FloatArray:
    """Unit rows [count, DIM]."""
    rows = np.random.default_rng(seed).standard_normal((count, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
