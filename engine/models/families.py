"""The families of encoders that the program can run: one table, and what follows from it.

Adding a family means adding an entry to FAMILIES: how its configuration is told apart, which
classes of transformers load it, how its texts are read, how its pictures are prepared where
its files do not say, and how its patches and tokens come into the space of both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import ModelUnusableError
from engine.models.messages import Json, Reply, WireError
from engine.states import PatchWay

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureDefaults:
    """How pictures are prepared where the preprocessor configuration does not say."""

    processor: str
    """Stands in the name of the image processor, in lower case."""
    mean: Triple
    """Per channel, red green blue; subtracted after scaling."""
    std: Triple
    is_squashed: bool = False
    """Both edges are scaled, and a size given as one number is that of a square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family of encoders and what follows from it."""

    name: str
    """The `model_type` in config.json."""
    languages: tuple[str, ...]
    """What its texts may be written in, most fluent first."""
    model: str
    """The class in transformers with both towers, as `module:class`."""
    tokenizer: str
    """The class in transformers of its tokenizer, as `module:class`."""
    tokenizer_names: tuple[str, ...] = ("",)
    """Beginnings of `tokenizer_class` in tokenizer_config.json that tell it from its siblings."""
    width: tuple[tuple[str, ...], ...] = (("projection_dim",),)
    """Where config.json has the dimension of the shared space: paths, the first that is there."""
    usual_width: int = 512
    pads_texts: bool = False
    """Its text tower reads texts padded to full length, without a mask."""
    lowers_case: bool = False
    """The program lowers the case of its texts, as in training; else its tokenizer does."""
    drops_punctuation: bool = False
    """Its text tower was trained on texts without ASCII punctuation."""
    pictures: PictureDefaults | None = None
    """None where the defaults of CLIP hold."""
    patches: PatchWay = PatchWay.KEYS
    """How the patches of a picture come into the shared space."""
    token_projection: str = "text_projection"
    """The module, by its path in the model, that takes the states of tokens there."""


CLIP_PICTURES = PictureDefaults(
    processor="clip",
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)
_SIGLIP_PICTURES = PictureDefaults(
    processor="siglip", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), is_squashed=True
)
_SIGLIP_MODEL = "transformers.models.siglip.modeling_siglip:SiglipModel"
_SIGLIP_WIDTH = (("text_config", "projection_size"), ("text_config", "hidden_size"))

FAMILIES = (
    Family(
        name="clip",
        languages=("en",),
        model="transformers.models.clip.modeling_clip:CLIPModel",
        tokenizer="transformers.models.clip.tokenization_clip:CLIPTokenizer",
    ),
    Family(
        name="chinese_clip",
        languages=("zh",),
        model="transformers.models.chinese_clip.modeling_chinese_clip:ChineseCLIPModel",
        tokenizer="transformers.models.bert.tokenization_bert:BertTokenizer",
    ),
    # SigLIP 2 has the model type of SigLIP, and reads many languages with Gemma's tokenizer.
    Family(
        name="siglip",
        languages=("en", "zh"),
        model=_SIGLIP_MODEL,
        tokenizer="transformers:PreTrainedTokenizerFast",
        tokenizer_names=("Gemma", "Siglip2"),
        width=_SIGLIP_WIDTH,
        usual_width=768,
        pads_texts=True,
        lowers_case=True,
        pictures=_SIGLIP_PICTURES,
        patches=PatchWay.POOLED,
        token_projection="text_model.head",
    ),
    Family(
        name="siglip",
        languages=("en",),
        model=_SIGLIP_MODEL,
        tokenizer="transformers:PreTrainedTokenizerFast",
        width=_SIGLIP_WIDTH,
        usual_width=768,
        pads_texts=True,
        lowers_case=True,
        drops_punctuation=True,
        pictures=_SIGLIP_PICTURES,
        patches=PatchWay.POOLED,
        token_projection="text_model.head",
    ),
)


def family_of(config: Mapping[str, Json], tokenizer: Mapping[str, Json]) -> Family:
    """Return the family of a model with this config.json and tokenizer_config.json.

    Raises ModelUnusableError for models of another kind.
    """
    kind, name = config.get("model_type"), str(tokenizer.get("tokenizer_class"))
    for family in FAMILIES:
        if family.name == kind and name.startswith(family.tokenizer_names):
            return family
    raise ModelUnusableError(
        f"a model of type {kind} is no encoder that this program knows",
        hint="CLIP, Chinese-CLIP and SigLIP models of fixed resolution can be used.",
    )


def languages_of(config: Mapping[str, Json], family: Family) -> tuple[str, ...]:
    """Return what a model reads: a list `languages` in config.json, else what its family does."""
    found = config.get("languages")
    if isinstance(found, Sequence) and not isinstance(found, str):
        return tuple(str(language) for language in found) or family.languages
    return family.languages


def width_of(config: Mapping[str, Json], family: Family) -> int:
    """Return the dimension of the space that both towers share."""
    for path in family.width:
        node: Mapping[str, Json] = config
        for key in path[:-1]:
            child = node.get(key)
            node = child if isinstance(child, Mapping) else {}
        if path[-1] in node:
            try:
                return Reply(fields=node).whole(path[-1])
            except WireError as error:
                raise ModelUnusableError(
                    f"config.json has a width that is none: {error}"
                ) from error
    return family.usual_width


def picture_defaults(processor: str) -> PictureDefaults:
    """Return the defaults of an image processor by its name; those of CLIP for any other."""
    known = [family.pictures for family in FAMILIES if family.pictures is not None]
    name = processor.lower()
    return next((entry for entry in known if entry.processor in name), CLIP_PICTURES)
