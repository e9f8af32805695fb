"""LoRA files in a pipeline: which are in it, and what becomes of those made for another."""

from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any, TypeAlias

from engine.errors import ModelUnusableError
from engine.models.parameters import Lora
from engine.untrusted.arrays import read_tensors_header
from engine.workers.pipelines import LOADING_ERRORS

Pipeline: TypeAlias = Any


class Loras:
    """Keeps track of what a pipeline has been given."""

    def __init__(self, pipe: Pipeline) -> None:
        self._pipe = pipe
        self._names: dict[tuple[Path, int, int], str] = {}
        self._notes: dict[str, str] = {}
        self._active: list[tuple[str, float]] = []

    def use(self, wanted: tuple[Lora, ...]) -> bool:
        """Put these files to use and set the others aside; tell whether anything changed.

        Raises ModelUnusableError for a file that is damaged or made for another model.
        """
        loaded: list[tuple[str, float]] = []
        for lora in wanted:
            try:
                loaded.append((self._name(lora.path), lora.weight))
            except (*LOADING_ERRORS, AssertionError) as error:
                self.clear()
                raise ModelUnusableError(
                    f"{lora.path} cannot be added to this model: {str(error)[:400]}",
                    hint="Take a LoRA that was made for the model's own family.",
                ) from error
        if loaded == self._active:
            return False
        if loaded:
            names, weights = [name for name, _ in loaded], [weight for _, weight in loaded]
            self._pipe.enable_lora()
            self._pipe.set_adapters(names, weights)
        else:
            self.clear()
        self._active = loaded
        return True

    @property
    def warnings(self) -> list[str]:
        """What of the files in use is left out."""
        return [self._notes[name] for name, _ in self._active if name in self._notes]

    def clear(self) -> None:
        """Take every LoRA out of the pipeline."""
        if self._names:
            self._pipe.unload_lora_weights()
        self._names.clear()
        self._notes.clear()
        self._active = []

    def _name(self, path: Path) -> str:
        """Return the name of the file in the pipeline, loading it where it is new or changed."""
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns)
        if key not in self._names:
            name = f"lora{len(self._names)}"
            tensors = read_tensors_header(path).tensors
            if not tensors:
                raise ValueError("it holds no weights")
            try:
                self._pipe.load_lora_weights(
                    path.parent,
                    weight_name=path.name,
                    adapter_name=name,
                    local_files_only=True,
                    use_safetensors=True,
                )
            except ValueError as error:
                made_for = _made_for(tensors, self._pipe.components)
                raise ValueError(f"{str(error)[:300]}{made_for}") from error
            loaded = self._pipe.get_list_adapters().values()
            if not any(name in names for names in loaded):
                made_for = _made_for(tensors, self._pipe.components)
                raise ValueError(f"none of its weights have a place there{made_for}")
            self._names[key] = name
            if any("dora_scale" in each or "magnitude" in each for each in tensors):
                self._notes[name] = (
                    f"{path.name} is a DoRA: its magnitudes are left out, so that it acts as a LoRA"
                )
        return self._names[key]


_FOREIGN = (
    (
        ("transformer.", "lora_transformer_", "double_blocks", "diffusion_model."),
        "transformer",
        "Flux or SD 3",
    ),
    (("lora_te2_", "text_encoder_2."), "text_encoder_2", "Stable Diffusion XL"),
    (("lora_prior_", "lora_te_prior"), "prior_prior", "Stable Cascade"),
    (("lora_unet_", "unet."), "unet", "a model with a UNet, such as Stable Diffusion"),
)
"""How weights are named that change a part, and the family that has it."""


def _made_for(names: Iterable[str], parts: Container[str]) -> str:
    """What a LoRA with such names of weights was made for; empty where that is not known.

    `parts` are those that the pipeline has.
    """
    names = list(names)
    for starts, part, family in _FOREIGN:
        if part not in parts and any(name.startswith(starts) for name in names):
            return f": it was made for {family}"
    if any(".processor." in name for name in names):
        return ": it is of the first form that diffusers wrote, without the parts' names"
    return ""
