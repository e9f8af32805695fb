"""Asks for vectors that were made elsewhere."""

from __future__ import annotations

from pathlib import Path

from textual import getters
from textual.app import ComposeResult
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input

from engine.requests import ImportRequest
from engine.settings import CHINESE_ENCODER, DEFAULT_ENCODER
from t2itui.job_twins import import_command
from t2itui.screens.form import Dialog, FormError
from t2itui.widgets.path_input import PathInput


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
        yield self._path("Pictures' root", "root", "where the pictures lie, if they do")
        yield self.labelled("Logit scale", Input("100", type="number", compact=True, id="scale"))
        yield self.labelled("Languages", Input("en", compact=True, id="languages"))

    def _path(self, label: str, name: str, placeholder: str) -> Widget:
        is_root = name == "root"
        field = PathInput(
            placeholder=placeholder,
            folders_only=is_root,
            suffixes=() if is_root else (".npz",),
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
            if path is not None and not path.exists():
                raise FormError(f"{path} is not there")
        if root is not None and not root.is_dir():
            raise FormError(f"{root} is no folder on this machine")
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
            scale = float(self.scale.value or "100")
        except ValueError as error:
            raise FormError(f"logit scale: {self.scale.value!r} is no number") from error
        if not 0 < scale < 1e6:
            raise FormError("logit scale: a positive number, 100 for OpenAI's CLIP")
        return scale

    def command(self, answer: ImportRequest) -> str:
        return import_command(self._home, answer)
