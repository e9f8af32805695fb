"""The headless engine: indexing, search, scoring and routing over the cache."""

from engine.engine import Engine
from engine.errors import EngineError
from engine.requests import Filters, IndexRequest, SearchRequest
from engine.settings import EngineSettings

__all__ = [
    "Engine",
    "EngineError",
    "EngineSettings",
    "Filters",
    "IndexRequest",
    "SearchRequest",
]
