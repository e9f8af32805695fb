"""What is drawn in pictures of the storybook."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import PurePath

from engine.storybook.scenes import Scene
from engine.storybook.shipped import GALLERY, read_records


def scenes_of(paths: Sequence[str]) -> tuple[Scene, ...]:
    """The scenes of pictures by path; none where one of them is not the storybook's.

    It may read the disk.
    """
    if any(PurePath(path).parent != GALLERY for path in paths):
        return ()
    return tuple(_scenes()[PurePath(path).name] for path in paths)


@cache
def _scenes() -> dict[str, Scene]:
    return {record.file: record.scene for record in read_records(GALLERY)}
