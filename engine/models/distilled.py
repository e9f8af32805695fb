"""Generators that were distilled to paint in a few steps: by their files, or by their names."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.models.messages import Json
from engine.models.paths import split_revision


@dataclass(frozen=True, slots=True, kw_only=True)
class FewSteps:
    """What a distilled model paints with: more steps gain nothing, guidance spoils the picture."""

    steps: int = 4
    guidance: float = 1.0
    """Without; also where the network was taught a scale of its own."""


KNOWN: Mapping[str, FewSteps] = {
    "Tongyi-MAI/Z-Image-Turbo": FewSteps(steps=9),
    "stabilityai/stable-diffusion-3.5-large-turbo": FewSteps(),
    "ByteDance/SDXL-Lightning": FewSteps(),
}
"""Models of the hub whose files say nothing of it."""


def few_steps(
    model_id: str,
    index: Mapping[str, Json],
    network: Mapping[str, Json],
    scheduler: Mapping[str, Json],
) -> FewSteps | None:
    """Return how a distilled model paints, by its configurations; None for any other.

    LCM's networks are not meant: they take a scheduler of their own, which has its steps.
    """
    known = KNOWN.get(split_revision(model_id)[0])
    if known is not None:
        return known
    if index.get("is_distilled") is True or _is_timestep_distilled(network, scheduler):
        return FewSteps()
    return FewSteps() if _is_adversarial(scheduler) else None


def _is_timestep_distilled(network: Mapping[str, Json], scheduler: Mapping[str, Json]) -> bool:
    """A Flux that takes no guidance scale, under a schedule that is never shifted: schnell."""
    is_unguided = network.get("guidance_embeds") is False and "pooled_projection_dim" in network
    return is_unguided and not scheduler.get("use_dynamic_shifting", False)


def _is_adversarial(scheduler: Mapping[str, Json]) -> bool:
    """The noise predictors that begin at the last time step: SD Turbo and SDXL Turbo.

    Models whose last step has no signal at all begin there, too, and predict velocities.
    """
    return (
        scheduler.get("timestep_spacing") == "trailing"
        and scheduler.get("prediction_type", "epsilon") == "epsilon"
        and not scheduler.get("rescale_betas_zero_snr", False)
    )
