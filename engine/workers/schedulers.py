"""The samplers: diffusers' schedulers under our names, and a look at what they predict."""

import functools
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    LCMScheduler,
)

from engine.generation.request import DDIM, DPM, EULER_A, LCM

Scheduler: TypeAlias = Any
Result: TypeAlias = Any

_CLASSES: dict[str, Scheduler] = {
    DDIM: DDIMScheduler,
    DPM: DPMSolverMultistepScheduler,
    EULER_A: EulerAncestralDiscreteScheduler,
    LCM: LCMScheduler,
}


def make_scheduler(name: str, config: Mapping[str, Any]) -> Scheduler:
    """Return the scheduler `name` for a model whose own scheduler has `config`.

    Betas, prediction type and zero terminal SNR are the model's. Latents are never clipped, which
    some schedulers do unless they are told otherwise.
    """
    wanted: dict[str, Any] = {}
    if name in (DDIM, LCM):
        wanted["clip_sample"] = False
    if name == DPM:
        # Karras' sigmas would spend the steps between 14 and the 4096 of a zero terminal SNR.
        karras = not config.get("rescale_betas_zero_snr", False)
        wanted |= {"algorithm_type": "dpmsolver++", "use_karras_sigmas": karras, "solver_order": 2}
    return _CLASSES[name].from_config(config, **wanted)


class Glimpse:
    """Keeps what the scheduler expects the finished latents to be, after every step."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.latents: torch.Tensor | None = None
        """In the pipeline's scale; None before the first step."""
        step = scheduler.step

        @functools.wraps(step)
        def watched(*args: Result, return_dict: bool = True, **kwargs: Result) -> Result:
            output = step(*args, return_dict=True, **kwargs)
            self.latents = _expected(scheduler, output)
            return output if return_dict else (output.prev_sample,)

        scheduler.step = watched


def _expected(scheduler: Scheduler, output: Result) -> torch.Tensor:
    if isinstance(scheduler, DPMSolverMultistepScheduler):
        # DPM-Solver++ keeps its data predictions for the next step.
        latents: torch.Tensor = scheduler.model_outputs[-1]  # type: ignore[attr-defined]
    elif isinstance(scheduler, LCMScheduler):
        latents = output.denoised
    else:
        latents = output.pred_original_sample
    return latents
