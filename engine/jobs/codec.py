"""A job's request in its three spellings: the value, its JSON in the jobs table, its command line.

Which options a command line has is said in engine/jobs/forms.py.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from engine import disk
from engine.errors import RequestError
from engine.events import Report
from engine.generation.request import GenerateRequest, GenerationSpec
from engine.jobs.forms import FORMS, Option, RequestForm
from engine.models.parameters import Lora
from engine.requests import (
    AttachRequest,
    DownloadRequest,
    EvaluateRequest,
    ExportRequest,
    ImportRequest,
    IndexRequest,
    TrainRequest,
)
from engine.sheets.prompts import SheetPrompt, spelt
from engine.sheets.request import Axis, SheetRequest, spelt_axis
from engine.states import JobKind
from engine.untrusted.documents import parse_object

JobRequest: TypeAlias = (
    IndexRequest
    | AttachRequest
    | ImportRequest
    | ExportRequest
    | DownloadRequest
    | EvaluateRequest
    | TrainRequest
    | GenerationSpec
    | SheetRequest
)


Request = TypeVar("Request")


def kind_of(request: JobRequest) -> JobKind:
    """The kind of job that a request asks for."""
    return next(kind for kind, form in FORMS.items() if isinstance(request, form.request))


def request_to_json(request: JobRequest) -> str:
    """All that starts the job again."""
    is_ascii = FORMS[kind_of(request)].is_ascii
    return json.dumps(asdict(request), default=_path_text, ensure_ascii=is_ascii)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWork:
    """The work of a request; see JobWork."""

    title: str
    asked: JobRequest
    work: Callable[[int, Report], Awaitable[str]]

    @property
    def kind(self) -> JobKind:
        return kind_of(self.asked)

    @property
    def request(self) -> str:
        return request_to_json(self.asked)

    async def run(self, job_id: int, report: Report) -> str:
        return await self.work(job_id, report)


def _path_text(value: object) -> str:
    if isinstance(value, Path):
        return str(disk.from_root(value))
    raise TypeError(f"{value!r} has no place in a request")


_DROPPED: Mapping[type[Any], tuple[str, ...]] = {TrainRequest: ("drawn",)}
"""Fields that earlier versions wrote, and that decide nothing any more."""


_SEVERAL: Mapping[type[Any], Mapping[str, str]] = {EvaluateRequest: {"encoder": "encoders"}}
"""Fields that held one thing or none in earlier versions, and under what name there are several."""


def request_from_json(kind: type[Request], text: str) -> Request:
    """Understand what `request_to_json` wrote of a request of that kind, in any version so far.

    Raises RequestError where a newer or broken program wrote it.
    """
    try:
        values = parse_object(text, with_names=True)
        for name in _DROPPED.get(kind, ()):
            values.pop(name, None)
        for old, new in _SEVERAL.get(kind, {}).items():
            if old in values:
                one = values.pop(old)
                values[new] = [] if one is None else [one]
        request: Request = _read(kind, values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RequestError(f"this job cannot be understood any more: {error}") from error
    return request


def job_request(kind: str, text: str) -> JobRequest:
    """The request of a job as the jobs table has it, by the job's kind.

    Raises RequestError as `request_from_json` does, and for a kind that is not known.
    """
    if kind not in FORMS:
        raise RequestError(f"there are no jobs of the kind {kind!r}")
    request: JobRequest = request_from_json(FORMS[JobKind(kind)].request, text)
    return request


def _hints(kind: Any) -> Mapping[str, Any]:  # noqa: ANN401
    return get_type_hints(kind)


def _read(kind: Any, value: object) -> Any:  # noqa: ANN401
    """A value of a field's type; what a later version may have added is refused."""
    if get_origin(kind) in (Union, UnionType):
        (wanted,) = (each for each in get_args(kind) if each is not NoneType)
        return None if value is None else _read(wanted, value)
    if get_origin(kind) is tuple:
        return tuple(_read_items(get_args(kind), value))
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise TypeError(f"{value!r} is no {getattr(kind, '__name__', kind)}")
        hints = _hints(kind)
        return kind(**{name: _read(hints[name], each) for name, each in value.items()})  # type: ignore[operator]
    if kind is Path and isinstance(value, str):
        return Path(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum) and isinstance(value, str):
        return kind(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (kind is float and is_number) or (isinstance(kind, type) and type(value) is kind):
        return value
    raise TypeError(f"{value!r} is no {getattr(kind, '__name__', kind)}")


def _read_items(kinds: Sequence[Any], value: object) -> Iterator[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    if kinds[-1] is Ellipsis:
        yield from (_read(kinds[0], each) for each in value)
    else:
        yield from (_read(kind, each) for kind, each in zip(kinds, value, strict=True))


def command_words(request: JobRequest) -> list[str]:
    """The command line that asks for the same, without the program's name."""
    form = FORMS[kind_of(request)]
    values, usual = _values(request), defaults_of(form)
    words: list[str] = []
    for option in form.options:
        value = values[option.field]
        if value != usual.get(option.field, MISSING) or option.is_always_written:
            words += _option_words(option, value)
    given = [values.get(name) or () for name in (form.argument, form.further_argument)]
    arguments = [_spell(each) for argument in given for each in _each(argument)]
    if form.has_argument_first:
        return [*form.command, *arguments, *words]
    guard = ["--"] if any(word.startswith("-") for word in arguments) else []
    return [*form.command, *words, *guard, *arguments]


def defaults_of(form: RequestForm) -> dict[str, object]:
    """What each field is where nothing is said of it; those that must be given have none."""
    is_generation = form.request in (GenerationSpec, SheetRequest)
    kind = GenerateRequest if is_generation else form.request
    found = {each.name: each.default for each in fields(kind) if each.default is not MISSING}
    return {**found, "size": None, "library": "", "axes": (), "example": ""}


def field_types(form: RequestForm) -> Mapping[str, Any]:
    """The annotation of each field that an option fills."""
    if form.request is GenerationSpec:
        return {**_hints(GenerateRequest), "size": str | None, "library": str}
    if form.request is SheetRequest:
        return {**_hints(GenerateRequest), **_hints(SheetRequest), "size": str | None}
    return _hints(form.request)


def _values(request: JobRequest) -> dict[str, object]:
    """The fields of a request by name; of a generation as its options have them."""
    if isinstance(request, SheetRequest):
        return {
            **_settings(request.settings),
            "axes": request.axes,
            "prompts": () if request.example else request.prompts,
            "example": request.example,
            "library": request.library,
        }
    if not isinstance(request, GenerationSpec):
        return {each.name: getattr(request, each.name) for each in fields(request)}
    asked = request.request
    # One that drew its seed and took nothing from the cache is repeated by that seed.
    is_random = asked.seed is None and request.fresh
    return {
        **_settings(asked),
        "seed": request.drawn if is_random else asked.seed,
        "library": request.library,
    }


def _settings(asked: GenerateRequest) -> dict[str, object]:
    """The fields of a generation as its options have them."""
    strength = asked.usual_strength if asked.strength is None else asked.strength
    has_size = asked.width is not None and asked.height is not None
    return {
        **{each.name: getattr(asked, each.name) for each in fields(asked)},
        "size": f"{asked.width}x{asked.height}" if has_size else None,
        "strength": None if asked.start_picture is None else strength,
        "mask_word": asked.mask_word or None,
    }


def _option_words(option: Option, value: object) -> list[str]:
    if isinstance(value, bool):
        return [option.flag] if value != option.switches_off else []
    return [word for each in _each(value) for word in (option.flag, _spell(each))]


def _each(value: object) -> Sequence[object]:
    """The values of a repeated option; one of any other; none where there is nothing to say."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _spell(value: object) -> str:
    if isinstance(value, Lora):
        return f"{value.path}:{value.weight:g}"
    if isinstance(value, SheetPrompt):
        return spelt(value)
    if isinstance(value, Axis):
        return spelt_axis(value)
    if isinstance(value, tuple):
        return "=".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
