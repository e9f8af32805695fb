"""The pointing game: does the hottest patch of a phrase lie where the phrase is?

Zhang et al. (2018): a phrase is looked for in a picture that shows it, and it is a hit if the
hottest point of its map lies within what people marked: a box, or a mask where there is one. The
point is here the middle of the hottest patch, without their 15 pixels of tolerance: at a patch of
32 of 224 pixels that is finer than the map. Beside it stand two that look at no picture: the middle
of the picture, and a random patch, whose hits are the part of all patches that lie within.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cache.embeddings import EncoderRecord
from cache.pictures import shown_pictures
from cache.store import Cache
from engine.errors import EngineError
from engine.evaluation.embeddings import EmbeddedData
from engine.evaluation.regions import Floats, Region
from engine.evaluation.results import PointingFigures
from engine.evaluation.sources import read_pictures, roots_of
from engine.jobs.progress import ProgressReporter
from engine.local.maps import word_evidence
from engine.local.states import BATCH, FoundStates
from engine.models.encoders import Encoders
from engine.models.input_spec import seen_part
from engine.requests import EvaluateRequest
from engine.results import FloatArray
from engine.scoring.decision import ENOUGH
from engine.scoring.resampling import draw, means, paired_difference
from engine.search.text_embedder import TextEmbedder
from engine.states import Unit

MOST_PICTURES = 1_000
"""So many are looked at, at random: the patches of a picture take a hundred times its embedding."""

Part = tuple[float, float, float, float]
"""Left, top, right and bottom of what an encoder sees, as shares of a picture's sides."""
_WHOLE: Part = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatchGrid:
    """The patches of a picture."""

    vectors: FloatArray
    """Unit length, row by row, [rows x columns, dim]."""
    rows: int
    columns: int
    seen: Part

    def middles(self) -> tuple[Floats, Floats]:
        """Where the middles of the patches are, across and down, as shares of the picture; [P]."""
        left, top, right, bottom = self.seen
        across = left + (right - left) * (np.arange(self.columns) + 0.5) / self.columns
        down = top + (bottom - top) * (np.arange(self.rows) + 0.5) / self.rows
        return np.tile(across, self.rows), np.repeat(down, self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointed:
    """One phrase in one picture: hits of the map, of the middle, and of a random patch."""

    hit: float
    centre: float
    random: float


def point(
    regions: Sequence[Region], grid: PatchGrid, phrases: FloatArray, background: FloatArray
) -> list[Pointed]:
    """Point at phrases [n, dim], each at its region of one picture."""
    hottest = word_evidence(grid.vectors, phrases, background).evidence.argmax(axis=1)
    across, down = grid.middles()
    middle = np.array([0.5])
    found = []
    for region, patch in zip(regions, hottest.tolist(), strict=True):
        inside = region.holds(across, down)
        found.append(
            Pointed(
                hit=float(inside[patch]),
                centre=float(region.holds(middle, middle)[0]),
                random=float(inside.mean()),
            )
        )
    return found


def pointing_figures(
    regions: Sequence[Region], pointed: Sequence[Pointed], resamples: int, seed: int
) -> PointingFigures:
    """Figures of phrases, which are drawn by picture; their order is that of the regions."""
    draws = draw(np.array([region.picture for region in regions]), resamples, seed)
    hits, centres, randoms = (
        np.array([getattr(each, name) for each in pointed]) for name in ("hit", "centre", "random")
    )
    hit, centre, random = means([hits, centres, randoms], draws)
    difference, p = paired_difference(hits, centres, draws)
    kinds = np.array([region.kind for region in regions])
    return PointingFigures(
        phrases=len(regions),
        pictures=len({region.picture for region in regions}),
        hit=hit,
        centre=centre,
        random=random,
        over_centre=difference,
        p=p,
        kinds=tuple(
            (str(kind), int((kinds == kind).sum()), float(hits[kinds == kind].mean()))
            for kind in np.unique(kinds)
        ),
    )


def sampled_regions(regions: Sequence[Region], seed: int) -> dict[int, list[Region]]:
    """The regions of at most MOST_PICTURES pictures, by the index of their picture."""
    pictures = np.unique([region.picture for region in regions])
    if len(pictures) > MOST_PICTURES:
        chosen = np.random.default_rng(seed).permutation(pictures)[:MOST_PICTURES]
        pictures = np.sort(chosen)
    found: dict[int, list[Region]] = {picture: [] for picture in pictures.tolist()}
    for region in regions:
        if region.picture in found:
            found[region.picture].append(region)
    return found


class Patches(Protocol):
    """Hands out what an encoder makes of the patches of pictures."""

    async def of_pictures(
        self,
        encoder: EncoderRecord,
        picture_ids: Sequence[int],
        *,
        offline: bool = False,
        is_kept: bool = True,
    ) -> FoundStates:
        """By picture id; without `is_kept` nothing of it is kept."""
        ...


class PointingGame:
    """Plays the game on the regions of a data set."""

    def __init__(
        self, cache: Cache, encoders: Encoders, embedder: TextEmbedder, patches: Patches
    ) -> None:
        self._cache = cache
        self._encoders = encoders
        self._embedder = embedder
        self._patches = patches

    async def play(
        self, material: EmbeddedData, request: EvaluateRequest, progress: ProgressReporter
    ) -> PointingFigures | None:
        """Point at every phrase that has an embedding; None where nothing can be pointed at.

        Raises what states, texts and models raise.
        """
        regions = [each for each in material.data.regions if each.text in material.spoken]
        chosen = sampled_regions(regions, request.seed)
        encoder, offline = material.encoder, request.offline
        ids, _ = await self._cache.read(
            read_pictures, None, material.data.pictures, roots_of(request)
        )
        prompts = await self._embedder.background_prompts(
            encoder, encoder.languages[0], offline=offline
        )
        if len(prompts.random) < ENOUGH:
            return None
        played: list[Region] = []
        pointed: list[Pointed] = []
        pictures = [picture for picture in chosen if picture in ids]
        for start in range(0, len(pictures), BATCH):
            progress.report("pointing", start, len(pictures), unit=Unit.PICTURES)
            part = pictures[start : start + BATCH]
            grids = await self._grids(encoder, [ids[each] for each in part], offline=offline)
            for picture in part:
                grid = grids.get(ids[picture])
                if grid is not None:
                    some = chosen[picture]
                    phrases = np.stack([material.spoken[each.text] for each in some])
                    pointed += point(some, grid, phrases, prompts.random)
                    played += some
        if not played:
            return None
        return pointing_figures(played, pointed, request.resamples, request.seed)

    async def _grids(
        self, encoder: EncoderRecord, ids: Sequence[int], *, offline: bool
    ) -> Mapping[int, PatchGrid]:
        """The patches of pictures by id, as far as their files can be read."""
        found = await self._patches.of_pictures(encoder, ids, offline=offline, is_kept=False)
        shown = await self._cache.read(shown_pictures, list(found.states))
        sizes = {each.picture.id: (each.picture.width, each.picture.height) for each in shown}
        try:
            spec = (await self._encoders.describe(encoder.source or encoder.id)).spec
        except EngineError:
            spec = None
        return {
            picture_id: PatchGrid(
                vectors=states.vectors.astype(np.float32),
                rows=states.rows,
                columns=states.columns,
                seen=_WHOLE if spec is None else seen_part(spec, *sizes[picture_id]),
            )
            for picture_id, states in found.states.items()
        }
