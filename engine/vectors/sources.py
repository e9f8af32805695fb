"""Finds the vectors that an import names, and checks that they share one space."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import RequestError, VectorsError
from engine.requests import ImportRequest
from engine.vectors.clip_retrieval import read_folder
from engine.vectors.npz import read_npz
from engine.vectors.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What an import reads from."""

    pictures: Sequence[Part]
    texts: Sequence[Part]
    dim: int

    @property
    def picture_rows(self) -> int:
        return sum(part.rows for part in self.pictures)

    @property
    def text_rows(self) -> int:
        return sum(part.rows for part in self.texts)


def open_sources(request: ImportRequest) -> Sources:
    """Look into the files of a request; it reads from the disk, so call it on a thread.

    Raises RequestError where nothing is named, VectorsError where the files do not fit.
    """
    pictures: list[Part] = []
    texts: list[Part] = []
    if request.pictures is None and request.texts is None:
        raise RequestError("Nothing to import", hint="Name --pictures, --texts or both.")
    if request.root is not None and not request.root.is_dir():
        raise RequestError(
            f"There is no folder {request.root}",
            hint="Name the folder that the pictures lie in, or leave --root out.",
        )
    if request.pictures is not None and request.pictures.is_dir():
        layout = read_folder(request.pictures)
        pictures += layout.pictures
        texts += layout.texts
    elif request.pictures is not None:
        pictures += read_npz(request.pictures, "image")
    if request.texts is not None:
        texts += read_npz(request.texts, "text")
    return Sources(pictures=pictures, texts=texts, dim=_one_dimension([*pictures, *texts]))


def _one_dimension(parts: Sequence[Part]) -> int:
    if not parts:
        raise VectorsError("There are no vectors in it")
    first = parts[0]
    for part in parts:
        if part.dim != first.dim:
            raise VectorsError(
                f"{first.where} has vectors of {first.dim} numbers, {part.where} of {part.dim}:"
                " they cannot come from one encoder",
                hint="Import them one by one, each under its own encoder.",
            )
    return first.dim
