"""The generator that ships still generates what it generated when it was measured."""

import json
import time

import pytest

from engine.collections import BUILT_IN
from tools.storybook.generator.prompts import Share, held_out_prompts, read_right

FIGURES = BUILT_IN.generator / "figures.json"

pytestmark = [
    pytest.mark.skipif(not FIGURES.exists(), reason="no generator ships yet"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def test_the_shipped_generator_is_small_and_says_how_to_use_it() -> None:
    weights = sum(path.stat().st_size for path in BUILT_IN.generator.rglob("*.safetensors"))
    assert weights < 40e6
    options = json.loads((BUILT_IN.generator / "t2itui.json").read_text(encoding="utf-8"))
    assert set(options) == {"guidance_scale", "steps", "scheduler", "width", "height"}
    assert options["scheduler"] in ("dpm++", "ddim") and options["width"] % 8 == 0
    assert (BUILT_IN.generator / "README.md").exists()


def test_the_shipped_generator_still_generates_what_was_measured() -> None:
    """Fails when its weights, its text tower, its schedule or the encoder that reads it change."""
    from engine.storybook.wording import Language
    from tools.storybook.encoder.folder import EncoderFolder
    from tools.storybook.encoder.measures import Texts
    from tools.storybook.generator.pipeline import generate, load_pipeline

    pipe, options = load_pipeline(BUILT_IN.generator)
    prompts = held_out_prompts(8, 4, 8)
    start = time.process_time()
    pictures = generate(pipe, [prompt.text for prompt in prompts], [0] * len(prompts), options)
    assert (time.process_time() - start) / len(prompts) < 5
    encoder = EncoderFolder(BUILT_IN.encoder)
    texts = Texts(encoder.embed_texts, Language.ENGLISH)
    found = read_right(prompts, encoder.embed_pictures(pictures), texts)
    measured = json.loads(FIGURES.read_text(encoding="utf-8"))["generated"]
    for names, slack in ((("place", "time"), 0.25), (("animal", "colour", "action"), 0.3)):
        every = [named[name] for named in found.values() for name in names if name in named]
        whole = Share(right=sum(s.right for s in every), asked=sum(s.asked for s in every))
        asked = [named[n] for kind, named in measured.items() if kind in found
                 for n in names if n in named]  # fmt: skip
        assert whole.value >= sum(asked) / len(asked) - slack, names


def test_the_words_that_ship_are_those_of_the_captions() -> None:
    from engine.models.vocabulary import FILE
    from tools.storybook.generator.words import caption_words

    kept = json.loads((BUILT_IN.generator / FILE).read_text(encoding="utf-8"))
    assert kept["words"] == caption_words()
