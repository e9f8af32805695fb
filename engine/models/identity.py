"""The ids of encoders in folders of one's own: a name and a hash, remembered between starts."""

import contextlib
import json
import os
from pathlib import Path

from engine.errors import ModelUnusableError
from engine.models import places
from engine.models.facts import hash_folder, require


def identify(source: str, memory: Path) -> str:
    """Return the encoder id of `source`: a hub id as it is, for a folder `name@hash`.

    Hashing reads all weights, so the result is kept in the file `memory` until a file changes.
    Raises ModelMissingError or ModelUnusableError where there is no usable model.
    """
    folder = require(source)
    if places.as_folder(source) is None:
        return source
    stamp = _stamp(folder)
    known = _recall(memory)
    if known.get(stamp) is None:
        try:
            known[stamp] = f"{folder.name}@{hash_folder(folder)}"
        except OSError as error:
            raise ModelUnusableError(f"{folder} cannot be read: {error}") from error
        _remember(memory, known)
    return known[stamp]


def _stamp(folder: Path) -> str:
    """Return a text that changes when any file of the folder does."""
    entries = []
    for file in sorted(folder.iterdir()):
        with contextlib.suppress(OSError):
            facts = file.stat()
            entries.append([file.name, facts.st_size, facts.st_mtime_ns, facts.st_ino])
    return json.dumps([str(folder.resolve()), entries])


def _recall(memory: Path) -> dict[str, str]:
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str)}


def _remember(memory: Path, known: dict[str, str]) -> None:
    """Replace the file in one step; a place that cannot be written only costs time later."""
    newest = dict(list(known.items())[-50:])
    partial = memory.with_name(f"{memory.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        partial.write_text(json.dumps(newest), encoding="utf-8")
        partial.replace(memory)
