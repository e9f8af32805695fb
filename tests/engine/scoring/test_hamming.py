"""Hamming ranking: the bits that a text and a picture share."""

import numpy as np

from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.hamming import hamming_scores
from engine.scoring.label_free import Background
from engine.scoring.match import MatchContext
from engine.scoring.registry import evaluated_scorers, search_scorers
from tests.engine.search.libraries import noise


def test_shared_bits_are_counted() -> None:
    pictures, texts = noise(9_000, dim=24), noise(60, dim=24, seed=2)
    background = Background(vectors=texts[:50], random=texts[:50])
    context = MatchContext(
        matrix=EmbeddingMatrix.of(pictures), logit_scale=100.0, backgrounds={"": background}
    )
    found = hamming_scores(context, texts[-1], "")
    bits = pictures > pictures.mean(axis=0)
    asked = texts[-1] > texts[:50].mean(axis=0)
    np.testing.assert_array_equal(found, (bits == asked).sum(axis=1))
    assert found.dtype == np.float32


def test_it_is_evaluated_and_ranks_no_search() -> None:
    assert "hamming" in evaluated_scorers() and "hamming" not in search_scorers()
