"""What a painting job was asked, and what became of it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cache.records import GeneratedRecord
    from engine.generation.saved import Order
    from engine.generation.settled import Settled
    from t2itui.painting_view import PaintedView


def parameters(order: Order, source: str, settled: Settled | None) -> list[tuple[str, str]]:
    """What a job paints with, by name; what only its model could say is left out."""
    request = order.request
    seed = order.drawn if request.seed is None else request.seed
    start = request.start_picture
    pairs = [("prompt", request.prompt), ("not", request.negative), ("seed", str(seed))]
    if settled is not None:
        pairs += [
            ("steps", str(settled.steps)),
            ("guidance", f"{settled.guidance:g}"),
            ("size", f"{settled.width}x{settled.height}"),
            ("scheduler", settled.scheduler),
        ]
    pairs += [
        ("pictures", f"{request.count}" if request.count > 1 else ""),
        ("model", source.rstrip("/").rpartition("/")[2]),
        ("LoRA", ", ".join(f"{lora.path.name} {lora.weight:g}" for lora in request.loras)),
        ("start", "" if start is None else start.name),
        ("strength", "" if start is None else f"{request.strength:g}"),
        ("joins", f"the {order.library}" if order.library else "your own pictures"),
    ]
    return [(name, value) for name, value in pairs if value]


def painted_words(picture: PaintedView, place: int, count: int) -> str:
    """A finished picture in a line."""
    number = f"{place} of {count}, " if count > 1 else ""
    how = "from the cache" if picture.cached else f"{picture.seconds:.1f} s"
    return f"✎ painted: {number}{how}, {picture.width}x{picture.height}, seed {picture.seed}"


def from_record(record: GeneratedRecord) -> PaintedView:
    """A kept picture of an earlier session."""
    from t2itui.painting_view import PaintedView

    return PaintedView(
        picture_id=record.picture_id or 0,
        path=record.path,
        seed=record.seed,
        width=record.width,
        height=record.height,
        seconds=record.seconds,
        cached=False,
        cosine=record.cosine,
        match=record.match,
    )
