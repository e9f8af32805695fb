"""The headless engine: indexing, search, scoring and routing over the cache.

    async with Engine.open(EngineSettings(home=Path("~/pictures-home").expanduser())) as engine:
        result = await engine.search(SearchRequest(query="a red horse"))

The names below are what a notebook needs; the other events, results and errors are in the modules
`engine.events`, `engine.results` and `engine.errors`. They are imported on first use, so that
importing one module of the engine, as the start of the app does, does not import all of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.errors import (
        CacheError,
        EmptyLibraryError,
        EngineError,
        ModelMissingError,
        RequestError,
        T2IError,
    )
    from engine.events import (
        JobCancelled,
        JobEvent,
        JobFailed,
        JobFinished,
        JobNote,
        JobProgress,
    )
    from engine.generation.request import GenerateRequest
    from engine.jobs.jobs import Job
    from engine.models.parameters import Lora
    from engine.requests import (
        AttachRequest,
        EvaluateRequest,
        ExportRequest,
        Filters,
        ImportRequest,
        IndexRequest,
        SearchRequest,
        TrainRequest,
        WhereRequest,
    )
    from engine.results import Receipt, ResultRow, Scores, SearchResult, WhereResult, WordMap
    from engine.settings import EngineSettings
    from engine.states import JobKind, JobState, Route

__all__ = [
    "AttachRequest",
    "CacheError",
    "EmptyLibraryError",
    "Engine",
    "EngineError",
    "EngineSettings",
    "EvaluateRequest",
    "ExportRequest",
    "Filters",
    "GenerateRequest",
    "ImportRequest",
    "IndexRequest",
    "Job",
    "JobCancelled",
    "JobEvent",
    "JobFailed",
    "JobFinished",
    "JobKind",
    "JobNote",
    "JobProgress",
    "JobState",
    "Lora",
    "ModelMissingError",
    "Receipt",
    "RequestError",
    "ResultRow",
    "Route",
    "Scores",
    "SearchRequest",
    "SearchResult",
    "T2IError",
    "TrainRequest",
    "WhereRequest",
    "WhereResult",
    "WordMap",
]

_HOMES = {
    "engine.engine": ("Engine",),
    "engine.errors": (
        "CacheError",
        "EmptyLibraryError",
        "EngineError",
        "ModelMissingError",
        "RequestError",
        "T2IError",
    ),
    "engine.events": (
        "JobCancelled",
        "JobEvent",
        "JobFailed",
        "JobFinished",
        "JobNote",
        "JobProgress",
    ),
    "engine.generation.request": ("GenerateRequest",),
    "engine.jobs.jobs": ("Job",),
    "engine.models.parameters": ("Lora",),
    "engine.requests": (
        "AttachRequest",
        "EvaluateRequest",
        "ExportRequest",
        "Filters",
        "ImportRequest",
        "IndexRequest",
        "SearchRequest",
        "TrainRequest",
        "WhereRequest",
    ),
    "engine.results": ("Receipt", "ResultRow", "Scores", "SearchResult", "WhereResult", "WordMap"),
    "engine.settings": ("EngineSettings",),
    "engine.states": ("JobKind", "JobState", "Route"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
