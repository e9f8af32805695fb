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
    steps: int
    """For a model that names no number of its own."""
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
            name="lcm",
            class_name="LCMScheduler",
            label="LCM",
            steps=4,
            guidance=1.0,
            most_steps=50,
            is_distilled=True,
            options={"clip_sample": False},
        ),
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


def fitting(class_name: str, *, is_distilled: bool, predicts_clean: bool) -> tuple[str, ...]:
    """Return the names that fit a model whose own scheduler is diffusers' class of that name.

    `is_distilled` is whether the model's network shows that it was distilled, `predicts_clean`
    whether it predicts clean latents.
    """
    own = [each for each in SCHEDULERS.values() if each.class_name == class_name]
    is_distilled = is_distilled or any(each.is_distilled for each in own)
    return tuple(
        each.name
        for each in SCHEDULERS.values()
        if each.is_distilled == is_distilled and (each.reads_clean or not predicts_clean)
    )
