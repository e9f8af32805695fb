"""Asks for a folder to index, and how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label, Static

from engine.indexing.limits import LIMITS
from engine.models.places import STORYBOOK
from engine.requests import IndexRequest
from t2itui.job_twins import index_command
from t2itui.plain import plain
from t2itui.screens.form import Dialog, FormError
from t2itui.widgets.path_input import PathInput

if TYPE_CHECKING:
    from engine.results import ModelStatus


class AddFolder(Dialog[IndexRequest]):
    """A folder, the encoder, and how many pictures of each of its folders to take."""

    HEADING = "Add a folder"
    GO = "Index (enter)"

    folder = getters.query_one("#folder", PathInput)
    encoder = getters.query_one("#encoder", Input)
    per_class = getters.query_one("#per-class", Input)
    seed = getters.query_one("#seed", Input)
    presence = getters.query_one("#presence", Static)

    def __init__(
        self,
        home: Path | None,
        *,
        models: Sequence[ModelStatus],
        default_encoder: str,
        folder: str = "",
    ) -> None:
        super().__init__()
        self._home = home
        self._models = {model.id: model for model in models}
        self._default = default_encoder
        self._folder = folder

    def compose_fields(self) -> ComposeResult:
        yield self.labelled(
            "Folder",
            PathInput(
                self._folder,
                placeholder="~/pictures   (tab completes, down chooses)",
                folders_only=True,
                id="folder",
            ),
        )
        yield self.labelled(
            "Encoder",
            Input(
                placeholder=f"{self._default}   (hub id or folder)",
                suggester=SuggestFromList(sorted(self._models)),
                compact=True,
                id="encoder",
            ),
        )
        yield self.labelled("", Static(id="presence", classes="help"))
        with Horizontal():
            yield Label("Per class")
            yield Input(placeholder="all", type="integer", compact=True, id="per-class")
            yield Label("seed")
            yield Input("0", type="integer", compact=True, id="seed")
        yield self.labelled(
            "", Static("at most so many pictures of each folder, taken evenly", classes="help")
        )

    def read(self) -> IndexRequest:
        folder = self.folder.path
        if folder is None:
            raise FormError("name a folder")
        if not folder.is_dir():
            raise FormError(f"{folder} is no folder on this machine")
        per_class = _number("per class", self.per_class.value)
        if per_class is not None and per_class < 1:
            raise FormError("per class: at least 1, or nothing for all")
        self._require_encoder()
        return IndexRequest(
            folders=(folder,),
            encoder=self.encoder.value.strip() or None,
            per_class=per_class,
            seed=_number("seed", self.seed.value) or 0,
        )

    def _require_encoder(self) -> None:
        """Refuse an encoder that is known not to be here, and say what there is instead."""
        model = self._models.get(self.encoder.value.strip() or self._default)
        if model is not None and model.known and not model.location and not model.indexed:
            raise FormError(
                f"{model.id} is not on this machine: t2itui models get {model.id} fetches it, or d"
                f" on the Encoders tab. Or type {STORYBOOK} as the encoder. {LIMITS}"
            )

    def command(self, answer: IndexRequest) -> str:
        return index_command(self._home, answer)

    def on_mount(self) -> None:
        super().on_mount()
        self._say_presence()

    @on(Input.Changed, "#encoder")
    def _say_presence(self) -> None:
        chosen = self.encoder.value.strip() or self._default
        model = self._models.get(chosen)
        if model is None:
            words = "a hub id or the folder of a model"
        elif model.location:
            words = f"on this machine, {model.indexed:,} pictures embedded"
            if chosen == STORYBOOK:
                words = LIMITS
        else:
            words = (
                "not on this machine: download it first (d on the Encoders tab)."
                f" {STORYBOOK} is here, for drawn animals only"
            )
        self.presence.update(Content(plain(words)))


def _number(label: str, text: str) -> int | None:
    """Return the number in a line, None where it is empty."""
    if not text.strip():
        return None
    try:
        return int(text)
    except ValueError as error:
        raise FormError(f"{label}: {text!r} is no number") from error
