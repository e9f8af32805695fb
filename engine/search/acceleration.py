"""A matcher over a large library where the encoder runs: on a GPU, or a CPU in bf16.

The embeddings are handed over once, in a mapped file, while nobody waits; both ways are timed then,
and the other way is taken where it is faster. It is never what a receipt rests on: the best
pictures, and a sample by which the others are put right on the whole, are scored here in float32.
"""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO

import numpy as np

from cache.embeddings import EncoderRecord
from engine.errors import EngineError
from engine.files import recall, remember
from engine.models.encoders import TEXT_PRIORITY, Encoders
from engine.models.messages import Json, Reply
from engine.models.process import WorkerProcess
from engine.numbers import finite
from engine.results import FloatArray, IdArray
from engine.scoring.columns import Columns
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.match import MatchContext, matcher_seconds, sampled
from engine.scoring.matcher import Matcher
from engine.scoring.ranking import top_indices
from engine.settings import EngineSettings
from engine.states import HeadKind

PAYS_FROM_S = 0.15
"""What a matcher takes less for is scored here: about 20,000 pictures by 256 hidden units."""
MIN_GAIN = 1.2
MOST_ERROR = 0.1
"""Standard deviations of the logits that one may be off; the best are scored anew anyway."""
HEAD = 4_096
"""Pictures that are scored anew in float32: what is shown, and what passes."""
SAMPLE = 2_048
"""Pictures by which what the others are off by on the whole is taken away."""
ROOM = 3
"""So many times what is handed over must be free on the disk: others write there, too."""
_TIMED_BLOCKS = 32
"""Enough for all cores of a large machine."""
_TINY = 1e-9
_MEMORY = "scoring.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringMeasure:
    """A matcher over a library in a model process, beside numpy in this one."""

    device: str
    dtype: str
    pictures: int
    seconds: float
    """The way there and back included."""
    gain: float
    """How many times as fast as numpy it is."""
    error: float
    """The largest distance from float32, in standard deviations of the logits."""

    @property
    def pays(self) -> bool:
        """It is faster, and right but for rounding."""
        return self.gain >= MIN_GAIN and self.error <= MOST_ERROR

    def sentence(self) -> str:
        """Say what was measured, and what is done about it."""
        return (
            f"a matcher over {self.pictures:,} pictures is scored"
            f" {'on' if self.pays else 'by numpy, not on'} {self.device} in {self.dtype}:"
            f" {self.gain:.1f} times as fast as numpy, logits off by {self.error:.1g} standard"
            f" deviations at the most, the best {HEAD:,} in float32 in any case"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Held:
    """What a process holds."""

    pid: int | None
    matrix: EmbeddingMatrix
    pays: bool


class Accelerator:
    """Scores by a process that an encoder is loaded in, as long as it is and has nothing to do."""

    def __init__(self, encoders: Encoders, settings: EngineSettings) -> None:
        self._encoders = encoders
        self._settings = settings
        self._held: _Held | None = None
        self._handing: asyncio.Task[None] | None = None

    async def logits(
        self, encoder: EncoderRecord, context: MatchContext, text: FloatArray, rows: IdArray | None
    ) -> FloatArray | None:
        """What the matcher gives a text [dim] for every picture [N]; None leaves it to numpy.

        Those of the best pictures among `rows` are float32's. The first time it is numpy's turn,
        and the embeddings are handed over beside it.
        """
        matcher = context.matcher
        if matcher is None or not is_large(context):
            return None
        process = self._encoders.resident(encoder.source or encoder.id)
        if process is None:
            return None
        held = self._held
        if held is None or held.pid != process.pid or held.matrix is not context.matrix:
            self._hand_over(process, encoder.id, context.matrix, matcher)
            return None
        if not held.pays:
            return None
        try:
            found = await _logits(process, matcher, text)
        except EngineError:
            self._held = None
            return None
        if len(found) != context.matrix.count:
            return None
        return await asyncio.to_thread(corrected, context, text, found, rows)

    def _hand_over(
        self, process: WorkerProcess, encoder_id: str, matrix: EmbeddingMatrix, matcher: Matcher
    ) -> None:
        """Begin to, unless that goes on already."""
        if self._handing is None or self._handing.done():
            self._handing = asyncio.create_task(
                self._handed_over(process, encoder_id, matrix, matcher)
            )

    async def _handed_over(
        self, process: WorkerProcess, encoder_id: str, matrix: EmbeddingMatrix, matcher: Matcher
    ) -> None:
        known = await asyncio.to_thread(recall, self._settings.home / _MEMORY)
        key = _key(self._settings, encoder_id, matrix, matcher)
        found = _measure_of(known.get(key))
        pays = found is None or found.pays
        with suppress(EngineError, OSError):
            if pays:
                device = await hold(process, matrix.columns, self._settings.home)
                if found is None:
                    found = await measure(process, matrix.columns, matcher, *device)
                    await asyncio.to_thread(self._keep, key, found)
                pays = found.pays
            self._held = _Held(pid=process.pid, matrix=matrix, pays=pays)
            return
        # What failed once is not tried with these pictures again.
        self._held = _Held(pid=process.pid, matrix=matrix, pays=False)

    def _keep(self, key: str, found: ScoringMeasure) -> None:
        memory = self._settings.home / _MEMORY
        remember(memory, recall(memory) | {key: asdict(found)})

    async def handed_over(self) -> None:
        """Wait for what is being handed over."""
        if self._handing is not None:
            await asyncio.wait([self._handing])

    async def aclose(self) -> None:
        """Stop handing over."""
        if self._handing is not None:
            self._handing.cancel()
            await asyncio.wait([self._handing])


def is_large(context: MatchContext) -> bool:
    """A matcher over these pictures takes so long, and is of the kind, that it may pay."""
    matcher = context.matcher
    if matcher is None or matcher.kind is not HeadKind.MLP or context.own_pictures is not None:
        return False
    return context.matrix.count * matcher_seconds(matcher) >= PAYS_FROM_S


def corrected(
    context: MatchContext, text: FloatArray, found: FloatArray, rows: IdArray | None
) -> FloatArray:
    """Logits [N] of another number format, with float32 where it counts.

    The best among `rows` are scored anew, and so is a sample, by which the others are put right on
    the whole: where a query is placed hangs on their mean and spread.
    """
    assert context.matcher is not None
    ids = context.matrix.picture_ids
    among = np.arange(len(found), dtype=np.int64) if rows is None else rows
    best = among[top_indices(found[among], HEAD)]
    sample = sampled(ids, SAMPLE)[0]
    anew = np.union1d(best, sample)
    exact = context.matcher.head.logits(text, context.seen.take(anew))
    scale, shift = _line(found[sample], exact[np.isin(anew, sample)])
    logits = found * scale + shift
    logits[anew] = exact
    return logits


def _line(found: FloatArray, exact: FloatArray) -> tuple[np.float32, np.float32]:
    """The scale and shift that take some values to others with the least squares."""
    x, y = found.astype(np.float64), exact.astype(np.float64)
    if not len(x) or x.std() < _TINY:
        return np.float32(1), np.float32(0)
    scale = ((x - x.mean()) * (y - y.mean())).mean() / x.var()
    return np.float32(scale), np.float32(y.mean() - scale * x.mean())


async def hold(process: WorkerProcess, columns: Columns, home: Path) -> tuple[str, str]:
    """Have a process read the embeddings; on which device, and in which number format.

    Raises OSError where there is no room for the file, and what the process raises.
    """
    needed = 4 * columns.dim * columns.count
    if shutil.disk_usage(home).free < ROOM * needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with shared_file(home) as (file, path):
        await asyncio.to_thread(_write, columns, file)
        fields: dict[str, Json] = {
            "path": path,
            "dim": columns.dim,
            "counts": [block.count for block in columns.blocks],
        }
        reply = await process.call("hold", fields)
    return reply.text("device"), reply.text("dtype")


@contextmanager
def shared_file(folder: Path) -> Iterator[tuple[IO[bytes], str]]:
    """A file for the block, and a path by which a process of ours opens it.

    On Linux it has no name, so that nothing is left behind by whatever ends this process.
    """
    if sys.platform == "linux":
        with tempfile.TemporaryFile(dir=folder) as file:
            yield file, f"/proc/{os.getpid()}/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            yield file, file.name


def _write(columns: Columns, file: IO[bytes]) -> None:
    for block in columns.blocks:
        file.write(np.ascontiguousarray(block.columns()).data)
    file.flush()


async def _logits(process: WorkerProcess, matcher: Matcher, text: FloatArray) -> FloatArray:
    weights = matcher.head.arrays()
    reply = await process.call(
        "logits", {"weights": list(weights)}, [*weights.values(), text], priority=TEXT_PRIORITY
    )
    return _floats(reply)


def _floats(reply: Reply) -> FloatArray:
    return reply.arrays[0].astype(np.float32, copy=False)


async def measure(
    process: WorkerProcess, columns: Columns, matcher: Matcher, device: str, dtype: str
) -> ScoringMeasure:
    """Time a matcher over what a process holds, and over some of it here."""
    text = np.random.default_rng(0).standard_normal(columns.dim).astype(np.float32)
    text /= np.linalg.norm(text)
    await _logits(process, matcher, text)
    there, seconds = await _timed_call(process, matcher, text)
    some = Columns(dim=columns.dim, blocks=columns.blocks[:_TIMED_BLOCKS])
    here, took = await asyncio.to_thread(
        _timed, partial(some.each, partial(matcher.head.logits, text))
    )
    spread = float(here.std(dtype=np.float64)) or 1.0
    return ScoringMeasure(
        device=device,
        dtype=dtype,
        pictures=columns.count,
        seconds=seconds,
        gain=took * columns.count / max(some.count, 1) / max(seconds, 1e-9),
        error=float(np.abs(there[: len(here)] - here).max(initial=0)) / spread,
    )


async def _timed_call(
    process: WorkerProcess, matcher: Matcher, text: FloatArray
) -> tuple[FloatArray, float]:
    began = time.perf_counter()
    return await _logits(process, matcher, text), time.perf_counter() - began


def _timed(compute: Callable[[], FloatArray]) -> tuple[FloatArray, float]:
    compute()
    began = time.perf_counter()
    return compute(), time.perf_counter() - began


def measures(settings: EngineSettings) -> list[ScoringMeasure]:
    """What was measured on this machine, the latest last."""
    found = map(_measure_of, recall(settings.home / _MEMORY).values())
    return [each for each in found if each is not None]


def _measure_of(known: object) -> ScoringMeasure | None:
    if not isinstance(known, dict):
        return None
    try:
        return ScoringMeasure(
            device=str(known["device"]),
            dtype=str(known["dtype"]),
            pictures=int(str(known["pictures"])),
            seconds=finite(str(known["seconds"])),
            gain=finite(str(known["gain"])),
            error=finite(str(known["error"])),
        )
    except (KeyError, ValueError):
        return None


def _key(
    settings: EngineSettings, encoder_id: str, matrix: EmbeddingMatrix, matcher: Matcher
) -> str:
    """What a measure holds for: pictures to the next power of two, and the machine."""
    sizes = f"{matcher.head.pair_weights} weights, 2^{matrix.count.bit_length()} pictures"
    machine = f"{platform.machine()} {platform.node()} torch {version('torch')}"
    return f"{encoder_id}, {sizes}, {settings.device} {settings.dtype}, {machine}"
