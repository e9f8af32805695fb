"""The cores of the processor while arrays are scored: products on one each, blocks on all of them.

A product on all cores waits for the slowest of them, so that beside other work on this machine it
takes many times as long; and what is computed between two products has one core in any case.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

_lock = threading.Lock()
_limit = ExitStack()
_limited = 0


@contextmanager
def products_on_one_core() -> Iterator[None]:
    """Products take the core of their thread alone, as long as anybody asks for that."""
    global _limited
    with _lock:
        if not _limited:
            _cores()
            _limit.enter_context(_threads().limit(limits=1, user_api="blas"))
        _limited += 1
    try:
        yield
    finally:
        with _lock:
            _limited -= 1
            if not _limited:
                _limit.close()


def on_all_cores(work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """Do some work, which releases the interpreter's lock, for every part; in their order."""
    if len(parts) < 2:
        return [work(part) for part in parts]
    with products_on_one_core():
        return list(_workers().map(work, parts))


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _cores() -> int:
    """As many as products take, which the environment may limit; asked before anybody does."""
    counts = [each["num_threads"] for each in _threads().info() if each["user_api"] == "blas"]
    return max(counts, default=1)


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_cores(), thread_name_prefix="scoring")
