"""The lines of the painting form as a person types them, and which of them an error is about."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from engine import disk
from engine.errors import EngineError
from engine.file_types import SUFFIXES
from engine.generation.request import (
    DEFAULT_STRENGTH,
    MASKED_STRENGTH,
    GenerateRequest,
    GenerationSpec,
)
from engine.models.generator_info import GeneratorInfo
from engine.models.parameters import MAX_STEPS, Lora, MaskBox, read_box, read_lora
from engine.models.schedulers import SCHEDULERS
from t2itui.keys import bindings
from t2itui.screens.common.base import leave
from t2itui.screens.common.dialogs import Dialog, FormError
from t2itui.screens.common.dialogs import line as _line
from t2itui.text.plain import plain
from t2itui.text.shell_commands import job_command
from t2itui.text.words import size_words
from t2itui.widgets.basics import Tick
from t2itui.widgets.path_input import PathInput

if TYPE_CHECKING:
    from engine.engine import Engine


STRENGTHS = f"{DEFAULT_STRENGTH:g}; of a part {MASKED_STRENGTH:g}"
"""Where nothing is said."""
PRESETS = {"quick": 0.4, "standard": None, "fine": 2.0}
"""Steps, in the model's own number of them, which the standard leaves to the model."""

LINES = {
    **{"width": "size", "height": "size", "start_picture": "start", "until_pass": "tries"},
    **dict.fromkeys(("mask_box", "mask_word", "mask_grow", "mask_feather"), "mask"),
}
"""The line of the form for fields of a request that have none of their own name."""


def read_size(text: str) -> tuple[int, int] | None:
    """Width and height of `512x384`, or `512` for a square; None where nothing stands.

    Raises:
        ValueError: it is no size.
    """
    if not text.strip():
        return None
    parts = text.strip().lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise ValueError("write a size as 512x384, or 512 for a square")
    return int(parts[0]), int(parts[-1])


def size_text(width: int | None, height: int | None) -> str:
    """A size as it is typed; empty where it is left to the model."""
    return f"{width}x{height}" if width and height else ""


def read_loras(text: str) -> tuple[Lora, ...]:
    """LoRA files with their weights out of `a.safetensors:0.8, b.safetensors`."""
    return tuple(read_lora(entry.strip()) for entry in text.split(",") if entry.strip())


def loras_text(loras: Sequence[Lora]) -> str:
    """LoRA files as they are typed."""
    return ", ".join(
        f"{lora.path}:{lora.weight:g}" if lora.weight != 1 else str(lora.path) for lora in loras
    )


def read_mask(text: str) -> tuple[Path | None, MaskBox | None, str]:
    """The part that is painted anew, as it is typed: a picture, a box, or what is to be seen there.

    What is no box `x,y,width,height`, and neither a file nor written as one, is looked for.
    """
    text = text.strip()
    if not text:
        return None, None, ""
    try:
        return None, read_box(text), ""
    except ValueError:
        path = disk.from_root(disk.expanded(text))
    if "/" in text or path.suffix.lower() in SUFFIXES or disk.is_file(path):
        return path, None, ""
    return None, None, text


def mask_text(request: GenerateRequest) -> str:
    """The part that is painted anew, as it is typed."""
    return str(request.mask_box or request.mask or request.mask_word)


def line_of(error: EngineError) -> str:
    """The line that an error is about; the model's where it is about no field of the request."""
    return LINES.get(error.field, error.field) or "model"


def generator_words(info: GeneratorInfo) -> str:
    """What a model is and paints with unless told otherwise."""
    defaults = info.defaults
    return (
        f"{info.id}, {size_words(info.size_bytes)}: {defaults.width}x{defaults.height} in"
        f" {defaults.steps} steps; sides in multiples of {info.multiple};"
        f" {', '.join(info.schedulers)}"
    )


PREVIEWS = "Without previews a picture shows when it is done; this is kept."


class GenerateForm(Dialog[GenerateRequest]):
    """A prompt, and all that a generator can be told; empty lines leave it to the model."""

    DEFAULT_CSS = """
    GenerateForm {
        & Horizontal > Label { width: 11; }
        & Horizontal > Label.next { width: 11; padding-left: 1; }
        & Horizontal > Button { margin-right: 1; }
        & Tick { margin-left: 1; }
        & #said { color: $text-muted; height: auto; max-height: 3; }
        & #buttons { margin-top: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("paint_form")
    HEADING = "Paint a picture"
    GO = "Paint (enter)"

    said = getters.query_one("#said", Static)
    start = getters.query_one("#start", PathInput)

    def __init__(
        self,
        engine: Engine,
        request: GenerateRequest,
        warnings: Sequence[str] = (),
        *,
        library: str = "",
        home: Path | None = None,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._first = request
        self._warnings = tuple(warnings)
        self._library = library
        self._home = home
        self._previews = Tick("previews", request.preview, id="preview")
        self._previews.tooltip = PREVIEWS
        self._info: GeneratorInfo | None = None
        self._words = ""
        """What is said of the model."""
        self._described = ""
        """The source that was described last."""

    def compose_fields(self) -> ComposeResult:
        first = self._first
        yield self.labelled("Prompt", _line("prompt", first.prompt, "what to show"))
        yield self.labelled("Not", _line("negative", first.negative, "what not to show"))
        with Horizontal():
            yield Label("Steps")
            yield _line("steps", _text(first.steps))
            for name in PRESETS:
                yield Button(name, id=name, compact=True)
        yield self._row(
            ("Size", _line("size", size_text(first.width, first.height))),
            ("Guidance", _line("guidance", _text(first.guidance))),
        )
        yield self._row(
            ("Seed", _line("seed", _text(first.seed), "any")),
            ("How many", _line("count", str(first.count))),
            last=self._previews,
        )
        yield self._row(
            (
                "Scheduler",
                Input(
                    first.scheduler or "",
                    compact=True,
                    select_on_focus=False,
                    suggester=SuggestFromList(tuple(SCHEDULERS)),
                    id="scheduler",
                ),
            ),
            ("Strength", _line("strength", _text(first.strength), STRENGTHS)),
        )
        yield self.labelled(
            "Start from",
            PathInput(
                str(first.start_picture or ""),
                placeholder="a picture to vary: .3 stays close to it, .8 keeps little",
                folders_only=False,
                suffixes=SUFFIXES,
                id="start",
            ),
        )
        yield self._row(
            ("Mask", _line("mask", mask_text(first), "a word, x,y,w,h, or a picture")),
            ("Tries", _line("tries", _text(first.until_pass), "seeds, until one passes")),
        )
        yield self.labelled("Model", _line("model", first.model or "", self._source()))
        yield self.labelled(
            "LoRA", _line("loras", loras_text(first.loras), "file.safetensors:0.8, another")
        )
        yield Static(PREVIEWS, classes="help")
        yield Static(id="said")

    @staticmethod
    def _row(*pairs: tuple[str, Input], last: Widget | None = None) -> Horizontal:
        labels = ("", "next")
        widgets: list[Widget] = []
        for (label, field), style in zip(pairs, labels, strict=True):
            widgets += [Label(label, classes=style), field]
        return Horizontal(*widgets, *([last] if last is not None else []))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#prompt", Input).focus()
        self.describe()

    def action_submit(self) -> None:
        """Answer from the box too."""
        self.submit()

    # The model

    def _source(self, model: str | None = None) -> str:
        request = replace(self._first, model=model)
        return self._engine.generation.source(request, self._library)

    @on(Input.Blurred, "#model")
    @on(Input.Submitted, "#model")
    def describe(self) -> None:
        """Find out what the model can do."""
        source = self._source(self._value("model") or None)
        if source != self._described:
            self._described = source
            self._describe(source)

    @work(exclusive=True, group="describe")
    async def _describe(self, source: str) -> None:
        try:
            info = await self._engine.generators.describe(source)
        except EngineError as error:
            self.call_later(self.show_described, None, f"✖ {error.message} {error.hint}")
        else:
            self.call_later(self.show_described, info, generator_words(info))

    def show_described(self, info: GeneratorInfo | None, words: str) -> None:
        self._info, self._words = info, words
        self.show_said()
        if info is not None:
            defaults = info.defaults
            for place, words in (
                ("steps", f"{defaults.steps}"),
                ("guidance", f"{defaults.guidance:g}"),
                ("size", size_text(defaults.width, defaults.height)),
                ("scheduler", defaults.scheduler),
            ):
                self.query_one(f"#{place}", Input).placeholder = words

    @on(Input.Changed, "#prompt")
    def show_said(self) -> None:
        """Say what the model is, what a recipe lacks, and which words the model never met."""
        vocabulary = None if self._info is None else self._info.vocabulary
        notice = "" if vocabulary is None else vocabulary.notice(self._value("prompt"), full=True)
        warnings = [f"! {warning}" for warning in (*self._warnings, notice) if warning]
        self.said.update(Content("\n").join([Content(plain(x)) for x in (*warnings, self._words)]))

    @on(Button.Pressed, "#quick, #standard, #fine")
    def take_preset(self, message: Button.Pressed) -> None:
        """Take the steps of a preset; the standard is the model's own."""
        share = PRESETS[message.button.id or ""]
        if self._info is None:
            return
        steps = ""
        if share is not None:
            steps = str(max(1, min(MAX_STEPS, round(self._info.defaults.steps * share))))
        self.query_one("#steps", Input).value = steps

    # The answer

    def read(self) -> GenerateRequest:
        try:
            size = read_size(self._value("size"))
        except ValueError as error:
            raise FormError(str(error), field="size") from error
        mask, box, word = read_mask(self._value("mask"))
        return replace(
            self._first,
            prompt=self._value("prompt"),
            negative=self._value("negative"),
            seed=self._whole("seed"),
            steps=self._whole("steps"),
            guidance=self._number("guidance"),
            width=size[0] if size else None,
            height=size[1] if size else None,
            scheduler=self._value("scheduler") or None,
            count=self._whole("count") or 1,
            model=self._value("model") or None,
            loras=read_loras(self._value("loras")),
            start_picture=self.start.path,
            strength=self._number("strength"),
            mask=mask,
            mask_box=box,
            mask_word=word,
            until_pass=self._whole("tries"),
            preview=self._previews.value,
        )

    def command(self, answer: GenerateRequest) -> str:
        return job_command(
            self._home, GenerationSpec(request=answer, drawn=0, library=self._library)
        )

    def accept(self, answer: GenerateRequest) -> None:
        """Have the model's files say whether they can do it before leaving."""
        self._check(answer)

    @work(exclusive=True, group="check")
    async def _check(self, request: GenerateRequest) -> None:
        from engine.generation.request import resolve

        try:
            info = await self._engine.generators.describe(self._source(request.model))
            await asyncio.to_thread(resolve, request, info)
        except EngineError as error:
            self.call_later(self.take_checked, request, error)
        else:
            self.call_later(self.take_checked, request, None)

    def take_checked(self, request: GenerateRequest, error: EngineError | None) -> None:
        if error is None:
            leave(self, request)
        else:
            words = f"{error.message}. {error.hint}".replace("..", ".")
            self.show_problem(FormError(words, field=line_of(error)))


def _text(value: float | None) -> str:
    return "" if value is None else f"{value}"
