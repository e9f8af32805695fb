"""LoRA files in a pipeline: the ones that a request names, with their weights, and no others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from safetensors import SafetensorError

from engine.errors import ModelUnusableError

Pipeline: TypeAlias = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraFile:
    """A safetensors file and how much of it is added."""

    path: Path
    weight: float


class Loras:
    """Keeps track of what a pipeline has been given."""

    def __init__(self, pipe: Pipeline) -> None:
        self._pipe = pipe
        self._names: dict[tuple[Path, int, int], str] = {}
        self._active: list[tuple[str, float]] = []

    def use(self, wanted: tuple[LoraFile, ...]) -> bool:
        """Put these files to use and set the others aside; tell whether anything changed.

        Raises ModelUnusableError for a file that is damaged or made for another model.
        """
        loaded: list[tuple[str, float]] = []
        for lora in wanted:
            try:
                loaded.append((self._name(lora.path), lora.weight))
            except (OSError, ValueError, RuntimeError, LookupError, SafetensorError) as error:
                self.clear()
                raise ModelUnusableError(
                    f"{lora.path} cannot be added to this model: {str(error)[:300]}",
                    hint="Take a LoRA that was made for Stable Diffusion 1.5, or for the model's "
                    "own family.",
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

    def clear(self) -> None:
        """Take every LoRA out of the pipeline."""
        if self._names:
            self._pipe.unload_lora_weights()
        self._names.clear()
        self._active = []

    def _name(self, path: Path) -> str:
        """Return the name of the file in the pipeline, loading it where it is new or changed."""
        facts = path.stat()
        key = (path, facts.st_size, facts.st_mtime_ns)
        if key not in self._names:
            name = f"lora{len(self._names)}"
            self._pipe.load_lora_weights(
                path.parent,
                weight_name=path.name,
                adapter_name=name,
                local_files_only=True,
                use_safetensors=True,
            )
            self._names[key] = name
        return self._names[key]
