"""What each kind of job can be asked, and under which options: one table.

The commands take their options from it, the screens the commands that they copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.collections import BUILT_IN
from engine.generation.request import GenerationSpec
from engine.models.schedulers import SCHEDULERS
from engine.requests import (
    QUERIES,
    AttachRequest,
    DownloadRequest,
    EvaluateRequest,
    ExportRequest,
    ImportRequest,
    IndexRequest,
    TrainRequest,
)
from engine.scoring.heads import HEAD_KINDS, HEAD_SUMMARIES, LOSSES
from engine.sheets.prompts import EXAMPLES
from engine.sheets.request import AXES, SheetRequest
from engine.states import JobKind, VectorLayout


class PathKind(StrEnum):
    """What must be at a path that an option names."""

    FILE = "file"
    FOLDER = "folder"
    NEW_FOLDER = "new folder"
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
    further_argument: str = ""
    """A field whose values stand after it."""
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


_OF_ONE_PROMPT = (
    *("count", "until_pass"),
    *("mask", "mask_box", "mask_word", "mask_grow", "mask_feather"),
)
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
        help="How far from --start: above 0, 1 forgets it; default .6, with a mask 1.",
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
        flag="--mask-word",
        field="mask_word",
        metavar="WORD",
        help="The same for what this is in the picture: a word, or a few.",
    ),
    Option(
        flag="--mask-grow",
        field="mask_grow",
        metavar="PX",
        at_least=0,
        help="Widen the mask by so many pixels; default with --mask-word: half a patch.",
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
        further_argument="addresses",
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
            Option(
                flag="--devices",
                field="devices",
                metavar="0,1",
                help="Embed on several GPUs (or cuda:0,cpu), with an encoder process on each;"
                " default: settings.",
            ),
            Option(
                flag="--shards",
                field="shards",
                path=PathKind.NEW_FOLDER,
                metavar="OUT",
                help="Write shards into the folder OUT, in clip-retrieval's layout, and leave the"
                " library alone; run it again to go on. t2itui library attach OUT brings them in.",
            ),
            Option(
                flag="--shard-size",
                field="shard_size",
                at_least=1,
                metavar="N",
                shows_default=True,
                help="Files that make up a shard of --shards.",
            ),
            Option(
                flag="--cluster",
                field="cluster",
                metavar="ADDRESS",
                help="Have the shards made by a Ray cluster whose machines all see DIR and OUT:"
                " HOST:6379 from one of them, ray://HOST:10001 from elsewhere.",
            ),
        ),
    ),
    JobKind.ATTACH: RequestForm(
        request=AttachRequest, command=("library", "attach"), argument="folder", is_ascii=True
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
