"""Captions with one word exchanged."""

from random import Random

from engine.evaluation.swaps import random_variant, variants


def test_each_known_word_is_exchanged_for_one_that_excludes_it() -> None:
    found = variants("A brown dog on the left")
    assert {variant.attribute for variant in found} == {"colour", "animal", "side"}
    texts = {variant.text for variant in found}
    assert {"A red dog on the left", "A brown cat on the left", "A brown dog on the right"} <= texts
    assert "A brown dog on the left" not in texts


def test_the_article_and_the_capital_follow_the_word() -> None:
    texts = {variant.text for variant in variants("A dog and an orange cat")}
    assert "An elephant and an orange cat" in texts
    assert "A dog and a red cat" in texts
    assert "Elephants on grass" in {variant.text for variant in variants("Dogs on grass")}


def test_a_word_that_another_caption_tells_is_not_put_in() -> None:
    also = ["a black and white animal"]
    news = {variant.new for variant in variants("a brown dog", also)}
    assert not news & {"black", "white"}
    assert "red" in news


def test_chinese_words_are_exchanged_where_they_stand() -> None:
    texts = {variant.text for variant in variants("一只棕色的狗在左边")}
    assert {"一只红色的狗在左边", "一只棕色的猫在左边", "一只棕色的狗在右边"} <= texts


def test_a_text_without_known_words_has_no_variant() -> None:
    assert variants("an abstract painting") == []
    assert random_variant("an abstract painting", (), Random(0)) is None


def test_a_word_inside_another_is_left_alone() -> None:
    assert variants("a hotdog in the carpet") == []
