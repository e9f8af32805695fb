"""Where the files of the storybook lie in an installed program."""

from pathlib import Path

_FILES = Path(__file__).parent / "files"

STORYBOOK = "storybook"
"""Names what ships wherever a model is named, on every machine."""
GALLERY = _FILES / "gallery"
"""Six hundred pictures and their scenes."""
ENCODER = _FILES / "clip-storybook"
"""A transformers `CLIPModel` folder."""
MATCHER = _FILES / "matcher.safetensors"
"""The matcher of that encoder."""
VECTORS = _FILES / "gallery.safetensors"
"""Unit vectors of the gallery, in the order of its records, and of first queries."""
THUMBNAILS = _FILES / "thumbnails.safetensors"
"""Thumbnails of the gallery, with hashes and sizes of its pictures."""
PAINTER = _FILES / "painter-storybook"
"""A diffusers `StableDiffusionPipeline` folder."""
FIGURES = _FILES / "figures.json"
"""What was measured of encoder and matcher."""
