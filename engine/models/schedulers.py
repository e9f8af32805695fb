"""The schedulers that pictures can be generated with: one table, which everything else reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import RequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """A way from noise to a picture, under our name and under those of others."""

    name: str
    """In requests, recipes and on the command line."""
    class_name: str
    """Of the class in diffusers."""
    label: str
    """As A1111's web UI writes it into pictures."""
    other_labels: tuple[str, ...] = ()
    """Names in other tools that are read as this one too, in lower case."""
    steps: int | None = None
    """For a model that names no number of its own; None takes what its pipeline calls usual."""
    guidance: float = 7.5
    most_steps: int | None = None
    """None where only the program's own limit holds."""
    is_distilled: bool = False
    """It fits models, and LoRAs, that were distilled for it, and those take no other."""
    options: Mapping[str, bool | int | str] = field(default_factory=dict)
    """For diffusers' class, beside what the model's own configuration says."""
    reads_clean: bool = True
    """Can go by a network that predicts clean latents."""
    has_karras_sigmas: bool = False
    """Takes Karras' sigmas, save where they would spend the steps at a zero terminal SNR."""
    follows_flow: bool = False
    """Goes along a flow from noise to picture, by a network that predicts its direction."""


OWN = "own"
"""The model's own scheduler as its files configure it, where no other fits."""


SCHEDULERS: Mapping[str, Scheduler] = {
    each.name: each
    for each in (
        # Latents are never clipped, which DDIM and LCM do unless they are told otherwise.
        Scheduler(
            name="ddim",
            class_name="DDIMScheduler",
            label="DDIM",
            steps=50,
            options={"clip_sample": False},
        ),
        Scheduler(
            name="dpm++",
            class_name="DPMSolverMultistepScheduler",
            label="DPM++ 2M Karras",
            # Karras' sigmas were a field of their own for a while.
            other_labels=("dpm++ 2m", "dpmpp_2m", "dpmpp_2m karras", "dpmpp_2m_k", "k_dpmpp_2m"),
            steps=25,
            options={"algorithm_type": "dpmsolver++", "solver_order": 2},
            has_karras_sigmas=True,
        ),
        Scheduler(
            name="euler-a",
            class_name="EulerAncestralDiscreteScheduler",
            label="Euler a",
            other_labels=("euler_a", "euler_ancestral", "k_euler_a", "k_euler_ancestral"),
            steps=30,
            # diffusers raises NotImplementedError at its first step.
            reads_clean=False,
        ),
        Scheduler(
            name="euler",
            class_name="EulerDiscreteScheduler",
            label="Euler",
            other_labels=("k_euler",),
            steps=30,
            reads_clean=False,
        ),
        Scheduler(
            name="lcm",
            class_name="LCMScheduler",
            label="LCM",
            steps=4,
            guidance=1.0,
            most_steps=50,
            is_distilled=True,
            options={"clip_sample": False},
        ),
        Scheduler(
            name="flow-euler",
            class_name="FlowMatchEulerDiscreteScheduler",
            label="Flow Euler",
            follows_flow=True,
        ),
        Scheduler(
            name="flow-dpm++",
            class_name="DPMSolverMultistepScheduler",
            label="Flow DPM++ 2M",
            options={"use_flow_sigmas": True, "prediction_type": "flow_prediction"},
            follows_flow=True,
        ),
        Scheduler(name=OWN, class_name="", label="the model's own"),
    )
}

USUAL = "dpm++"
"""Taken where neither request nor model names one, if it fits the model."""


def scheduler_named(name: str) -> Scheduler:
    """Return the scheduler of that name; raise RequestError where there is none."""
    if name not in SCHEDULERS:
        raise RequestError(
            f"there is no scheduler {name!r}",
            hint=f"Take one of {', '.join(SCHEDULERS)}.",
            field="scheduler",
        )
    return SCHEDULERS[name]


def scheduler_labelled(label: str) -> Scheduler | None:
    """Return the scheduler that other tools call so; None where there is none."""
    wanted = label.strip().lower()
    for each in SCHEDULERS.values():
        if wanted in (each.label.lower(), *each.other_labels):
            return each
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerNeeds:
    """What a model asks of its scheduler."""

    own_class: str
    """Of the scheduler that it comes with, in diffusers."""
    is_distilled: bool
    """Its network shows that it was distilled."""
    predicts_clean: bool
    """Its network predicts clean latents."""
    is_flow: bool
    """Its network predicts the direction of a flow."""
    is_fixed: bool
    """Its network predicts for its own scheduler more than others can use."""


def fitting(needs: SchedulerNeeds) -> tuple[str, ...]:
    """Return the names that fit a model.

    Along a flow only the model's own kind: pipelines hand over their sigmas as that takes them.
    """
    own = [each for each in SCHEDULERS.values() if each.class_name == needs.own_class]
    is_distilled = needs.is_distilled or any(each.is_distilled for each in own)
    found = tuple(
        each.name
        for each in (own if needs.is_flow else SCHEDULERS.values())
        if each.name != OWN
        and each.follows_flow == needs.is_flow
        and each.is_distilled == is_distilled
        and (each.reads_clean or not needs.predicts_clean)
    )
    return (OWN,) if needs.is_fixed or not found else found


def usual(own_class: str, names: tuple[str, ...], *, keeps_own: bool) -> str:
    """Return which of the names that fit a model is taken where nobody names one."""
    own = [name for name in names if SCHEDULERS[name].class_name == own_class]
    if keeps_own and own:
        return own[0]
    return USUAL if USUAL in names else names[0]
