"""Gathered material: forty pictures with three captions each."""

import numpy as np
import pytest

from cache.embeddings import EncoderRecord
from engine.evaluation.data import CAPTIONS, Data, Right
from engine.evaluation.embeddings import Material


@pytest.fixture
def material() -> Material:
    random = np.random.default_rng(0)
    data = Data(
        name="forty",
        kind=CAPTIONS,
        pictures=tuple(f"{number}.jpg" for number in range(40)),
        texts=tuple(f"caption {number}" for number in range(120)),
        right=Right.of(list(range(120)), [number // 3 for number in range(120)]),
    )
    return Material(
        encoder=EncoderRecord(id="e", dim=8, logit_scale=100.0, source=""),
        data=data,
        texts=random.standard_normal((120, 8)).astype(np.float32),
        languages=("en",) * 120,
        pictures=random.standard_normal((40, 8)).astype(np.float32),
        spoken={},
    )
