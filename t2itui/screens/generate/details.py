"""What a generation was asked, and what became of it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.events import GeneratedPicture
    from engine.generation.generation import GenerationDetails


def parameter_pairs(details: GenerationDetails) -> list[tuple[str, str]]:
    """What a job generates with, by name; what only its model could say is left out."""
    request, parameters = details.spec.request, details.parameters
    start = request.start_picture
    pairs = [
        ("prompt", request.prompt),
        ("not", request.negative),
        ("seed", str(details.spec.first_seed)),
    ]
    if parameters is not None:
        pairs += [
            ("steps", str(parameters.steps)),
            ("guidance", f"{parameters.guidance:g}"),
            ("size", f"{parameters.width}x{parameters.height}"),
            ("scheduler", parameters.scheduler),
        ]
    library = details.spec.library
    pairs += [
        ("pictures", f"{request.count}" if request.count > 1 else ""),
        ("model", details.source.rstrip("/").rpartition("/")[2]),
        ("LoRA", ", ".join(f"{lora.path.name} {lora.weight:g}" for lora in request.loras)),
        ("start", "" if start is None else start.name),
        ("strength", "" if start is None else f"{request.strength:g}"),
        ("joins", f"the {library}" if library else "your own pictures"),
    ]
    return [(name, value) for name, value in pairs if value]


def picture_words(picture: GeneratedPicture, index: int, count: int) -> str:
    """A finished picture in a line."""
    number = f"{index} of {count}, " if count > 1 else ""
    how = "from the cache" if picture.cached else f"{picture.seconds:.1f} s"
    return f"✎ painted: {number}{how}, {picture.width}x{picture.height}, seed {picture.seed}"
