"""Embeds the gallery, so that no start has to: `python -m engine.storybook.training.vectors`."""

from pathlib import Path

import click
from PIL import Image
from safetensors.numpy import save_file

from engine.models.facts import hash_folder
from engine.storybook.records import read_records
from engine.storybook.shipped import ENCODER, GALLERY, VECTORS
from engine.storybook.training.encoder_folder import EncoderFolder


def write_vectors(encoder: Path, gallery: Path, out: Path) -> None:
    """Write unit vectors, float32 [pictures, d] in the order of the records, and the encoder id."""
    images = [Image.open(gallery / record.file).convert("RGB") for record in read_records(gallery)]
    vectors = EncoderFolder(encoder).embed_pictures(images)
    metadata = {"encoder_id": f"{encoder.name}@{hash_folder(encoder)}"}
    save_file({"vectors": vectors}, out, metadata=metadata)
    out.chmod(0o644)


@click.command()
def main() -> None:
    """Embed the shipped gallery with the shipped encoder."""
    write_vectors(ENCODER, GALLERY, VECTORS)


if __name__ == "__main__":
    main()
