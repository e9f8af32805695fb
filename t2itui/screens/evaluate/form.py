"""Asks what to evaluate, and how; what cannot be asked is said before anything starts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Label, Static

from engine.collections import BUILT_IN
from engine.errors import EngineError, RequestError, T2IError
from engine.requests import EvaluateRequest
from engine.scoring.registry import evaluated_scorers
from engine.states import DataKind
from t2itui.keys import bindings
from t2itui.screens.common.base import leave
from t2itui.screens.common.dialogs import (
    Dialog,
    FormError,
    WriteFile,
    data_field,
    encoder_field,
    line,
)
from t2itui.text.shell_commands import job_command, show_command
from t2itui.widgets.basics import Tick
from t2itui.widgets.path_input import PathInput

if TYPE_CHECKING:
    from engine.engine import Engine


LINES = {name: name for name in ("threshold", "language", "limit", "words", "images")}
LINES |= {"queries": "by-words", "scorers": "by-cosine", "encoders": "encoder"}
"""The line of the form for the field that an error is about; the data's for any other."""
CHECKING = "reading the data…"


class EvaluateForm(Dialog[EvaluateRequest]):
    """Data, pictures, encoder, scorers, and what to ask."""

    DEFAULT_CSS = """
    EvaluateForm {
        & Horizontal > Label { width: 11; }
        & Horizontal > Label.next { width: 11; padding-left: 1; }
        & Tick { margin-right: 2; }
        & #buttons { margin-top: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("evaluate_form")
    HEADING = "Evaluate"
    GO = "Evaluate (enter)"

    data = getters.query_one("#data", PathInput)
    images = getters.query_one("#images", PathInput)
    words = getters.query_one("#words", PathInput)

    def __init__(
        self,
        engine: Engine,
        request: EvaluateRequest,
        *,
        encoders: Sequence[str] = (),
        home: Path | None = None,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._first = request
        self._encoders = tuple(encoders)
        self._home = home

    def compose_fields(self) -> ComposeResult:
        first = self._first
        yield self.labelled("Data", data_field(first.data))
        formats = "Flickr token file, Karpathy's or COCO's JSON, CSV, folders"
        help_words = f"{formats}; or {BUILT_IN.name}"
        yield self.labelled("", Static(help_words, classes="help"))
        yield self._path("Images", "images", first.images, "beside the data", folders_only=True)
        yield self.labelled("Encoders", encoder_field(", ".join(first.encoders), self._encoders))
        with Horizontal():
            yield Label("Scorers")
            for name in evaluated_scorers():
                yield Tick(name, name in first.scorers, id=f"by-{name}")
        with Horizontal():
            yield Label("Ask by")
            by_words = first.queries == DataKind.WORDS
            yield Tick("class words, not captions", by_words, id="by-words")
            yield Tick("swapped captions too", first.swaps, id="swaps")
        yield self._path("Words file", "words", first.words, "the imported texts")
        with Horizontal():
            yield Label("Threshold")
            yield line("threshold", f"{first.threshold:g}", "0 to 1")
            yield Label("Pictures", classes="next")
            yield line("limit", str(first.limit or ""), "all")
            yield Label("Language", classes="next")
            yield line("language", first.language, "en and zh", ("en", "zh"))

    def _path(
        self, label: str, name: str, value: Path | None, default: str, *, folders_only: bool = False
    ) -> Horizontal:
        field = PathInput(
            "" if value is None else str(value),
            placeholder=default,
            folders_only=folders_only,
            suffixes=(".txt",),
            id=name,
        )
        return self.labelled(label, field)

    def on_mount(self) -> None:
        super().on_mount()
        self.data.line.focus()

    def action_submit(self) -> None:
        """Answer from a box too."""
        self.submit()

    def read(self) -> EvaluateRequest:
        by_words = self._box("by-words")
        threshold = self._number("threshold")
        return replace(
            self._first,
            data=self._data(),
            images=self.images.path,
            encoders=self._encoders_asked(),
            queries=DataKind.WORDS if by_words else DataKind.CAPTIONS,
            words=self.words.path if by_words else None,
            scorers=self._scorers(),
            threshold=self._first.threshold if threshold is None else threshold,
            limit=self._whole("limit", "pictures"),
            language=self._value("language").lower(),
            swaps=self._box("swaps"),
        )

    def _data(self) -> str:
        typed = self.data.line.value.strip()
        path = self.data.path
        if path is None:
            raise FormError(f"name the data, or type {BUILT_IN.name}", field="data")
        return BUILT_IN.name if typed == BUILT_IN.name else str(path)

    def _encoders_asked(self) -> tuple[str, ...]:
        """Those named, with commas between them; each once."""
        named = (each.strip() for each in self._value("encoder").split(","))
        return tuple(dict.fromkeys(each for each in named if each))

    def _scorers(self) -> tuple[str, ...]:
        """Those ticked, in the order of the request before, from which the first is the rule."""
        ordered = (*self._first.scorers, *evaluated_scorers())
        chosen = tuple(name for name in dict.fromkeys(ordered) if self._box(f"by-{name}"))
        if not chosen:
            raise FormError("tick a scorer", field="by-cosine")
        return chosen

    def _box(self, name: str) -> bool:
        return self.query_one(f"#{name}", Tick).value

    def command(self, answer: EvaluateRequest) -> str:
        return job_command(self._home, answer)

    def accept(self, answer: EvaluateRequest) -> None:
        """Have the engine read the data before leaving."""
        self.problem.update(Content(CHECKING))
        self._check(answer)

    @work(exclusive=True, group="check")
    async def _check(self, request: EvaluateRequest) -> None:
        try:
            await self._engine.evaluator.check(request)
        except T2IError as error:
            self.call_later(self.take_checked, request, error)
        else:
            self.call_later(self.take_checked, request, None)

    def take_checked(self, request: EvaluateRequest, error: T2IError | None) -> None:
        if error is None:
            leave(self, request)
        else:
            words = f"{error.message}. {error.hint}".replace("..", ".").strip()
            self.show_problem(FormError(words, field=line_of(error)))


def line_of(error: T2IError) -> str:
    """The line that an error is about: the encoder's where a model is at fault."""
    return LINES.get(error.field, "data") if isinstance(error, RequestError) else "encoder"


class SavePlot(WriteFile):
    """A file name that is not taken yet."""

    HEADING = "Draw the figures into a file"
    GO = "Draw (enter)"
    HELP = "recall, precision by recall, routing, reliability diagrams; .png, .svg or .pdf"

    def __init__(self, evaluation_id: int, *, home: Path | None) -> None:
        super().__init__(home, Path(f"~/evaluation_{evaluation_id}.png"))
        self._evaluation_id = evaluation_id

    def command(self, answer: Path) -> str:
        return show_command(self._home, self._evaluation_id, plot=answer)

    def accept(self, answer: Path) -> None:
        """Find out whether it can be drawn before leaving: the library takes a while to load."""
        self.problem.update(Content("preparing…"))
        self._check(answer)

    @work(exclusive=True, group="check")
    async def _check(self, path: Path) -> None:
        from engine.evaluation.plots import check_plots

        try:
            await asyncio.to_thread(check_plots, [path])
        except EngineError as error:
            self.call_later(self.take_checked, path, error)
        else:
            self.call_later(self.take_checked, path, None)

    def take_checked(self, path: Path, error: EngineError | None) -> None:
        if error is None:
            leave(self, path)
        else:
            self.show_problem(FormError(f"{error.message}. {error.hint}".strip()))
