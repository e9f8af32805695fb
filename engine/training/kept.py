"""Vectors of drawn scenes, kept in files so that no later training draws the same ones again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import psutil

from engine.files import replaced
from engine.results import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vectors:
    """What an encoder makes of a block of drawn scenes."""

    texts: FloatArray
    """[T, dim]."""
    pictures: FloatArray
    """[N, dim]."""


class Kept:
    """Blocks by the encoder and a digest of what was drawn and said; all methods read files."""

    def __init__(self, folder: Path, encoder_id: str) -> None:
        self._folder = folder
        self._encoder_id = encoder_id
        self._used: set[Path] = set()

    def read(self, digest: str) -> Vectors | None:
        """A block; None where it is not there, or damaged."""
        try:
            with self._path(digest).open("rb") as file, np.load(file, allow_pickle=False) as held:
                return Vectors(texts=held["texts"], pictures=held["pictures"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None

    def write(self, digest: str, vectors: Vectors) -> None:
        """Keep a block, whole or not at all. Raises OSError."""
        path = self._path(digest)
        with replaced(path) as temporary, temporary.open("wb") as file:
            np.savez(file, texts=vectors.texts, pictures=vectors.pictures)

    def sweep(self) -> None:
        """Remove what a killed program was writing."""
        for path in self._folder.glob(".*.partial"):
            pid = path.name.split(".")[-2]
            if not (pid.isdigit() and psutil.pid_exists(int(pid))):
                path.unlink(missing_ok=True)

    def forget_others(self) -> None:
        """Remove blocks that were not asked for here: of another encoder, or of other scenes."""
        for path in set(self._folder.glob("*.npz")) - self._used:
            path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        name = hashlib.sha256(f"{self._encoder_id}:{digest}".encode()).hexdigest()[:24]
        path = self._folder / f"{name}.npz"
        self._used.add(path)
        return path
