"""A cancelled evaluation keeps what was embedded, and the next one goes on from there."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.engine import Engine
from engine.evaluation.embeddings import TEXT_BATCH
from engine.events import JobCancelled, JobFinished
from engine.models.encoders import TextEmbeddings
from engine.requests import EvaluateRequest, ImportRequest
from engine.settings import EngineSettings
from tests.engine.evaluation.libraries import ENCODER
from tests.engine.generation.studio import DIM, ColourEncoders

CAPTIONS = TEXT_BATCH + 40


class StallingEncoders(ColourEncoders):
    """Notes how many texts it is asked for, and never answers the second time."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self.asked: list[int] = []
        self.stalls = asyncio.Event()

    async def embed_texts(
        self, source: str, texts: Sequence[str], *, priority: int = 0, threads: int = 0
    ) -> TextEmbeddings:
        self.asked.append(len(texts))
        if len(self.asked) == 2:
            self.stalls.set()
            await asyncio.Event().wait()
        return await super().embed_texts(source, texts)


async def test_what_was_embedded_before_a_cancel_is_not_embedded_again(tmp_path: Path) -> None:
    colours = ("red", "green", "blue")
    captions = tmp_path / "results.token"
    lines = [f"{c}.jpg#{n}\ta {c} thing {n}" for n in range(CAPTIONS) for c in colours]
    captions.write_text("\n".join(lines[:CAPTIONS]) + "\n")
    pictures = tmp_path / "p.npz"
    np.savez(pictures, image=[f"{c}.jpg" for c in colours], vector=np.eye(DIM)[:3])
    request = EvaluateRequest(data=str(captions), scorers=("cosine",), swaps=False, resamples=0)
    async with Engine.open(EngineSettings(home=tmp_path / "home")) as engine:
        engine.encoders = encoders = StallingEncoders(engine.settings)
        bring = ImportRequest(encoder_id=ENCODER, pictures=pictures, root=tmp_path)
        assert isinstance(await engine.import_vectors(bring).wait(), JobFinished)
        encoders.asked.clear()  # The background texts, which the import is measured with.
        job = engine.evaluate(request)
        await encoders.stalls.wait()
        job.cancel()
        assert isinstance(await job.wait(), JobCancelled)
        assert isinstance(await engine.evaluate(request).wait(), JobFinished)
    assert encoders.asked == [TEXT_BATCH, CAPTIONS - TEXT_BATCH, CAPTIONS - TEXT_BATCH]
