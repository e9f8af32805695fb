"""Embeds the gallery and first queries, so that no start has to.

`python -m engine.storybook.training.vectors`
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

from engine.models.encoder_info import hash_folder, read_facts
from engine.storybook.records import read_records
from engine.storybook.shipped import ENCODER, GALLERY, THUMBNAILS, VECTORS
from engine.storybook.suggestions import first_texts
from engine.storybook.training.encoder_folder import EncoderFolder
from engine.storybook.training.thumbnails import write_thumbnails


def write_vectors(encoder: Path, gallery: Path, out: Path, texts: Sequence[str]) -> None:
    """Write unit vectors, float32 [pictures, d] in the order of the records, and of texts [n, d].

    With them go the tokens of each text, and the encoder's facts.
    """
    images = [Image.open(gallery / record.file).convert("RGB") for record in read_records(gallery)]
    folder = EncoderFolder(encoder)
    facts = read_facts(str(encoder), f"{encoder.name}@{hash_folder(encoder)}")
    tensors: dict[str, NDArray[Any]] = {
        "vectors": folder.embed_pictures(images),
        "text_vectors": folder.embed_texts(texts),
        "tokens": np.array(folder.count_tokens(texts), np.int64),
    }
    metadata = {
        "encoder_id": facts.id,
        "logit_scale": repr(facts.logit_scale),
        "languages": json.dumps(facts.languages),
        "texts": json.dumps(texts, ensure_ascii=False),
    }
    save_file(tensors, out, metadata=metadata)
    out.chmod(0o644)


@click.command()
def main() -> None:
    """Embed the shipped gallery with the shipped encoder, and make its thumbnails."""
    write_vectors(ENCODER, GALLERY, VECTORS, first_texts())
    write_thumbnails(GALLERY, THUMBNAILS)


if __name__ == "__main__":
    main()
