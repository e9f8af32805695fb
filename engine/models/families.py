"""The kinds of encoder that the program can run, told apart by their configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import ModelUnusableError
from engine.models.messages import Json, Reply, WireError

CLIP = "clip"
CHINESE_CLIP = "chinese_clip"
SIGLIP = "siglip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A kind of encoder and what follows from it."""

    name: str
    """CLIP, CHINESE_CLIP or SIGLIP."""
    languages: tuple[str, ...]
    """What its texts may be written in, most fluent first."""
    keeps_punctuation: bool = True
    """False where the text tower was trained without."""

    @property
    def is_siglip(self) -> bool:
        """It scores pairs with a sigmoid, and reads texts padded to full length."""
        return self.name == SIGLIP


def family_of(config: Mapping[str, Json], tokenizer: Mapping[str, Json]) -> Family:
    """Return the family of a model with this config.json and tokenizer_config.json.

    A list `languages` in config.json says what the model reads where the family does not.
    Raises ModelUnusableError for models of another kind.
    """
    kind = config.get("model_type")
    is_gemma = str(tokenizer.get("tokenizer_class")).startswith(("Gemma", "Siglip2"))
    if kind == CLIP:
        return Family(name=CLIP, languages=_languages(config, ("en",)))
    if kind == CHINESE_CLIP:
        return Family(name=CHINESE_CLIP, languages=_languages(config, ("zh",)))
    if kind == SIGLIP:
        languages = _languages(config, ("en", "zh") if is_gemma else ("en",))
        return Family(name=SIGLIP, languages=languages, keeps_punctuation=is_gemma)
    raise ModelUnusableError(
        f"a model of type {kind} is no encoder that this program knows",
        hint="CLIP, Chinese-CLIP and SigLIP models of fixed resolution can be used.",
    )


def width_of(config: Mapping[str, Json], family: Family) -> int:
    """Return the dimension of the space that both towers share."""
    try:
        if not family.is_siglip:
            return Reply(fields={"projection_dim": 512, **config}).whole("projection_dim")
        text = config.get("text_config")
        fields = {"hidden_size": 768, **(text if isinstance(text, Mapping) else {})}
        name = "projection_size" if "projection_size" in fields else "hidden_size"
        return Reply(fields=fields).whole(name)
    except WireError as error:
        raise ModelUnusableError(f"config.json has a width that is none: {error}") from error


def _languages(config: Mapping[str, Json], usual: tuple[str, ...]) -> tuple[str, ...]:
    found = config.get("languages")
    if isinstance(found, Sequence) and not isinstance(found, str):
        return tuple(str(language) for language in found) or usual
    return usual
