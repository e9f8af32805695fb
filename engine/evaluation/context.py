"""What the scorers of an evaluation work from: its pictures, the matcher, the background."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from cache.collections import find_collection
from cache.embeddings import EncoderRecord
from cache.labels import list_calibrations
from cache.matchers import newest_matcher
from cache.store import Cache
from engine.collections import BUILT_IN
from engine.errors import ModelUnusableError
from engine.evaluation.embeddings import EmbeddedData
from engine.local.matcher_pictures import own_pictures
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.label_free import Background, text_background
from engine.scoring.match import MatchContext
from engine.scoring.matcher import Matcher, read_matcher
from engine.scoring.registry import need_background
from engine.search.text_embedder import TextEmbedder


async def match_context(
    cache: Cache,
    embedder: TextEmbedder,
    material: EmbeddedData,
    scorers: Sequence[str],
    *,
    offline: bool,
) -> tuple[MatchContext, str]:
    """The context that some scorers need, as a search has it, and what `match` is, for people."""
    encoder = material.encoder
    record, book = await cache.read(newest_matcher, encoder.id), await cache.read(find_collection)
    if record is None:
        matcher = await asyncio.to_thread(shipped_matcher, encoder.id)
    else:
        matcher = read_matcher(record.weights, encoder.id)
    calibrations = await cache.read(list_calibrations)
    matrix, own, with_patches = EmbeddingMatrix.of(material.pictures), None, 0
    if matcher is not None and material.picture_ids is not None:
        own, with_patches = await own_pictures(
            cache,
            matcher,
            None if record is None else record.id,
            material.picture_ids,
            matrix.columns,
        )
    context = MatchContext(
        matrix=matrix,
        own_pictures=own,
        with_patches=with_patches,
        logit_scale=encoder.logit_scale,
        matcher=matcher,
        matcher_id=None if record is None else record.id,
        calibrations=[each for each in calibrations if each.encoder_id == encoder.id],
    )
    if need_background(scorers):
        backgrounds = await text_backgrounds(embedder, encoder, matrix, offline=offline)
        context = replace(context, backgrounds=backgrounds)
    return context, context.shown_name(shipped=None if book is None else book.matcher_id)


def shipped_matcher(encoder_id: str) -> Matcher | None:
    """The matcher that ships, if it is for this encoder; it reads the disk."""
    try:
        return read_matcher(BUILT_IN.matcher.read_bytes(), encoder_id)
    except (ModelUnusableError, OSError):
        return None


async def text_backgrounds(
    embedder: TextEmbedder, encoder: EncoderRecord, matrix: EmbeddingMatrix, *, offline: bool
) -> dict[str, Background]:
    """What texts are weighed against among some pictures, by language; those of no known one as
    the first one's."""
    found = {}
    for language in dict.fromkeys(encoder.languages):
        prompts = await embedder.background_prompts(encoder, language, offline=offline)
        found[language] = text_background(prompts, language, matrix)
    return {**found, "": found[encoder.languages[0]]}
