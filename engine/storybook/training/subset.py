"""A small part of the check, the same wherever it runs: what tests hold the shipped weights to."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from engine.storybook.captions import Language
from engine.storybook.measures import Texts, measure
from engine.storybook.queries import routing_queries
from engine.storybook.records import read_records
from engine.storybook.render import render
from engine.storybook.scene import Split
from engine.storybook.training.encoder_folder import EncoderFolder
from engine.storybook.training.held_out import held_out_scenes
from engine.storybook.training.matcher_figures import every_pair, routing, swaps
from engine.workers.labelled import MatcherWeights

SCENES, DRAWN = 100, 128


def measured(encoder: Path, matcher: Path, gallery: Path, vectors: Path) -> Mapping[str, float]:
    """Figures by name, on the first held-out scenes and on the shipped vectors of the gallery."""
    loaded, weights = EncoderFolder(encoder), MatcherWeights(**load_file(matcher))
    scenes = held_out_scenes(Split.SEEN, SCENES)
    pictures = loaded.embed_pictures([render(scene, DRAWN) for scene in scenes])
    found: dict[str, float] = {}
    for language in Language:
        texts = Texts(loaded.embed_texts, language)
        figures = measure(scenes, pictures, loaded.embed_texts, language)
        found |= {f"{name} {language}": share for name, share in figures.attributes.items()}
        found |= {f"{name} of two {language}": share for name, share in figures.of_two.items()}
        found[f"level 2 {language}"] = figures.level2_precision
        swapped = swaps(weights, scenes, pictures, texts)
        found[f"swapped by match {language}"] = swapped.match
        found[f"swapped by cosine {language}"] = swapped.cosine
    queries = routing_queries([record.scene for record in read_records(gallery)])
    texts_of_queries = loaded.embed_texts([query.caption.text for query in queries])
    shipped = np.ascontiguousarray(load_file(vectors)["vectors"])
    found["routing"] = routing(queries, every_pair(weights, texts_of_queries, shipped)).accuracy
    return found
