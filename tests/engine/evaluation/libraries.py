"""Small libraries of imported vectors with captions that fit them, and an open engine on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from engine.engine import Engine
from engine.evaluation.results import Evaluation
from engine.events import JobEvent, JobFinished, JobNote
from engine.requests import EvaluateRequest, ImportRequest
from engine.results import FloatArray
from engine.settings import EngineSettings

ENCODER = "some/clip"
PICTURES, CAPTIONS, DIM = 30, 3, 48


def unit(rows: FloatArray) -> FloatArray:
    scaled: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def write_data(folder: Path, *, leave_out: int = 0) -> Path:
    """Thirty pictures with three captions each, near them; a token file and the vectors.

    The texts `thing 0` ... are a background. The last `leave_out` captions have no vector.
    """
    random = np.random.default_rng(0)
    pictures = unit(random.standard_normal((PICTURES, DIM)).astype(np.float32))
    texts, vectors, lines = [], [], []
    for picture in range(PICTURES):
        for number in range(CAPTIONS):
            text = f"a red thing {picture} of kind {number}"
            lines.append(f"{picture:02}.jpg#{number}\t{text}")
            texts.append(text)
            noise = 0.35 * random.standard_normal(DIM)
            vectors.append(pictures[picture] + noise.astype(np.float32))
    texts += [f"thing {number}" for number in range(40)]
    vectors += list(random.standard_normal((40, DIM)).astype(np.float32))
    kept = [i for i in range(len(texts)) if not len(lines) - leave_out <= i < len(lines)]
    names = [f"{number:02}.jpg" for number in range(PICTURES)]
    np.savez(folder / "p.npz", image=names, vector=pictures)
    matrix = unit(np.stack(vectors))
    np.savez(folder / "t.npz", text=[texts[i] for i in kept], vector=matrix[kept])
    (folder / "results.token").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "results.token"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Engine]:
    """An engine with the vectors of `write_data` imported."""
    async with Engine.open(EngineSettings(home=folder / "home")) as engine:
        request = ImportRequest(
            encoder_id=ENCODER,
            pictures=folder / "p.npz",
            texts=folder / "t.npz",
            root=folder,
            logit_scale=30.0,
        )
        assert isinstance(await engine.import_vectors(request).wait(), JobFinished)
        yield engine


async def evaluated(engine: Engine, request: EvaluateRequest) -> tuple[Evaluation, list[str]]:
    """The result of an evaluation that has to succeed, and the notes on the way."""
    notes: list[str] = []

    def hear(event: JobEvent) -> None:
        if isinstance(event, JobNote):
            notes.append(event.message)

    unsubscribe = engine.jobs.subscribe(hear)
    job = engine.evaluate(request)
    end = await job.wait()
    unsubscribe()
    assert isinstance(end, JobFinished), end
    (found,) = engine.evaluator.of_job(job.id)
    return found, notes
