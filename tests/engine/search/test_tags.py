"""Tags are what searches return, seen from the picture."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.collections import BUILT_IN
from engine.engine import Engine
from engine.errors import EmptyLibraryError, OfflineError, RequestError
from engine.requests import Filters, SearchRequest, TagRequest
from engine.search.word_lists import LANGUAGES, Word, own_words, words_of
from engine.settings import EngineSettings
from engine.storybook.suggestions import first_texts
from engine.storybook.vocabulary import (
    ANIMALS,
    EN_ANIMAL,
    EN_PLACE_NOUN,
    EN_PROP_NOUN,
    NO_PROP,
    PLACES,
    PROPS,
    ZH_ANIMAL,
    ZH_MEASURE,
    ZH_PLACE_NOUN,
    ZH_PROP_NOUN,
)
from engine.storybook.wording import with_a

FIRST = f"{BUILT_IN.name}/0000.webp"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with Engine.open(EngineSettings(home=tmp_path / "home")) as opened:
        yield opened


def word_file(folder: Path, texts: list[str]) -> Path:
    path = folder / "words.txt"
    path.write_text("\n".join([*texts, "", texts[0]]), encoding="utf-8")
    return path


async def test_a_word_is_a_tag_of_a_picture_exactly_if_a_search_for_it_returns_the_picture(
    engine: Engine, tmp_path: Path
) -> None:
    """By texts that ship, so that no model takes part."""
    texts = [text for text in first_texts() if text.isascii()][:6]
    words = word_file(tmp_path, texts)
    request = TagRequest(folder=BUILT_IN.folder, words=words, top=0, offline=True)
    found = await engine.searcher.tagger.tag(request)
    assert (found.words, len(found.pictures), found.warnings) == (6, 600, ())
    assert found.matcher == "storybook's matcher"
    tagged = {
        (tag.text, each.picture_id): tag.match for each in found.pictures for tag in each.tags
    }
    returned: dict[tuple[str, int | None], float] = {}
    for text in texts:
        result = await engine.searcher.scored(SearchRequest(query=text, offline=True))
        assert result.scores is not None
        passing = np.flatnonzero(result.scores.match >= 0.5)
        returned |= {
            (text, int(result.scores.picture_ids[i])): float(result.scores.match[i])
            for i in passing
        }
    assert tagged.keys() == returned.keys()
    assert tagged == pytest.approx(returned, abs=1e-3)
    assert len(tagged) > 20


async def test_the_surest_words_come_first_and_no_more_than_asked(
    engine: Engine, tmp_path: Path
) -> None:
    texts = [text for text in first_texts() if text.isascii()]
    words = word_file(tmp_path, texts)
    request = TagRequest(pictures=(FIRST,), words=words, threshold=0.0, top=3, offline=True)
    (picture,) = (await engine.searcher.tagger.tag(request)).pictures
    assert Path(picture.path) == BUILT_IN.folder / "0000.webp"
    assert not picture.is_alone
    match = [tag.match for tag in picture.tags]
    assert len(match) == 3
    assert match == sorted(match, reverse=True)


async def test_words_without_an_embedding_are_counted_where_no_model_may_start(
    engine: Engine, tmp_path: Path
) -> None:
    known = next(text for text in first_texts() if text.isascii())
    words = word_file(tmp_path, ["never embedded", known])
    request = TagRequest(pictures=(FIRST,), words=words, offline=True)
    found = await engine.searcher.tagger.tag(request)
    assert found.words == 1
    assert "1 of 2 words are left out" in found.warnings[0].message
    words.write_text("never embedded\nnor this one")
    with pytest.raises(OfflineError, match="never embedded"):
        await engine.searcher.tagger.tag(request)


async def test_what_makes_no_sense_is_said(engine: Engine, tmp_path: Path) -> None:
    tag = engine.searcher.tagger.tag
    with pytest.raises(RequestError, match="threshold"):
        await tag(TagRequest(pictures=(FIRST,), threshold=2))
    with pytest.raises(RequestError, match="no list of words is written in 'fr'"):
        await tag(TagRequest(pictures=(FIRST,), language="fr"))
    with pytest.raises(RequestError, match="no picture"):
        await tag(TagRequest(pictures=("nowhere.jpg",)))
    with pytest.raises(EmptyLibraryError, match="no picture in"):
        await tag(TagRequest(folder=tmp_path))
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    with pytest.raises(RequestError, match="holds no words"):
        await tag(TagRequest(pictures=(FIRST,), words=empty))


async def test_the_words_of_the_storybook_are_embedded_once_and_then_at_hand(
    engine: Engine, tmp_path: Path
) -> None:
    """With the model that ships: a picture of the library, and a copy that no library holds."""
    await engine.searcher.scored(SearchRequest(query="a brown horse eating grass"))
    (encoder,) = await engine.library.encoders()
    result = await engine.searcher.scored(SearchRequest(query="a brown horse eating grass"))
    assert result.scores is not None
    picture_id = int(result.scores.picture_ids[0])
    tagger = engine.searcher.tagger
    assert await tagger.at_hand(picture_id, encoder_id=encoder.id, threshold=0.5) is None
    await tagger.embed_words(encoder.id)
    found = await tagger.at_hand(picture_id, encoder_id=encoder.id, threshold=0.5)
    assert found is not None
    copy = tmp_path / "copy.png"
    Image.open(found.path).save(copy)
    both = await tagger.tag(TagRequest(pictures=(found.path, str(copy))))
    assert both.pictures[0].tags == found.tags
    assert both.pictures[1].is_alone
    assert both.pictures[1].picture_id is None
    # A forest is what a leafy tree is taken for; all that is in the scene is named before it.
    assert [tag.word for tag in found.tags[:3]] == ["farmyard", "leafy tree", "butterfly"]
    assert {tag.word for tag in found.tags[3:]} <= {"forest"}
    assert {tag.word for tag in both.pictures[1].tags} <= {tag.word for tag in found.tags}
    assert both.pictures[1].tags


def chinese(animal: str) -> str:
    return f"一{ZH_MEASURE.get(animal, ('只',))[0]}{ZH_ANIMAL[animal][0]}"


def test_the_storybooks_list_is_its_vocabulary() -> None:
    assert BUILT_IN.words.read_text(encoding="utf-8").splitlines() == [
        *(f"{with_a(EN_ANIMAL[each][0])}\t{chinese(each)}" for each in ANIMALS),
        *(f"{EN_PROP_NOUN[each][0]}\t{ZH_PROP_NOUN[each][0]}" for each in PROPS if each != NO_PROP),
        *(f"{EN_PLACE_NOUN[each][0]}\t{ZH_PLACE_NOUN[each][0]}" for each in PLACES),
    ]


async def test_lists_are_in_a_language_of_the_encoder(engine: Engine) -> None:
    await engine.searcher.scored(SearchRequest(query="a brown horse", filters=Filters()))
    (storybook,) = await engine.library.encoders()
    assert words_of(storybook)[0] == Word("dog", "a dog")
    assert words_of(storybook, "zh")[0] == Word("狗", "一只狗")
    other = replace(storybook, source="some/clip", languages=("zh",))
    nouns = words_of(other)
    assert nouns[0] == Word("男人", "一个男人")
    assert {word.word for word in nouns} >= {"草", "大海", "剪刀"}
    english = {word.text: word.word for word in words_of(other, "en")}
    assert len(english) == len(nouns) > 300
    assert (english["an owl"], english["the sea"], english["grass"]) == ("owl", "sea", "grass")
    assert all(
        len({word.text for word in words_of(other, each)}) == len(nouns) for each in LANGUAGES
    )
    assert own_words(["a dog", "b", "a dog"]) == (Word("a dog", "a dog"), Word("b", "b"))
