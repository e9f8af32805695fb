"""The headless engine: indexing, search, scoring and routing over the cache.

The names below are imported on first use, so that importing one module of the engine, as the
start of the app does, does not import all of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.errors import EngineError
    from engine.generation.request import GenerateRequest
    from engine.requests import Filters, IndexRequest, SearchRequest
    from engine.settings import EngineSettings

__all__ = [
    "Engine",
    "EngineError",
    "EngineSettings",
    "Filters",
    "GenerateRequest",
    "IndexRequest",
    "SearchRequest",
]

_HOMES = {
    "Engine": "engine.engine",
    "EngineError": "engine.errors",
    "EngineSettings": "engine.settings",
    "Filters": "engine.requests",
    "GenerateRequest": "engine.generation.request",
    "IndexRequest": "engine.requests",
    "SearchRequest": "engine.requests",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
