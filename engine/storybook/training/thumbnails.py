"""Makes the gallery's thumbnails, so that no start has to: run by `vectors` as well."""

import hashlib
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

from engine.settings import EngineSettings
from engine.storybook.records import read_records
from engine.storybook.shipped import GALLERY, THUMBNAILS
from engine.thumbnails import thumbnail


def write_thumbnails(gallery: Path, out: Path) -> None:
    """Write the thumbnails of a gallery one after another, with what else a library keeps.

    `data` uint8 [bytes] holds WebP files, of which `ends` int64 [n] are the ends; `sha256` uint8
    [n, 32] and `sizes` int64 [n, 2] (width, height) are of the pictures, in the order of records.
    """
    side = EngineSettings(home=gallery).thumbnail_side
    parts, hashes, sizes = [], [], []
    for record in read_records(gallery):
        path = gallery / record.file
        hashes.append(np.frombuffer(hashlib.sha256(path.read_bytes()).digest(), np.uint8))
        with Image.open(path) as image:
            sizes.append(image.size)
            parts.append(np.frombuffer(thumbnail(image.convert("RGB"), side), np.uint8))
    tensors: dict[str, NDArray[Any]] = {
        "data": np.concatenate(parts),
        "ends": np.cumsum([len(part) for part in parts], dtype=np.int64),
        "sha256": np.stack(hashes),
        "sizes": np.array(sizes, np.int64),
    }
    save_file(tensors, out)
    out.chmod(0o644)


@click.command()
def main() -> None:
    """Make the thumbnails of the shipped gallery."""
    write_thumbnails(GALLERY, THUMBNAILS)


if __name__ == "__main__":
    main()
