"""The tokenizer: any text, both languages, word ends kept, the same through the usual class."""

from pathlib import Path

import pytest
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from tools.storybook.encoder.tokenizer import END, LENGTH, START, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> CLIPTokenizer:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(400).save_pretrained(folder)
    loaded: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    return loaded


def tokens(tokenizer: CLIPTokenizer, text: str) -> list[str]:
    found = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
    return list(found)[1:-1]


def test_common_words_are_single_tokens_with_an_end(tokenizer: CLIPTokenizer) -> None:
    assert tokens(tokenizer, "A brown horse") == ["a</w>", "brown</w>", "horse</w>"]


def test_every_chinese_character_is_a_token_of_its_own(tokenizer: CLIPTokenizer) -> None:
    text = "一匹棕色的马在吃草"
    assert len(tokens(tokenizer, text)) == len(text)


def test_an_unknown_word_keeps_its_end_and_is_no_run_of_known_words(
    tokenizer: CLIPTokenizer,
) -> None:
    pieces = tokens(tokenizer, "sushi")
    assert [piece.endswith("</w>") for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert pieces != tokens(tokenizer, "su shi")


@pytest.mark.parametrize(
    "text",
    ["é ñ ß", "дом", "🙂🙃", "一座火山喷发", "\x00\x07", "a" * 300, "ﷺ", "'s !?", "\u3000，。"],
)
def test_no_text_has_unknown_tokens(tokenizer: CLIPTokenizer, text: str) -> None:
    """An unknown token is the end token, at which the tower reads its answer."""
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.convert_tokens_to_ids(START)
    assert ids.index(tokenizer.convert_tokens_to_ids(END)) == len(ids) - 1


def test_every_byte_has_a_token_inside_and_at_the_end_of_a_word(tokenizer: CLIPTokenizer) -> None:
    vocabulary = tokenizer.get_vocab()
    ends = [token for token in vocabulary if token.endswith("</w>") and len(token) == 5]
    assert len(ends) == 256
    assert all(token[0] in vocabulary for token in ends)


def test_the_end_has_not_the_id_that_switches_to_old_pooling(tokenizer: CLIPTokenizer) -> None:
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (0, 1, 2)
    assert tokenizer.model_max_length == LENGTH
