"""What ships of the storybook, read in one go and ready to be entered into a cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from cache.records import EncoderRecord, NewPicture, SeenFile, TextRecord
from cache.storybook import NewStorybook
from engine.errors import EngineError
from engine.models.places import STORYBOOK
from engine.storybook import shipped
from engine.storybook.shipped import RECORDS

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

_REPAIR = "Install t2itui again, or leave the storybook out: t2itui library --storybook off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Where the files of a storybook lie; those that ship unless a test says otherwise."""

    gallery: Path = shipped.GALLERY
    vectors: Path = shipped.VECTORS
    thumbnails: Path = shipped.THUMBNAILS
    matcher: Path = shipped.MATCHER

    @property
    def folder(self) -> str:
        """The folder of the pictures, as the cache knows it."""
        return str(self.gallery)

    def version(self) -> str:
        """Changes when the files move or change; looks at them without reading.

        Raises EngineError where one is missing.
        """
        facts = [self.folder]
        for file in (self.gallery / RECORDS, self.vectors, self.thumbnails, self.matcher):
            try:
                status = file.stat()
            except OSError as error:
                raise _damaged(file, error) from error
            facts.append(f"{status.st_size} {status.st_mtime_ns}")
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]

    def read(self) -> NewStorybook:
        """Read everything. Raises EngineError where files are missing or do not fit together."""
        version = self.version()
        try:
            facts, vectors = _open(self.vectors)
            _, thumbnails = _open(self.thumbnails)
            weights = self.matcher.read_bytes()
            about, _ = _open(self.matcher)
            return NewStorybook(
                folder=self.folder,
                version=version,
                files=self._files(thumbnails),
                encoder=EncoderRecord(
                    id=facts["encoder_id"],
                    dim=vectors["vectors"].shape[1],
                    logit_scale=float(facts["logit_scale"]),
                    source=STORYBOOK,
                    languages=tuple(json.loads(facts["languages"])),
                ),
                vectors=vectors["vectors"],
                texts=_texts(json.loads(facts["texts"]), vectors),
                matcher=weights,
                report=about["report"],
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise _damaged(self.gallery.parent, error) from error

    def _files(self, thumbnails: Arrays) -> list[tuple[SeenFile, NewPicture]]:
        data, ends = thumbnails["data"].tobytes(), thumbnails["ends"].tolist()
        lines = (self.gallery / RECORDS).read_text(encoding="utf-8").splitlines()
        rows = zip(
            (json.loads(line)["file"] for line in lines),
            thumbnails["sha256"],
            thumbnails["sizes"].tolist(),
            [0, *ends[:-1]],
            ends,
            strict=True,
        )
        return [
            (
                _seen(self.gallery / name),
                NewPicture(
                    sha256=sha256.tobytes().hex(),
                    width=width,
                    height=height,
                    format="WEBP",
                    partial=False,
                    thumbnail=data[start:end],
                ),
            )
            for name, sha256, (width, height), start, end in rows
        ]


def _seen(path: Path) -> SeenFile:
    status = path.stat()
    return SeenFile(path=str(path), size=status.st_size, mtime_ns=status.st_mtime_ns)


def _texts(texts: list[str], tensors: Arrays) -> list[TextRecord]:
    rows = zip(texts, tensors["text_vectors"], tensors["tokens"].tolist(), strict=True)
    return [
        TextRecord(text=text, vector=vector, tokens=tokens, lost="", imported=False)
        for text, vector, tokens in rows
    ]


def _open(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """The metadata and tensors of a safetensors file."""
    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _damaged(place: Path, error: Exception) -> EngineError:
    return EngineError(f"the storybook's files in {place} cannot be used: {error}", hint=_REPAIR)
