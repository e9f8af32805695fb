"""Where words are, through the engine's front door and a real encoder."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from engine import Engine, EngineSettings, WhereRequest
from engine.collections import BUILT_IN
from engine.errors import OfflineError, PictureError, RequestError
from engine.local.drawing import draw_where
from engine.models.input_spec import SQUASH, InputSpec, seen_part
from tests.engine.local.test_states import paint

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST = json.loads((BUILT_IN.folder / BUILT_IN.records).read_text(encoding="utf-8").splitlines()[0])
"""A scene with one animal, whose name is drawn into its captions."""
PICTURE = f"{BUILT_IN.name}/{FIRST['file']}"
ANIMAL = FIRST["animals"][0]["animal"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    settings = EngineSettings(home=tmp_path_factory.mktemp("home"), device="cpu", dtype="fp32")
    async with Engine.open(settings, with_jobs=False) as engine:
        yield engine


async def test_words_are_found_and_absent_ones_are_nowhere(engine: Engine) -> None:
    with pytest.raises(OfflineError):
        await engine.where(WhereRequest(picture=PICTURE, text=f"a {ANIMAL}", offline=True))
    found = await engine.where(WhereRequest(picture=PICTURE, text=f"a {ANIMAL} and a refrigerator"))
    animal, foreign = found.words
    assert (animal.word, animal.phrase, foreign.word) == (ANIMAL, f"a {ANIMAL}", "refrigerator")
    assert animal.strengths.shape == (6, 6)
    assert animal.is_there
    assert not foreign.is_there
    assert found.seen == (0.0, 0.0, 1.0, 1.0)
    assert found.text[foreign.start : foreign.end] == "and a refrigerator"
    again = await engine.where(WhereRequest(picture=PICTURE, text=found.text, offline=True))
    assert again.cached
    assert not found.cached
    for one, other in zip(found.words, again.words, strict=True):
        np.testing.assert_array_equal(one.strengths, other.strengths)


async def test_the_hottest_patch_lies_on_the_animal(engine: Engine) -> None:
    found = await engine.where(WhereRequest(picture=PICTURE, text=ANIMAL))
    row, column = found.words[0].peak
    # The first scene's animal is on the left, as its record says.
    assert FIRST["animals"][0]["position"] == "left"
    assert column <= 3
    assert 1 <= row <= 5


async def test_chinese_is_split_by_the_encoder_and_answers_offline(engine: Engine) -> None:
    text = FIRST["captions"]["zh"][0]
    found = await engine.where(WhereRequest(picture=PICTURE, text=text))
    assert "".join(each.word for each in found.words) in text
    assert any(each.is_there for each in found.words)
    assert (await engine.where(WhereRequest(picture=PICTURE, text=text, offline=True))).cached


async def test_files_outside_the_library_are_looked_at_and_not_kept(
    engine: Engine, tmp_path: Path
) -> None:
    paint(tmp_path / "more", 1, side=60)
    file = tmp_path / "more" / "00.png"
    found = await engine.where(
        WhereRequest(picture=str(file), text="a dog", encoder_id=BUILT_IN.name)
    )
    assert found.picture_id is None
    target = tmp_path / "words.png"
    draw_where(found, await engine.words.thumbnail(found), target)
    with Image.open(target) as drawn:
        assert drawn.size[0] > 300
    with pytest.raises(OfflineError, match="not in the library"):
        await engine.where(
            WhereRequest(picture=str(file), text="a dog", encoder_id=BUILT_IN.name, offline=True)
        )
    (tmp_path / "bad.png").write_bytes(b"nothing")
    with pytest.raises(PictureError):
        await engine.where(
            WhereRequest(picture=str(tmp_path / "bad.png"), text="dog", encoder_id=BUILT_IN.name)
        )


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (WhereRequest(picture=PICTURE, text="  "), "text"),
        (WhereRequest(picture=PICTURE, text="..."), "text"),
        (WhereRequest(picture="no/such.jpg", text="a dog"), "query"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    engine: Engine, request_: WhereRequest, field: str
) -> None:
    with pytest.raises(RequestError) as caught:
        await engine.where(request_)
    assert caught.value.field == field


async def test_a_crop_is_told_as_shares_of_the_picture() -> None:
    crop = InputSpec(height=224, width=224, mode="shortest_edge_crop", shortest_edge=224)
    assert seen_part(crop, 448, 224) == (0.25, 0.0, 0.75, 1.0)
    assert seen_part(crop, 100, 400) == (0.0, 0.375, 1.0, 0.625)
    assert seen_part(InputSpec(height=9, width=9, mode=SQUASH), 100, 400) == (0, 0, 1, 1)
