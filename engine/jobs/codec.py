"""A job's request in its three spellings: the value, its JSON in the jobs table, its command line.

FORMS says what each kind of job can be asked, and under which options: the commands take their
options from it, the screens the commands that they copy, and running a job again what to start.
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
from engine.collections import BUILT_IN
from engine.errors import RequestError
from engine.events import Report
from engine.generation.request import GenerateRequest, GenerationSpec
from engine.models.parameters import Lora
from engine.models.schedulers import SCHEDULERS
from engine.requests import (
    QUERIES,
    DownloadRequest,
    EvaluateRequest,
    ExportRequest,
    ImportRequest,
    IndexRequest,
    TrainRequest,
)
from engine.scoring.heads import HEAD_KINDS, HEAD_SUMMARIES, LOSSES
from engine.sheets.prompts import EXAMPLES, SheetPrompt, spelt
from engine.sheets.request import AXES, Axis, SheetRequest, spelt_axis
from engine.states import JobKind, VectorLayout
from engine.untrusted.documents import parse_object

JobRequest: TypeAlias = (
    IndexRequest
    | ImportRequest
    | ExportRequest
    | DownloadRequest
    | EvaluateRequest
    | TrainRequest
    | GenerationSpec
    | SheetRequest
)


Request = TypeVar("Request")


class PathKind(StrEnum):
    """What must be at a path that an option names."""

    FILE = "file"
    FOLDER = "folder"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a command, and the field of the request that it fills."""

    flag: str
    field: str
    help: str = ""
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    path: PathKind | None = None
    at_least: int | None = None
    shows_default: bool = False
    """Help names the default."""
    switches_off: bool = False
    """The option stands for False."""
    is_always_written: bool = False
    """A copied command names it even where it says what is the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestForm:
    """How the requests of a kind of job are spelt."""

    request: type[Any]
    command: tuple[str, ...]
    argument: str
    """The field whose value stands without an option."""
    options: tuple[Option, ...] = ()
    has_argument_first: bool = False
    is_ascii: bool = False
    """Its JSON is ASCII alone: paths may hold what is no Unicode."""

    def option(self, field: str) -> Option:
        """The option that fills a field."""
        return next(option for option in self.options if option.field == field)


def _sentences(said: Mapping[str, str]) -> str:
    """What is said of each choice, in a row."""
    return "; ".join(f"{name}, {words}" for name, words in said.items()) + "."


_IMAGES = Option(
    flag="--images",
    field="images",
    path=PathKind.FOLDER,
    metavar="DIR",
    help="Where the pictures of DATA lie, if not beside it.",
)
_ENCODER = Option(
    flag="--encoder",
    field="encoder",
    metavar="ID",
    help="Default: the one that knows most of the pictures.",
)
_WORDS = Option(
    flag="--words",
    field="words",
    path=PathKind.FILE,
    metavar="FILE",
    help="The class words, one a line; default: the imported texts.",
)
_SPLIT = Option(
    flag="--split", field="split", shows_default=True, help="Of split data; '' for all."
)
_LANGUAGE = Option(
    flag="--language",
    field="language",
    choices=BUILT_IN.languages,
    help=f"Of the {BUILT_IN.name}; default: both.",
)
_LIMIT = Option(
    flag="--limit", field="limit", at_least=1, metavar="N", help="N pictures, at random."
)
_SEED = Option(flag="--seed", field="seed", shows_default=True)


def _queries(help_: str) -> Option:
    return Option(
        flag="--queries",
        field="queries",
        choices=QUERIES,
        shows_default=True,
        help=help_,
    )


_OF_ONE_PROMPT = ("count", "until_pass", "mask", "mask_box", "mask_grow", "mask_feather")
"""Fields of a generation that a sheet is not asked for: its cells are the pictures, and whole."""
_GENERATION = (
    Option(
        flag="--negative",
        field="negative",
        metavar="TEXT",
        help="What the picture should not show.",
    ),
    Option(flag="--seed", field="seed", metavar="N", help="Repeats a picture; default: any."),
    Option(
        flag="--steps",
        field="steps",
        metavar="N",
        help="Denoising steps; default: the model's.",
    ),
    Option(
        flag="--guidance",
        field="guidance",
        metavar="G",
        help="How closely to follow the prompt.",
    ),
    Option(
        flag="--size",
        field="size",
        metavar="WxH",
        help="Pixels; default: the model's.",
    ),
    Option(
        flag="--scheduler",
        field="scheduler",
        metavar="NAME",
        help=f"{', '.join([*SCHEDULERS][:-1])} or {[*SCHEDULERS][-1]}.",
    ),
    Option(
        flag="--count",
        field="count",
        metavar="N",
        help="Pictures, with seeds that count on.",
    ),
    Option(
        flag="--model",
        field="model",
        metavar="ID",
        help="Hub id, folder or .safetensors file.",
    ),
    Option(
        flag="--lora",
        field="loras",
        metavar="FILE[:W]",
        help="With its weight; may be repeated.",
    ),
    Option(
        flag="--start",
        field="start_picture",
        path=PathKind.FILE,
        help="Paint a variation of this picture.",
    ),
    Option(
        flag="--strength",
        field="strength",
        metavar="S",
        help="How far from --start: above 0, 1 forgets it.",
        is_always_written=True,
    ),
    Option(
        flag="--mask",
        field="mask",
        path=PathKind.FILE,
        help="Paint --start anew where this picture is white; the rest stays.",
    ),
    Option(
        flag="--mask-box",
        field="mask_box",
        metavar="X,Y,W,H",
        help="The same for a box, in fractions of the sides or in pixels.",
    ),
    Option(
        flag="--mask-grow",
        field="mask_grow",
        metavar="PX",
        at_least=0,
        help="Widen the mask by so many pixels.",
    ),
    Option(
        flag="--mask-feather",
        field="mask_feather",
        metavar="PX",
        at_least=0,
        help="Pixels inside its edge over which the new goes into the old.",
    ),
    Option(
        flag="--until-pass",
        field="until_pass",
        metavar="N",
        at_least=1,
        help="Try up to N seeds until a picture passes, and keep the best.",
    ),
    Option(flag="--in", field="library", help="Paint for the built-in library."),
)
"""What can be asked of a generation beside its prompt, which stands without an option."""


FORMS: Mapping[JobKind, RequestForm] = {
    JobKind.INDEX: RequestForm(
        request=IndexRequest,
        command=("index",),
        argument="folders",
        is_ascii=True,
        options=(
            Option(
                flag="--encoder",
                field="encoder",
                metavar="ID",
                help=f"Hub id or folder, or {BUILT_IN.name}; default: settings.",
            ),
            Option(
                flag="--per-class",
                field="per_class",
                at_least=1,
                metavar="N",
                help="Take at most N pictures of each folder, at random but evenly.",
            ),
            Option(flag="--seed", field="seed", shows_default=True, help="Seed of --per-class."),
            Option(
                flag="--exclude",
                field="exclude",
                metavar="PATTERN",
                help="Leave out what matches, as in .gitignore: 'raw/', '*.gif'; may be repeated.",
            ),
        ),
    ),
    JobKind.IMPORT: RequestForm(
        request=ImportRequest,
        command=("cache", "import"),
        argument="",
        is_ascii=True,
        options=(
            Option(
                flag="--encoder",
                field="encoder_id",
                metavar="ID",
                help="The encoder that made the vectors.",
            ),
            Option(
                flag="--pictures",
                field="pictures",
                path=PathKind.EITHER,
                help="A .npz with arrays `image` (names) and `vector`, or a folder made by"
                " clip-retrieval.",
            ),
            Option(
                flag="--texts",
                field="texts",
                path=PathKind.FILE,
                help="A .npz with arrays `text` and `vector`.",
            ),
            Option(
                flag="--root",
                field="root",
                path=PathKind.FOLDER,
                help="Where the named pictures lie.",
            ),
            Option(flag="--logit-scale", field="logit_scale", shows_default=True),
            Option(flag="--language", field="languages", metavar="CODE", shows_default=True),
        ),
    ),
    JobKind.EXPORT: RequestForm(
        request=ExportRequest,
        command=("cache", "export"),
        argument="target",
        is_ascii=True,
        options=(
            Option(flag="--encoder", field="encoder_id", metavar="ID", help="Whose vectors."),
            Option(
                flag="--layout",
                field="layout",
                choices=tuple(VectorLayout),
                shows_default=True,
            ),
        ),
    ),
    JobKind.DOWNLOAD: RequestForm(
        request=DownloadRequest, command=("models", "get"), argument="model", is_ascii=True
    ),
    JobKind.EVALUATE: RequestForm(
        request=EvaluateRequest,
        command=("eval",),
        argument="data",
        has_argument_first=True,
        options=(
            _IMAGES,
            Option(
                flag="--encoder",
                field="encoders",
                metavar="ID",
                help="Default: the one that knows most of the pictures; several stand side by side,"
                " each held against the first.",
            ),
            Option(
                flag="--scorer",
                field="scorers",
                help="May be given several times; the first is what others are compared with.  "
                "[default: cosine, match]",
            ),
            Option(
                flag="--threshold",
                field="threshold",
                help="Default: the settings'.",
                is_always_written=True,
            ),
            _queries("Ask by captions, or by class words that occur in them."),
            _WORDS,
            _SPLIT,
            _LANGUAGE,
            _LIMIT,
            _SEED,
            Option(
                flag="--template",
                field="templates",
                metavar="TEXT",
                help="What is said of a class, {} standing for its name; their embeddings are"
                " averaged.",
            ),
            Option(
                flag="--class-name",
                field="names",
                metavar="DIR=NAME",
                help="What to call the class of a folder, such as cane=dog.",
            ),
            Option(flag="--resamples", field="resamples", at_least=0, shows_default=True),
            Option(
                flag="--no-swaps",
                field="swaps",
                switches_off=True,
                help="Do not try captions with one word exchanged.",
            ),
            Option(
                flag="--offline",
                field="offline",
                help="Start no model; leave out what is not embedded.",
            ),
        ),
    ),
    JobKind.TRAIN: RequestForm(
        request=TrainRequest,
        command=("train",),
        argument="data",
        options=(
            _IMAGES,
            _ENCODER,
            _queries("Learn from captions, or from class words that occur in them."),
            _WORDS,
            _SPLIT,
            _LANGUAGE,
            _LIMIT,
            _SEED,
            Option(
                flag="--head",
                field="head",
                choices=HEAD_KINDS,
                shows_default=True,
                help=f"The network: {_sentences(HEAD_SUMMARIES)}",
            ),
            Option(
                flag="--loss",
                field="loss",
                choices=tuple(LOSSES),
                shows_default=True,
                help=f"What it learns by: {_sentences(LOSSES)}",
            ),
            Option(
                flag="--beside",
                field="beside",
                choices=HEAD_KINDS,
                help="Also fit this head, for the report alone; may be repeated.",
            ),
            Option(flag="--hidden", field="hidden", at_least=4, shows_default=True),
            Option(flag="--epochs", field="epochs", at_least=0, shows_default=True),
            Option(
                flag="--force",
                field="force",
                help="Keep it even if match without labels does as well.",
            ),
            Option(
                flag="--offline",
                field="offline",
                help="Start no encoder; leave out what is not embedded.",
            ),
        ),
    ),
    JobKind.GENERATE: RequestForm(
        request=GenerationSpec,
        command=("generate",),
        argument="prompt",
        options=_GENERATION,
    ),
    JobKind.SHEET: RequestForm(
        request=SheetRequest,
        command=("sheet",),
        argument="prompts",
        options=(
            Option(
                flag="--axis",
                field="axes",
                metavar="NAME=V,V…",
                help="What the columns vary over, such as seed=1..5 or guidance=5,7.5; may be"
                f" repeated. Known: {', '.join(AXES)}.",
            ),
            Option(
                flag="--example",
                field="example",
                choices=tuple(EXAMPLES),
                help="Prompts that ship with the program.",
            ),
            *(option for option in _GENERATION if option.field not in _OF_ONE_PROMPT),
        ),
    ),
}


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
    argument = values.get(form.argument) or ()
    arguments = [_spell(each) for each in _each(argument)]
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
    has_size = asked.width is not None and asked.height is not None
    return {
        **{each.name: getattr(asked, each.name) for each in fields(asked)},
        "size": f"{asked.width}x{asked.height}" if has_size else None,
        "strength": None if asked.start_picture is None else asked.strength,
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
