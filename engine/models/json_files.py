"""Reads the JSON files that models come with."""

from collections.abc import Mapping
from pathlib import Path

from engine.errors import ModelUnusableError
from engine.models.messages import Json
from engine.untrusted.documents import read_object


def read_json(path: Path) -> Mapping[str, Json] | None:
    """Return the object in the file; None where there is no file.

    Raises ModelUnusableError where it cannot be read or holds something else.
    """
    try:
        return read_object(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelUnusableError(
            f"{path} cannot be read: {error}", hint="Fetch the model again."
        ) from error
