"""Schedulers of diffusers by the program's table, and a look at what they predict."""

import functools
from collections.abc import Mapping
from typing import Any, TypeAlias

import diffusers
import torch

from engine.models.schedulers import SCHEDULERS

DiffusersScheduler: TypeAlias = Any
Result: TypeAlias = Any


def make_scheduler(name: str, config: Mapping[str, Any]) -> DiffusersScheduler:
    """Return the scheduler `name` for a model whose own scheduler has `config`.

    Betas, prediction type and zero terminal SNR are the model's.
    """
    scheduler = SCHEDULERS[name]
    wanted: dict[str, Any] = dict(scheduler.options)
    if scheduler.has_karras_sigmas:
        # They would spend the steps between 14 and the 4096 of a zero terminal SNR.
        wanted["use_karras_sigmas"] = not config.get("rescale_betas_zero_snr", False)
    return getattr(diffusers, scheduler.class_name).from_config(config, **wanted)


class Foresight:
    """Keeps what the scheduler expects the finished latents to be, after every step."""

    def __init__(self, scheduler: DiffusersScheduler) -> None:
        self.latents: torch.Tensor | None = None
        """In the pipeline's scale; None before the first step."""
        step = scheduler.step

        @functools.wraps(step)
        def watched(*args: Result, return_dict: bool = True, **kwargs: Result) -> Result:
            output = step(*args, return_dict=True, **kwargs)
            self.latents = _expected(scheduler, output)
            return output if return_dict else (output.prev_sample,)

        scheduler.step = watched


def _expected(scheduler: DiffusersScheduler, output: Result) -> torch.Tensor | None:
    """The finished latents as the last step foresees them; None where a scheduler says nothing."""
    for name in ("pred_original_sample", "denoised"):
        found: torch.Tensor | None = getattr(output, name, None)
        if found is not None:
            return found
    # DPM-Solver++ keeps its data predictions for the next step.
    predictions: list[torch.Tensor | None] = getattr(scheduler, "model_outputs", [])
    return predictions[-1] if predictions else None
