"""Gathered material: forty pictures with three captions each."""

import numpy as np
import pytest

from cache.embeddings import EncoderRecord
from engine.evaluation.data import Data
from engine.evaluation.embeddings import EmbeddedData
from engine.scoring.metrics import RightPairs
from engine.states import DataKind


@pytest.fixture
def material() -> EmbeddedData:
    random = np.random.default_rng(0)
    data = Data(
        name="forty",
        kind=DataKind.CAPTIONS,
        pictures=tuple(f"{number}.jpg" for number in range(40)),
        texts=tuple(f"caption {number}" for number in range(120)),
        right=RightPairs.of(list(range(120)), [number // 3 for number in range(120)]),
    )
    return EmbeddedData(
        encoder=EncoderRecord(id="e", dim=8, logit_scale=100.0, source=""),
        data=data,
        texts=random.standard_normal((120, 8)).astype(np.float32),
        languages=("en",) * 120,
        pictures=random.standard_normal((40, 8)).astype(np.float32),
        spoken={},
    )
