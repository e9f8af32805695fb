"""The zeros of searches: measured at the first question of a kind, and kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np

from cache.errors import CacheError
from cache.store import Cache
from cache.zeros import get_zero, put_zero
from engine.results import IdArray
from engine.scoring.decision import Zero
from engine.scoring.match import MatchContext, measure_zero

P = ParamSpec("P")
T = TypeVar("T")

VERSION = 1
"""One more whenever the same library and scorer come to another zero."""
MOST_KNOWN = 64
_IN_LOOP = 20_000
"""So many background logits are computed at once; more, in a thread."""


class Zeros:
    """Hands out what background texts reach in a scope; in memory and in the cache.

    It is named by what it rests on and not by the library's revision, so that labels, or pictures
    outside of the scope, leave it as it is.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: OrderedDict[str, Zero] = OrderedDict()
        self._lock = asyncio.Lock()

    async def get(
        self, context: MatchContext, encoder_id: str, scorer: str, rows: IdArray | None
    ) -> Zero | None:
        """The zero of a scorer among all pictures or some rows; None where there can be none."""
        background = context.background()
        if background.is_rough or not context.matrix.count:
            return None
        is_large = background.random.size + context.matrix.count > _IN_LOOP
        key = await _off_loop(is_large, _key_of, context, encoder_id, scorer, rows)
        async with self._lock:
            if key not in self._known:
                stored = await self._stored(key)
                if stored is None:
                    stored = await _off_loop(is_large, measure_zero, context, scorer, "", rows)
                    # That of a mix is asked for once.
                    if stored is not None and background.has_nearness:
                        stored = await self._keep(key, stored)
                if stored is None:
                    return None
                self._known[key] = stored
            self._known.move_to_end(key)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
            return self._known[key]

    async def _stored(self, key: str) -> Zero | None:
        body = await self._cache.read(get_zero, key)
        return None if body is None else _read(body)

    async def _keep(self, key: str, zero: Zero) -> Zero:
        """What was measured first is the zero, also when two processes ask at once."""
        try:
            return _read(await self._cache.write(put_zero, key, zero.as_json())) or zero
        except CacheError:
            return zero


def _read(body: str) -> Zero | None:
    """None for what cannot be read: it is measured again."""
    try:
        return Zero.from_json(body)
    except (ValueError, TypeError, KeyError):
        return None


def _key_of(context: MatchContext, encoder_id: str, scorer: str, rows: IdArray | None) -> str:
    """The hash of all that a zero rests on: encoder, scorer, pictures and background texts."""
    matrix, background = context.matrix, context.background()
    matcher = context.matcher_of(scorer)
    name = f"{VERSION} {encoder_id} {scorer} {context.logit_scale} {background.are_rivals}"
    digest = hashlib.blake2b(name.encode(), digest_size=16)
    if matcher is not None:
        about = f"{matcher.pair_floor} {matcher.adds_label_free}"
        digest.update(about.encode())
        parts = [matcher.w1, matcher.b1, matcher.w2, matcher.b2]
    else:
        parts = []
    chosen = slice(None) if rows is None else rows
    # Two of its numbers tell a picture's embedding from that of another with its id.
    pictures = [matrix.picture_ids[chosen], matrix.columns[0][chosen], matrix.columns[-1][chosen]]
    for array in (*pictures, background.vectors, background.random, *parts):
        digest.update(f"{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


async def _off_loop(is_large: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function returns, from a thread where it takes long."""
    if is_large:
        return await asyncio.to_thread(work, *args, **kwargs)
    return work(*args, **kwargs)
