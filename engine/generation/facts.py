"""What there is to know of a generator without running it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

EPSILON = "epsilon"
V_PREDICTION = "v_prediction"
SAMPLE = "sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a model paints with where the request does not say."""

    steps: int
    guidance: float
    scheduler: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorFacts:
    """A generator on this machine."""

    id: str
    """Hub id as it is; `name@hash` for a folder or file of one's own."""
    source: str
    """Hub id, folder or file, as it was asked for."""
    path: Path
    """The folder or the single file with its weights."""
    family: str
    """sd1, or sd2 where the text tower is OpenCLIP's; LoRA files fit one of them."""
    prediction_type: str
    """What the UNet predicts: epsilon, v_prediction or sample."""
    defaults: Defaults
    multiple: int
    """Pixels that width and height must be multiples of."""
    smallest: int
    """Pixels of the shortest side that the UNet can work on."""
    schedulers: tuple[str, ...]
    """The names of request.SCHEDULERS that fit the model."""
    variant: str
    """fp16 or bf16 where only such files are there; empty for the plain ones."""
    size_bytes: int
    """Of all weights that are loaded."""
    has_safety_checker: bool
    config: Path = Path()
    """The folder with configurations and tokenizer; `path` itself where that is one."""
    parts: Mapping[str, int] = field(default_factory=dict)
    """Bytes of the weights by part; empty for a single file."""
