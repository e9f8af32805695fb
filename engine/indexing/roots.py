"""Checks the folders of a request before anything is done."""

import os
from collections.abc import Sequence
from pathlib import Path

from engine.errors import RequestError
from engine.indexing.plan import readable


def check_roots(folders: Sequence[Path]) -> list[str]:
    """Return absolute paths, those inside one another left out.

    Raises RequestError for what is no folder or cannot be stored as text.
    """
    if not folders:
        raise RequestError("No folder to index", hint="Name one: t2itui index DIR")
    # resolve() would follow links: paths are kept as the person wrote them.
    roots = [_check(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100
    return [
        root
        for index, root in enumerate(roots)
        if not any(_covers(other, root, before=at < index) for at, other in enumerate(roots))
    ]


def _check(path: str) -> str:
    name = readable(path)
    if name != path:
        raise RequestError(f"The name of {name} is not valid UTF-8", hint="Rename the folder.")
    if not Path(path).exists():
        raise RequestError(
            f"There is no folder {path}",
            hint="Check the name, or that its disk is mounted; what is known of it is kept.",
        )
    if not Path(path).is_dir():
        raise RequestError(f"{path} is a file", hint="Name the folder that holds it.")
    return path


def _covers(other: str, root: str, *, before: bool) -> bool:
    if other == root:
        return before
    return os.path.commonpath((other, root)) == other
