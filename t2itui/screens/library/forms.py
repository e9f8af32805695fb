"""Asks for a folder to index, and how."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from engine import disk, numbers
from engine.collections import BUILT_IN
from engine.errors import RequestError
from engine.library.left_out import checked_patterns
from engine.requests import AttachRequest, ImportRequest, IndexRequest
from engine.settings import CHINESE_ENCODER, DEFAULT_ENCODER
from t2itui.screens.common.dialogs import Dialog, FormError
from t2itui.text.plain import plain
from t2itui.text.shell_commands import job_command
from t2itui.widgets.path_input import PathInput

if TYPE_CHECKING:
    from engine.results import ModelStatus


class AddFolder(Dialog[IndexRequest | AttachRequest]):
    """A folder, the encoder, how many pictures of each of its folders, and what is left out.

    A folder of shards is attached as it is.
    """

    HEADING = "Add a folder"
    GO = "Index (enter)"

    folder = getters.query_one("#folder", PathInput)
    encoder = getters.query_one("#encoder", Input)
    per_class = getters.query_one("#per-class", Input)
    seed = getters.query_one("#seed", Input)
    exclude = getters.query_one("#exclude", Input)
    presence = getters.query_one("#presence", Static)

    def __init__(
        self,
        home: Path | None,
        *,
        models: Sequence[ModelStatus],
        default_encoder: str,
        holds_shards: Callable[[Path], bool],
        folder: str = "",
    ) -> None:
        super().__init__()
        self._holds_shards = holds_shards
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
        yield self.labelled(
            "Leave out",
            Input(
                placeholder="raw/ *.gif   (this time; a .t2ituiignore for always)",
                compact=True,
                id="exclude",
            ),
        )

    def read(self) -> IndexRequest | AttachRequest:
        folder = self.folder.path
        if folder is None:
            raise FormError("name a folder")
        if not disk.is_folder(folder):
            raise FormError(disk.absence(folder, f"{folder} is no folder on this machine"))
        if self._holds_shards(folder):
            return AttachRequest(folder=folder)
        per_class = _number("per class", self.per_class.value)
        if per_class is not None and per_class < 1:
            raise FormError("per class: at least 1, or nothing for all")
        self._require_encoder()
        return IndexRequest(
            folders=(folder,),
            encoder=self.encoder.value.strip() or None,
            per_class=per_class,
            seed=_number("seed", self.seed.value) or 0,
            exclude=self._patterns(),
        )

    def _patterns(self) -> tuple[str, ...]:
        """What to leave out; spaces part the patterns, and quotes keep them, as in a shell."""
        try:
            patterns = tuple(shlex.split(self.exclude.value))
            checked_patterns(patterns)
        except (ValueError, RequestError) as error:
            raise FormError(f"leave out: {error}", field="exclude") from error
        return patterns

    def _require_encoder(self) -> None:
        """Refuse an encoder that is known not to be here, and say what there is instead."""
        model = self._models.get(self.encoder.value.strip() or self._default)
        if model is not None and model.known and not model.location and not model.indexed:
            raise FormError(
                f"{model.id} is not on this machine: t2itui models get {model.id} fetches it, or d"
                f" on the Encoders tab. Or type {BUILT_IN.name} as the encoder. {BUILT_IN.limits}"
            )

    def command(self, answer: IndexRequest | AttachRequest) -> str:
        return job_command(self._home, answer)

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
            if chosen == BUILT_IN.name:
                words = BUILT_IN.limits
        else:
            words = (
                "not on this machine: download it first (d on the Encoders tab)."
                f" {BUILT_IN.name} is here, for drawn animals only"
            )
        self.presence.update(Content(plain(words)))


def _number(label: str, text: str) -> int | None:
    """Return the number in a line, None where it is empty."""
    if not text.strip():
        return None
    try:
        return numbers.whole(text)
    except ValueError as error:
        raise FormError(f"{label}: {error}") from error


class ImportVectors(Dialog[ImportRequest]):
    """The encoder, the files, and where the named pictures lie."""

    HEADING = "Import vectors"
    GO = "Import (enter)"

    encoder = getters.query_one("#encoder", Input)
    pictures = getters.query_one("#pictures", PathInput)
    texts = getters.query_one("#texts", PathInput)
    root = getters.query_one("#root", PathInput)
    scale = getters.query_one("#scale", Input)
    languages = getters.query_one("#languages", Input)

    def __init__(self, home: Path | None) -> None:
        super().__init__()
        self._home = home

    def compose_fields(self) -> ComposeResult:
        yield self.labelled(
            "Encoder",
            Input(
                DEFAULT_ENCODER,
                placeholder="the id of the encoder that made the vectors",
                suggester=SuggestFromList([DEFAULT_ENCODER, CHINESE_ENCODER]),
                compact=True,
                select_on_focus=False,
                id="encoder",
            ),
        )
        yield self._path("Pictures", "pictures", ".npz with image and vector, or a folder")
        yield self._path("Texts", "texts", ".npz with text and vector")
        yield self._path(
            "Pictures' root", "root", "where the pictures lie, if they do", folders_only=True
        )
        yield self.labelled("Logit scale", Input("100", type="number", compact=True, id="scale"))
        yield self.labelled("Languages", Input("en", compact=True, id="languages"))

    def _path(
        self, label: str, name: str, placeholder: str, *, folders_only: bool = False
    ) -> Widget:
        field = PathInput(
            placeholder=placeholder,
            folders_only=folders_only,
            suffixes=() if folders_only else (".npz",),
            id=name,
        )
        return self.labelled(label, field)

    def read(self) -> ImportRequest:
        pictures, texts, root = self.pictures.path, self.texts.path, self.root.path
        if not self.encoder.value.strip():
            raise FormError("name the encoder that made the vectors")
        if pictures is None and texts is None:
            raise FormError("name pictures, texts or both")
        for path in (pictures, texts):
            if path is not None and not disk.exists(path):
                raise FormError(disk.absence(path, f"{path} is not there"))
        if root is not None and not disk.is_folder(root):
            raise FormError(disk.absence(root, f"{root} is no folder on this machine"))
        return ImportRequest(
            encoder_id=self.encoder.value.strip(),
            pictures=pictures,
            texts=texts,
            root=root,
            logit_scale=self._scale(),
            languages=tuple(self.languages.value.replace(",", " ").split()) or ("en",),
        )

    def _scale(self) -> float:
        try:
            scale = numbers.finite(self.scale.value or "100")
        except ValueError as error:
            raise FormError(f"logit scale: {error}") from error
        if not 0 < scale < 1e6:
            raise FormError("logit scale: a positive number, 100 for OpenAI's CLIP")
        return scale

    def command(self, answer: ImportRequest) -> str:
        return job_command(self._home, answer)
