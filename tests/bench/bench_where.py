"""How long a map of words and a search by late interaction take with a model of usual size.

`python -m tests.bench.bench_where`: a ViT-B/32 of random weights, two threads, noise for pictures.
Printed are a map of a new picture and of a known one, both with the process warm; late interaction
over the best 200 once their states are at hand, out of the cache and computed; and how many of the
states of 10,000 pictures the cache keeps within its limit.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cache.states import PictureStates, picture_states, put_picture_states
from engine.engine import Engine
from engine.requests import IndexRequest, WhereRequest
from engine.scoring.late_interaction import maxsim
from engine.search.late_scoring import stacked
from engine.settings import DEFAULT_RERANKED as BEST
from engine.settings import DEFAULT_STATES_GIB, EngineSettings
from engine.training.patches import MOST_BYTES, check_room
from tests.tiny_models import save_tiny_clip

PICTURES, CALLS = 24, 20
TEXT = "a brown horse eating grass in the snow"
TRAINED_ON = 10_000
FIRST_ID, BATCH = 10_000, 1_000
"""Of pictures that are made up."""


def save_usual_clip(folder: Path) -> Path:
    """Save a CLIP of the sizes of ViT-B/32 with random weights and a tokenizer of bytes."""
    import torch
    from transformers.models.clip.configuration_clip import CLIPConfig
    from transformers.models.clip.modeling_clip import CLIPModel

    save_tiny_clip(folder, dim=512, image_size=224)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kept = ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id")
    text = {name: config["text_config"][name] for name in kept}
    torch.manual_seed(0)
    make: Any = CLIPConfig
    CLIPModel(make(text_config=text, projection_dim=512)).save_pretrained(folder)
    return folder


def paint(folder: Path) -> list[Path]:
    folder.mkdir()
    files = [folder / f"{number:03}.png" for number in range(PICTURES)]
    for number, file in enumerate(files):
        noise = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
        Image.fromarray(noise).resize((500, 375), Image.Resampling.BICUBIC).save(file)
    return files


async def median_ms(calls: Sequence[Callable[[], Awaitable[object]]]) -> float:
    times = []
    for call in calls:
        start = time.perf_counter()
        await call()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


async def measure(place: Path) -> None:
    model, files = save_usual_clip(place / "clip"), paint(place / "pictures")
    settings = EngineSettings(home=place / "home", encoder=str(model), device="cpu")
    async with Engine.open(settings) as engine:
        await engine.index(IndexRequest(folders=(place / "pictures",))).wait()
        await engine.where(WhereRequest(picture=str(files[0]), text=TEXT))
        loaded = await engine.encoders.load(str(model))
        first = partial(WhereRequest, picture=str(files[0]))
        new = [
            partial(engine.where, WhereRequest(picture=str(file), text=TEXT)) for file in files[1:]
        ]
        words = [
            partial(engine.where, first(text=f"{TEXT} and {n}"))
            for n in ("a dog", "a cat", "a red horse")
        ]
        again = [partial(engine.where, first(text=TEXT))] * CALLS
        print(f"{loaded.device} {loaded.dtype}")
        print(f"a map of a new picture: {await median_ms(new):.0f} ms")
        print(f"a map of a known picture, a new text: {await median_ms(words):.0f} ms")
        print(f"a map out of the cache: {await median_ms(again):.0f} ms")
        await late(engine, str(model))


async def late(engine: Engine, source: str) -> None:
    """Time the best 200, read from the cache and scored."""
    info = await engine.encoders.describe(source)
    rows = await engine.cache.read(lambda db: db.execute("select id from pictures").fetchall())
    known = await engine.local_states.of_pictures(info.record, [int(row[0]) for row in rows])
    some = next(iter(known.states.values()))
    limit = int(DEFAULT_STATES_GIB * 2**30)
    for start in range(0, TRAINED_ON, BATCH):
        await engine.cache.write(_copy, info.id, info.local_way, some, start, limit)
    ids = list(range(FIRST_ID, FIRST_ID + BEST))
    tokens = np.random.default_rng(0).standard_normal((8, info.dim)).astype(np.float32)

    async def ask() -> None:
        found = await engine.cache.read(picture_states, info.id, info.local_way, ids)
        assert len(found) == BEST
        await asyncio.to_thread(maxsim, tokens, stacked(list(found.values())))

    found = await engine.cache.read(picture_states, info.id, info.local_way, ids)
    patches = stacked(list(found.values()))

    async def score() -> None:
        maxsim(tokens, patches)

    scored, asked = await median_ms([score] * CALLS), await median_ms([ask] * CALLS)
    print(f"maxsim over {BEST} pictures of {some.rows} x {some.columns} patches, 8 words:")
    print(f"  {scored:.0f} ms, and {asked:.0f} ms with their states out of the cache")
    (usage,) = await engine.local_states.usage()
    check_room(TRAINED_ON, some.vectors.nbytes, MOST_BYTES)
    finer = TRAINED_ON * 14 * 14 * info.dim * 2 / 2**30
    print(f"of {TRAINED_ON:,} pictures more, {usage.pictures - len(known.states):,} are kept:"
          f" {usage.bytes / 2**30:.2f} GiB of {DEFAULT_STATES_GIB:.0f} (a ViT-B/16 takes"
          f" {finer:.2f}), and a training takes them all into memory")  # fmt: skip


def _copy(
    db: Any,  # noqa: ANN401
    encoder_id: str,
    way: str,
    states: PictureStates,
    start: int,
    limit: int,
) -> None:
    """Give some made-up pictures the states of one."""
    ids = range(FIRST_ID + start, FIRST_ID + min(start + BATCH, TRAINED_ON))
    for at in ids:
        db.execute(
            "insert into pictures (id, sha256, width, height, format, added_at)"
            " values (?, ?, 1, 1, 'PNG', 0)",
            [at, f"{at:064x}"],
        )
    many = dict.fromkeys(ids, states)
    put_picture_states(db, encoder_id, way, many, when=time.time(), limit=limit)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
