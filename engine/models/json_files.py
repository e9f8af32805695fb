"""Reads the JSON files that models come with."""

import json
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ModelUnusableError
from engine.models.messages import Json


def read_json(path: Path) -> Mapping[str, Json] | None:
    """Return the object in the file; None where there is no file.

    Raises ModelUnusableError where it cannot be read or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelUnusableError(
            f"{path} cannot be read: {error}", hint="Fetch the model again."
        ) from error
    if not isinstance(content, dict):
        raise ModelUnusableError(f"{path} holds no JSON object", hint="Fetch the model again.")
    return content
