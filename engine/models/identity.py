"""The ids of encoders in folders of one's own: a name and a hash, remembered between starts."""

import contextlib
import json
import os
from collections.abc import Callable
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
    return remembered(folder, memory, lambda: f"{folder.name}@{hash_folder(folder)}")


def remembered(place: Path, memory: Path, identity: Callable[[], str]) -> str:
    """Return what `identity` says of a folder or file, kept in `memory` until a file changes."""
    stamp = _stamp(place)
    known = _recall(memory)
    if known.get(stamp) is None:
        try:
            known[stamp] = identity()
        except OSError as error:
            raise ModelUnusableError(f"{place} cannot be read: {error}") from error
        _remember(memory, known)
    return known[stamp]


def _stamp(place: Path) -> str:
    """Return a text that changes when the file, or any file in the folder, does."""
    entries = []
    for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
        with contextlib.suppress(OSError):
            facts = file.stat()
            entries.append(
                [str(file.relative_to(place)), facts.st_size, facts.st_mtime_ns, facts.st_ino]
            )
    return json.dumps([str(place.resolve()), entries])


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
