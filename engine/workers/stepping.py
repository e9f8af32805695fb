"""The steps of a scheduler: which one a picture takes, and what is to be seen after each step."""

import functools
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import diffusers
import numpy as np
import torch
from PIL import Image

from engine.models.schedulers import OWN, SCHEDULERS
from engine.workers.previews import Previewer

Pipeline: TypeAlias = Any
DiffusersScheduler: TypeAlias = Any
Result: TypeAlias = Any

_RECENT = 8


class StepWatcher(Protocol):
    """Is told of each step; `check` raises to stop the work."""

    def check(self) -> None: ...
    def step(self, step: int, total: int, seconds_a_step: float) -> None: ...


def make_scheduler(name: str, own: DiffusersScheduler) -> DiffusersScheduler:
    """Return the scheduler `name` for a model that comes with the scheduler `own`.

    Betas, shift, prediction type and zero terminal SNR are the model's.
    """
    config: Mapping[str, Any] = own.config
    if name == OWN:
        return type(own).from_config(config)
    scheduler = SCHEDULERS[name]
    wanted: dict[str, Any] = dict(scheduler.options)
    if scheduler.has_karras_sigmas:
        # They would spend the steps between 14 and the 4096 of a zero terminal SNR.
        wanted["use_karras_sigmas"] = not config.get("rescale_betas_zero_snr", False)
    return getattr(diffusers, scheduler.class_name).from_config(config, **wanted)


class RestoredSurroundings:
    """Brings back after every step what lies outside a mask, with the noise that belongs there.

    For networks that diffusers' own inpainting has no place for: their pipeline goes on from a
    picture, and hands its latents and their noise to the scheduler.
    """

    def __init__(self, mask: Image.Image) -> None:
        self._mask = mask
        self._original: torch.Tensor | None = None
        self._noise: torch.Tensor | None = None
        self._inside: torch.Tensor | None = None

    def watch(self, scheduler: DiffusersScheduler) -> None:
        """Take note of the latents that the scheduler is to begin with."""
        add_noise = scheduler.add_noise

        @functools.wraps(add_noise)
        def noted(original: torch.Tensor, noise: torch.Tensor, timesteps: Result) -> torch.Tensor:
            self._original, self._noise = original, noise
            noisy: torch.Tensor = add_noise(original, noise, timesteps)
            return noisy

        scheduler.add_noise = noted

    def restore(
        self, scheduler: DiffusersScheduler, latents: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        """Return latents after the step of `timestep` with what lies outside the mask as it was."""
        original, noise = self._original, self._noise
        if original is None or noise is None:
            return latents
        if self._inside is None:
            size = latents.shape[3], latents.shape[2]
            found = np.asarray(self._mask.resize(size, Image.Resampling.BOX)) > 0
            self._inside = torch.from_numpy(found).to(latents.device)
        after = scheduler.timesteps[scheduler.timesteps < timestep][:1]
        kept = original
        if len(after):
            # The class's own: the instance's takes note of what it is given.
            kept = type(scheduler).add_noise(scheduler, original, noise, after)
        return torch.where(self._inside, latents, kept.to(latents.dtype))


class Steps:
    """Counts the steps of one run, measures their time and shows what they come to.

    The scheduler's own steps are watched: not every pipeline calls back after one.
    """

    def __init__(
        self,
        pipe: Pipeline,
        watcher: StepWatcher,
        previewer: Previewer | None,
        surroundings: RestoredSurroundings | None = None,
    ) -> None:
        self._pipe = pipe
        self._watcher = watcher
        self._previewer = previewer
        self._surroundings = surroundings
        self._done = 0
        self._times = deque([time.perf_counter()], maxlen=_RECENT)
        if surroundings is not None:
            surroundings.watch(pipe.scheduler)
        self._watch(pipe.scheduler)

    def _watch(self, scheduler: DiffusersScheduler) -> None:
        step = scheduler.step

        @functools.wraps(step)
        def watched(
            prediction: torch.Tensor,
            timestep: Result,
            sample: torch.Tensor,
            *args: Result,
            return_dict: bool = True,
            **kwargs: Result,
        ) -> Result:
            output = step(prediction, timestep, sample, *args, return_dict=True, **kwargs)
            if self._surroundings is not None:
                output.prev_sample = self._surroundings.restore(
                    scheduler, output.prev_sample, timestep
                )
            self._take(scheduler, output, prediction, sample)
            return output if return_dict else output.to_tuple()

        scheduler.step = watched

    def _take(
        self,
        scheduler: DiffusersScheduler,
        output: Result,
        prediction: torch.Tensor,
        sample: torch.Tensor,
    ) -> None:
        self._watcher.check()
        self._times.append(time.perf_counter())
        self._done += 1
        pace = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        # A variation begins in the middle of the schedule.
        total = getattr(self._pipe, "num_timesteps", None) or len(scheduler.timesteps)
        self._watcher.step(self._done, int(total), pace)
        if self._previewer is not None:
            expected = _expected(scheduler, output, prediction, sample)
            if expected is not None:
                # Of several that are painted together, the first.
                self._previewer.show(expected[:1])


def _expected(
    scheduler: DiffusersScheduler, output: Result, prediction: torch.Tensor, sample: torch.Tensor
) -> torch.Tensor | None:
    """The finished latents as the last step foresees them, in the pipeline's scale and packing.

    None where a scheduler says nothing.
    """
    for name in ("pred_original_sample", "denoised"):
        found: torch.Tensor | None = getattr(output, name, None)
        if found is not None:
            return found
    # DPM-Solver++ keeps its data predictions for the next step.
    predictions: list[torch.Tensor | None] = getattr(scheduler, "model_outputs", [])
    if predictions:
        return predictions[-1]
    if "FlowMatch" in type(scheduler).__name__ and scheduler.step_index:
        # Straight along the flow: sigma is the share of noise before the step.
        sigma: torch.Tensor = scheduler.sigmas[scheduler.step_index - 1].to(sample.device)
        return sample.float() - sigma * prediction.float()
    return None
