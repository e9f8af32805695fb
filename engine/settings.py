"""What the engine needs to know before it starts; built once by whoever starts it."""

from dataclasses import dataclass
from pathlib import Path

from engine.states import Device, NumberFormat

DEFAULT_THRESHOLD = 0.5
"""The probability at which `match` counts as an answer."""
DEFAULT_ENCODER = "openai/clip-vit-base-patch32"
CHINESE_ENCODER = "OFA-Sys/chinese-clip-vit-base-patch16"
DEFAULT_GENERATOR = "stable-diffusion-v1-5/stable-diffusion-v1-5"
DEFAULT_IDLE_SECONDS = 600.0
DEFAULT_STATES_GIB = 2.0
"""10,000 pictures of a ViT-B/16 take 1.9 GiB, of a ViT-B/32 half a GiB."""
DEFAULT_RERANKED = 200
DEFAULT_THUMBNAIL_SIDE = 320
"""Pixels of the longer edge: a thumbnail of so many still fits one or two pages of the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Folders, models and limits."""

    home: Path
    """Holds the cache, generated pictures and worker logs."""
    encoder: str = DEFAULT_ENCODER
    """Hub id or local folder of the encoder for new pictures."""
    generator: str = DEFAULT_GENERATOR
    """Hub id, local folder or `.safetensors` file of what paints for a person's own library."""
    taesd: Path | None = None
    """Folder of a tiny decoder in diffusers format, for finer previews than the linear ones."""
    device: str = Device.AUTO
    """auto, cuda, mps or cpu."""
    devices: tuple[str, ...] = ()
    """Several, such as `cuda:1`, that embed pictures when folders are indexed and that paint the
    cells of sheets, each with a model process of its own; none leaves it to `device`."""
    dtype: str = NumberFormat.AUTO
    """auto, bf16, fp16 or fp32."""
    int8: bool = False
    """Index with the encoder above in int8 where that is measured to be faster on this CPU."""
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    """A model process without work for so long gives its memory back; 0 keeps it."""
    decoders: int = 0
    """Processes that read pictures; 0 chooses by the number of cores."""
    max_pixels: int = 200_000_000
    """Larger pictures are refused: they would need gigabytes to decode."""
    thumbnail_side: int = DEFAULT_THUMBNAIL_SIDE
    """Pixels of a thumbnail's longer edge."""
    states_gib: float = DEFAULT_STATES_GIB
    """What the states of patches may take in the cache; those used longest ago go first."""
    rerank: int = DEFAULT_RERANKED
    """So many pictures, those with the highest cosines, are compared by late interaction."""
    exact: bool = False
    """Score every picture, however many there are: no narrow first pass."""
    paint_cluster: str = ""
    """The address of the Ray cluster that paints; empty paints here."""
    cluster: str = ""
    """The address of the Ray cluster that searches attached shards; empty searches them here."""
