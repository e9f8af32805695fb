"""What a painting job was asked, and what became of it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cache.records import GeneratedRecord
    from engine.generation.saved import Order
    from t2itui.painting_view import PaintedView


def parameters(order: Order, source: str) -> list[tuple[str, str]]:
    """Each thing that was asked, by name; what was left to the model says so."""
    request = order.request
    size = f"{request.width}x{request.height}" if request.width and request.height else "model's"
    seed = order.drawn if request.seed is None else request.seed
    pairs = [
        ("prompt", request.prompt),
        ("not", request.negative),
        ("seed", f"{seed}" if request.seed is not None else f"any (drawn {seed})"),
        ("steps", f"{request.steps or 'model’s'}"),
        ("guidance", "model's" if request.guidance is None else f"{request.guidance:g}"),
        ("size", size),
        ("scheduler", request.scheduler or "model's"),
        ("count", f"{request.count}" if request.count > 1 else ""),
        ("model", source.rstrip("/").rpartition("/")[2]),
        ("LoRA", ", ".join(f"{lora.path.name} {lora.weight:g}" for lora in request.loras)),
        ("start", "" if request.start_picture is None else request.start_picture.name),
        ("strength", "" if request.start_picture is None else f"{request.strength:g}"),
        ("joins", order.library or "your own pictures"),
    ]
    return [(name, value) for name, value in pairs if value]


def painted_words(picture: PaintedView, place: int, count: int) -> str:
    """A finished picture in a line."""
    number = f"{place} of {count}, " if count > 1 else ""
    how = "from the cache" if picture.cached else f"{picture.seconds:.1f} s"
    return f"✎ painted: {number}seed {picture.seed}, {picture.width}x{picture.height}, {how}"


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
