"""The table of encoder families: which entry a configuration leads to, and what follows from it."""

import pytest

from engine.errors import ModelUnusableError
from engine.models.families import (
    CLIP_PICTURES,
    FAMILIES,
    family_of,
    languages_of,
    picture_defaults,
    width_of,
)
from engine.workers.encoder_models import _class


@pytest.mark.parametrize(
    ("model_type", "tokenizer", "languages", "drops_punctuation"),
    [
        ("clip", None, ("en",), False),
        ("chinese_clip", "BertTokenizer", ("zh",), False),
        ("siglip", "SiglipTokenizer", ("en",), True),
        ("siglip", "GemmaTokenizerFast", ("en", "zh"), False),
        ("siglip", "Siglip2Tokenizer", ("en", "zh"), False),
    ],
)
def test_a_configuration_leads_to_one_entry(
    model_type: str, tokenizer: str | None, languages: tuple[str, ...], drops_punctuation: bool
) -> None:
    family = family_of({"model_type": model_type}, {"tokenizer_class": tokenizer})
    assert (family.name, family.languages) == (model_type, languages)
    assert family.drops_punctuation == drops_punctuation


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.languages)
def test_the_classes_of_every_entry_are_there(family: object) -> None:
    assert isinstance(family, type(FAMILIES[0]))
    for name in (family.model, family.tokenizer):
        assert hasattr(_class(name), "from_pretrained")


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(ModelUnusableError, match="blip"):
        family_of({"model_type": "blip"}, {})


def test_the_width_is_where_the_family_keeps_it() -> None:
    clip, siglip = FAMILIES[0], FAMILIES[-1]
    assert width_of({"projection_dim": 96}, clip) == 96
    assert width_of({}, clip) == 512
    assert width_of({"text_config": {"hidden_size": 32, "projection_size": 24}}, siglip) == 24
    assert width_of({"text_config": {"hidden_size": 32}}, siglip) == 32
    assert width_of({}, siglip) == 768
    with pytest.raises(ModelUnusableError, match="width"):
        width_of({"projection_dim": "wide"}, clip)


def test_languages_in_the_configuration_go_before_those_of_the_family() -> None:
    assert languages_of({"languages": ["en", "zh"]}, FAMILIES[0]) == ("en", "zh")
    assert languages_of({"languages": []}, FAMILIES[0]) == ("en",)
    assert languages_of({"languages": "zh"}, FAMILIES[0]) == ("en",)


def test_pictures_are_prepared_by_the_name_of_the_processor() -> None:
    assert picture_defaults("SiglipImageProcessor None").is_squashed
    assert picture_defaults("None ChineseCLIPProcessor") is CLIP_PICTURES
