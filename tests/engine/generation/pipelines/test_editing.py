"""A part of a picture is painted anew, and the rest stays as it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine.errors import PictureError, RequestError
from engine.generation.request import GenerateRequest, checked
from engine.models.parameters import GenerationParameters, MaskBox, read_box
from engine.states import OutputCheck
from engine.workers.editing import read_edit
from tests.engine.generation.pipelines.test_denoising import (
    CPU,
    SEED,
    TASK,
    Notes,
    Pixels,
    denoiser_of,
    load,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
WIDTH, HEIGHT = 150, 100


@pytest.fixture
def start(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "start.png")
    return tmp_path / "start.png"


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """White in a circle of 40 pixels."""
    image = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(image).ellipse((60, 30, 100, 70), fill=255)
    image.save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def pixels_of(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def edit(start: Path, **changes: object) -> GenerationParameters:
    values: dict[str, object] = {"start_picture": start, "strength": 1.0, "width": 96}
    return replace(TASK, **(values | changes))  # type: ignore[arg-type]


def test_outside_the_mask_the_picture_stays_to_the_last_bit(start: Path, mask: Path) -> None:
    part = read_edit(edit(start, mask=mask))
    painted = np.full((64, 96, 3), 255, np.uint8)
    whole, before, inside = part.put_back(painted), pixels_of(start), pixels_of(mask)[..., 0] > 0
    np.testing.assert_array_equal(whole[~inside], before[~inside])
    assert (whole[45:55, 75:85] == 255).all(), "deep inside stands what was painted"
    edge = part.share[50, 55:75]
    assert edge[0] == 0 and edge[-1] == 1 and (np.diff(edge) >= 0).all(), "it goes over softly"
    assert ((edge > 0) & (edge < 1)).sum() >= 2


def test_a_mask_grows_and_has_a_hard_edge_where_that_is_asked_for(start: Path) -> None:
    box = MaskBox(x=50, y=30, width=10, height=20)
    hard = read_edit(edit(start, mask_box=box, mask_grow=5, mask_feather=0))
    found = np.argwhere(hard.share == 1)
    assert (found.min(0).tolist(), found.max(0).tolist()) == ([25, 45], [54, 64])
    assert set(np.unique(hard.share)) == {0, 1}
    share = MaskBox(x=50 / WIDTH, y=0.3, width=10 / WIDTH, height=0.2)
    same = read_edit(edit(start, mask_box=share, mask_grow=5, mask_feather=0))
    np.testing.assert_array_equal(same.share, hard.share)


def test_the_model_sees_the_part_with_its_surroundings_in_its_own_shape(start: Path) -> None:
    part = read_edit(edit(start, mask_box=MaskBox(x=0, y=0, width=20, height=20)))
    left, top, right, bottom = part.window
    assert (left, top) == (0, 0)
    assert (right - left) / (bottom - top) == pytest.approx(1.5, abs=0.05)
    assert 40 <= bottom - top < HEIGHT
    picture, mask = part.inputs(96, 64)
    assert (picture.size, mask.size) == ((96, 64), (96, 64))
    assert set(np.unique(np.asarray(mask))) == {0, 255}
    whole = read_edit(edit(start, mask_box=MaskBox(x=0, y=0, width=1, height=1)))
    assert whole.window == (0, 0, WIDTH, HEIGHT)
    assert whole.share.min() == 1, "there is no edge to go over softly"


def test_a_mask_without_white_and_one_that_is_no_picture_are_refused(
    start: Path, mask: Path
) -> None:
    black = mask.with_name("black.png")
    Image.new("L", (10, 10)).save(black)
    with pytest.raises(PictureError, match="nothing to paint"):
        read_edit(edit(start, mask=black))
    with pytest.raises(PictureError, match="nothing to paint"):
        read_edit(edit(start, mask_box=MaskBox(x=500, y=0, width=9, height=9)))
    with pytest.raises(PictureError, match="cannot be read"):
        read_edit(edit(start, mask=Path(__file__)))


def test_a_plain_model_paints_the_part_anew(
    start: Path, mask: Path, tiny: Path, tmp_path: Path
) -> None:
    denoiser, notes = denoiser_of(load(tiny / "plain", tmp_path), CPU), Notes()
    painted = denoiser.generate(edit(start, mask=mask), SEED, notes, None)
    before, inside = pixels_of(start), pixels_of(mask)[..., 0] > 0
    assert painted.pixels.shape == before.shape, "it has the size of the start picture"
    np.testing.assert_array_equal(painted.pixels[~inside], before[~inside])
    assert np.abs(painted.pixels[inside].astype(int) - before[inside]).mean() > 20
    assert notes.steps == [(1, 3), (2, 3), (3, 3)]
    other = denoiser.generate(edit(start, mask=mask), SEED + 1, Notes(), None)
    assert not np.array_equal(other.pixels, painted.pixels)


def test_a_model_that_diffusers_has_no_inpainting_for_keeps_the_surroundings_all_the_same(
    start: Path, mask: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denoiser, notes = denoiser_of(load(tiny / "plain", tmp_path), CPU), Notes()
    monkeypatch.setattr(denoiser.pipe.unet.config, "in_channels", 64)
    assert not denoiser._has_inpainting()
    monkeypatch.undo()
    monkeypatch.setattr(denoiser, "_has_inpainting", lambda: False)
    kept = list[torch.Tensor]()
    decode = denoiser._decode

    def noted(latents: torch.Tensor, warnings: list[str]) -> tuple[Pixels | None, OutputCheck]:
        kept.append(latents)
        return decode(latents, warnings)

    monkeypatch.setattr(denoiser, "_decode", noted)
    asked = edit(start, mask_box=MaskBox(x=0.5, y=0, width=0.5, height=1))
    for prompt in ("a red horse", "snow in the snow"):
        painted = denoiser.generate(replace(asked, prompt=prompt), SEED, notes, None)
        assert painted.pixels.shape == (HEIGHT, WIDTH, 3)
    first, second = kept
    assert notes.steps[:3] == [(1, 3), (2, 3), (3, 3)]
    torch.testing.assert_close(first[..., :6], second[..., :6])
    assert (first[..., 6:] - second[..., 6:]).abs().mean() > 0.001


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"start_picture": None}, "start_picture"),
        ({"mask": Path(__file__)}, "mask"),
        ({"mask": Path("/nowhere.png"), "mask_box": None}, "mask"),
        ({"mask_grow": 9_999}, "mask_grow"),
        ({"mask_feather": -1}, "mask_feather"),
    ],
    ids=range(5),
)
def test_a_mask_that_makes_no_sense_is_refused(
    start: Path, changes: dict[str, object], field: str
) -> None:
    wanted = GenerateRequest(prompt="a cat", start_picture=start, mask_box=read_box("0,0,.5,.5"))
    assert checked(wanted) == wanted
    with pytest.raises(RequestError) as error:
        checked(replace(wanted, **changes))  # type: ignore[arg-type]
    assert error.value.field == field


@pytest.mark.parametrize("text", ["", "1,2,3", "a,b,c,d", "0,0,0,1", "-1,0,1,1", "nan,0,1,1"])
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no box|nothing in it"):
        read_box(text)
    assert str(read_box("0.25, 0,0.5,1")) == "0.25,0,0.5,1"
