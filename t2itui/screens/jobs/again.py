"""Starting a job again from what the cache remembers of it, in the app or by a command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.errors import RequestError
from engine.evaluation.request import EvaluateRequest
from engine.generation.request import GenerationSpec
from engine.jobs.codec import spec_from_json
from engine.requests import ExportRequest, ImportRequest, IndexRequest
from engine.states import JobKind
from engine.training.request import TrainRequest
from t2itui.text import shell_commands as twins
from t2itui.text.shell_commands import evaluate_command

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.jobs.jobs import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadRequest:
    """Fetch a model."""

    model_id: str


Request: TypeAlias = (
    IndexRequest
    | ImportRequest
    | ExportRequest
    | DownloadRequest
    | EvaluateRequest
    | TrainRequest
    | GenerationSpec
)


def read_request(kind: str | None, text: str) -> Request | None:
    """Return the request of a job of that kind; None where it cannot be started again."""
    try:
        fields = json.loads(text)
        match kind:
            case JobKind.INDEX:
                return _index(fields)
            case JobKind.IMPORT:
                return _import(fields)
            case JobKind.EXPORT:
                target = Path(fields["target"])
                return ExportRequest(**{**fields, "target": target})
            case JobKind.DOWNLOAD:
                return DownloadRequest(model_id=fields["model"])
            case JobKind.TRAIN:
                return TrainRequest.from_json(text)
            case JobKind.EVALUATE:
                return EvaluateRequest.from_json(text)
            case JobKind.GENERATE:
                return spec_from_json(text)
    except (ValueError, TypeError, KeyError, RequestError):
        return None
    return None


def _index(fields: dict[str, object]) -> IndexRequest:
    folders = fields["folders"]
    if not isinstance(folders, list):
        raise TypeError("folders must be a list")
    values = {**fields, "folders": tuple(Path(folder) for folder in folders)}
    return IndexRequest(**values)  # type: ignore[arg-type]


def _import(fields: dict[str, object]) -> ImportRequest:
    values = dict(fields)
    for name in ("pictures", "texts", "root"):
        if (path := values.get(name)) is not None:
            values[name] = Path(str(path))
    if isinstance(languages := values.get("languages"), list):
        values["languages"] = tuple(languages)
    return ImportRequest(**values)  # type: ignore[arg-type]


def start_again(engine: Engine, request: Request) -> Job:
    """Start a job that does the same."""
    match request:
        case IndexRequest():
            return engine.index(request)
        case ImportRequest():
            return engine.import_vectors(request)
        case ExportRequest():
            return engine.export_vectors(request)
        case DownloadRequest(model_id=model_id):
            return engine.download(model_id)
        case TrainRequest():
            return engine.train(request)
        case EvaluateRequest():
            return engine.evaluate(request)
        case GenerationSpec():
            return engine.generation.resume(request)


def again_command(home: Path | None, request: Request) -> str:
    """Return the command that does the same."""
    match request:
        case IndexRequest():
            return twins.index_command(home, request)
        case ImportRequest():
            return twins.import_command(home, request)
        case ExportRequest():
            return twins.export_command(home, request)
        case DownloadRequest(model_id=model_id):
            return twins.download_command(home, model_id)
        case TrainRequest():
            return twins.train_command(home, request)
        case EvaluateRequest():
            return evaluate_command(home, request)
        case GenerationSpec():
            return twins.generate_command(home, request)
