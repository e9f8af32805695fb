"""The states of patches that a head learns from, within a limit of bytes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from engine.errors import EngineError, RequestError
from engine.evaluation.embeddings import EmbeddedData
from engine.jobs.progress import ProgressReporter
from engine.local.states import LocalStates
from engine.requests import TrainRequest
from engine.states import Unit

MOST_BYTES = 1 << 29
"""Of states in memory: 10,000 pictures of 49 patches of 512 numbers, as float16."""
_AT_ONCE = 512
_STAGE = "looking at patches"
_OTHER_HEADS = "The heads mlp and two-branch learn from embeddings alone."


async def with_states(
    material: EmbeddedData,
    states: LocalStates | None,
    request: TrainRequest,
    progress: ProgressReporter,
    most_bytes: int = MOST_BYTES,
) -> EmbeddedData:
    """The material with the states of its pictures' patches.

    Pictures without are learned from by their embeddings. Raises RequestError where no picture has
    any, or they are too many, and what a model raises, with a hint at heads that need none.
    """
    ids = material.picture_ids if material.picture_ids is not None else np.zeros(0, np.int64)
    rows, found = np.flatnonzero(ids >= 0).tolist(), None
    for start in range(0, len(rows) if states is not None else 0, _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        assert states is not None
        try:
            there = await states.of_pictures(
                material.encoder,
                [int(ids[row]) for row in some],
                offline=request.offline,
                on_progress=partial(progress.report, _STAGE, unit=Unit.PICTURES),
            )
        except EngineError as error:
            raise type(error)(error.message, hint=f"{error.hint}\n{_OTHER_HEADS}") from error
        for row in some:
            state = there.states.get(int(ids[row]))
            if state is None:
                continue
            if found is None:
                check_room(len(ids), state.vectors.nbytes, most_bytes)
                found = np.zeros((len(ids), *state.vectors.shape), np.float16)
            found[row] = state.vectors
    if found is None:
        raise RequestError(
            f"no picture of {material.data.name} has patches to learn from: none lies as a file"
            " in the library",
            hint=f"Index the pictures first: t2itui index DIR\n{_OTHER_HEADS}",
            field="head",
        )
    return replace(material, states=found)


def check_room(pictures: int, nbytes: int, most_bytes: int) -> None:
    """Raise RequestError where the states of so many pictures, each of `nbytes`, are too many."""
    if pictures * nbytes > most_bytes:
        most = most_bytes // nbytes
        raise RequestError(
            f"the patches of {pictures:,} pictures take more memory than a training may:"
            f" {most_bytes >> 20:,} MB",
            hint=f"Learn from a part of them: --limit {most}\n{_OTHER_HEADS}",
            field="limit",
        )
