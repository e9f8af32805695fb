"""What crosses to the generator process and back: parameters, what is reported, and the picture."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.events import GenerationProgress, JobEvent, JobPreview, MemoryFallback, Report
from engine.models.messages import Json, Reply, WireError
from engine.models.parameters import GenerationParameters, Lora, Texts, read_box, read_map
from engine.states import GenerationPhase, OutputCheck, Unit

WAITS = "waiting for another t2itui that paints"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeneratedImage:
    """One picture as it comes out of a generator, and what really made it."""

    pixels: NDArray[np.uint8]
    """[height, width, 3]."""
    check: OutputCheck
    parameters: GenerationParameters
    """At the size that was generated: want of memory may have made it smaller than asked."""
    seed: int
    device: str
    """cuda, mps or cpu."""
    dtype: str
    """bf16, fp16 or fp32."""
    seconds: float
    """From the first step to the picture; loading the model is not in it."""
    memory_fallbacks: tuple[str, ...] = ()
    """What was given up for want of memory, in this order."""
    warnings: tuple[str, ...] = ()
    """What the person should know, such as words that the text tower cut off."""


def parameters_to_fields(parameters: GenerationParameters) -> dict[str, Json]:
    """Return what the process needs to generate, as it is sent."""
    start, loras = parameters.start_picture, parameters.loras
    return {
        "model_id": parameters.model_id,
        "prompt": parameters.prompt,
        "negative": parameters.negative,
        "steps": parameters.steps,
        "guidance": parameters.guidance,
        "width": parameters.width,
        "height": parameters.height,
        "scheduler": parameters.scheduler,
        "loras": [{"path": str(lora.path), "weight": lora.weight} for lora in loras],
        "start_picture": "" if start is None else str(start),
        "strength": parameters.strength,
        "mask": "" if parameters.mask is None else str(parameters.mask),
        "mask_box": "" if parameters.mask_box is None else str(parameters.mask_box),
        "mask_map": "" if parameters.mask_map is None else str(parameters.mask_map),
        "mask_word": parameters.mask_word,
        "mask_grow": parameters.mask_grow,
        "mask_feather": parameters.mask_feather,
    }


def parameters_from_fields(fields: Mapping[str, Json]) -> GenerationParameters:
    """Return what `parameters_to_fields` sent."""
    found = Reply(fields=fields)
    loras = [Reply(fields=lora) for lora in found.items("loras") if isinstance(lora, Mapping)]
    start, mask, box, parts = map(found.text, ("start_picture", "mask", "mask_box", "mask_map"))
    return GenerationParameters(
        model_id=found.text("model_id"),
        prompt=found.text("prompt"),
        negative=found.text("negative"),
        steps=found.whole("steps"),
        guidance=found.number("guidance"),
        width=found.whole("width"),
        height=found.whole("height"),
        scheduler=found.text("scheduler"),
        loras=tuple(
            Lora(path=Path(lora.text("path")), weight=lora.number("weight")) for lora in loras
        ),
        start_picture=Path(start) if start else None,
        strength=found.number("strength"),
        mask=Path(mask) if mask else None,
        mask_box=read_box(box) if box else None,
        mask_map=read_map(parts) if parts else None,
        mask_word=found.text("mask_word"),
        mask_grow=found.whole("mask_grow"),
        mask_feather=None if fields["mask_feather"] is None else found.whole("mask_feather"),
    )


def images_to_reply(
    images: Sequence[GeneratedImage], *, more_warnings: tuple[str, ...] = ()
) -> Reply:
    """Return pictures as the process sends them; what was asked for is known on the other side."""
    return Reply(
        fields={
            "images": [
                {
                    "check": image.check,
                    "width": image.parameters.width,
                    "height": image.parameters.height,
                    "seconds": image.seconds,
                    "memory_fallbacks": image.memory_fallbacks,
                    "warnings": [*more_warnings, *image.warnings],
                    "device": image.device,
                    "dtype": image.dtype,
                }
                for image in images
            ]
        },
        arrays=[image.pixels for image in images],
    )


def images_from_reply(
    reply: Reply,
    parameters: GenerationParameters,
    seeds: Sequence[int],
    texts: Sequence[Texts] = (),
) -> list[GeneratedImage]:
    """Return the pictures that came for these parameters, one of each seed; `texts` are those of
    each, where they differ."""
    images = []
    each = zip(
        reply.items("images"), reply.arrays, seeds, texts or [parameters.texts] * len(seeds),
        strict=True,
    )  # fmt: skip
    for fields, pixels, seed, said in each:
        if not isinstance(fields, Mapping):
            raise WireError("a picture is described by nothing")
        found = Reply(fields=fields)
        images.append(
            GeneratedImage(
                pixels=pixels.astype(np.uint8, copy=False),
                check=OutputCheck(found.text("check")),
                parameters=parameters.saying(said).sized(
                    found.whole("width"), found.whole("height")
                ),
                seed=seed,
                device=found.text("device"),
                dtype=found.text("dtype"),
                seconds=found.number("seconds"),
                memory_fallbacks=tuple(found.texts("memory_fallbacks")),
                warnings=tuple(found.texts("warnings")),
            )
        )
    return images


def texts_from(items: Sequence[Json]) -> list[Texts]:
    """The texts of several pictures, as they were sent."""
    found = [Reply(fields={"texts": each}).texts("texts") for each in items]
    return [(prompt, negative) for prompt, negative in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBridge:
    """Reports what the generator process says as events of a job, about one of its pictures."""

    report: Report
    job_id: int = 0
    picture: int = 1
    """From 1."""
    pictures: int = 1

    def __call__(self, fields: Mapping[str, Json]) -> None:
        """Take a message of the process."""
        self.report(self.read(fields))

    def read(self, fields: Mapping[str, Json]) -> JobEvent:
        """Return the event that a message of the process stands for."""
        found = Reply(fields=fields)
        match found.text("event"):
            case GenerationPhase.WAITING:
                return self._progress(GenerationPhase.WAITING, WAITS)
            case GenerationPhase.LOADING:
                stage, done, total = found.text("stage"), found.whole("done"), found.whole("total")
                return self._progress(GenerationPhase.LOADING, stage, done, total, Unit.BYTES)
            case GenerationPhase.STEP:
                return self._step(found.whole("step"), found.whole("total"), found.number("pace"))
            case GenerationPhase.DECODING:
                total, stage = found.whole("total"), self._numbered("decoding")
                return self._progress(GenerationPhase.DECODING, stage, total, total, Unit.STEPS)
            case "preview":
                return JobPreview(
                    job_id=self.job_id,
                    rgb=base64.b64decode(found.text("rgb")),
                    width=found.whole("width"),
                    height=found.whole("height"),
                )
            case "memory fallback":
                what, why = found.text("what"), found.text("why")
                message = f"{what}: {why}" if why else what
                return MemoryFallback(job_id=self.job_id, what=what, message=message)
            case other:
                raise WireError(f"no event of the generator is {other}")

    def _step(self, step: int, total: int, pace: float) -> GenerationProgress:
        progress = self._progress(
            GenerationPhase.STEP, self._numbered("painting"), step, total, Unit.STEPS
        )
        return replace(
            progress,
            rate=1 / pace if pace > 0 else 0.0,
            eta_s=pace * (total - step),
            seconds_a_step=pace,
        )

    def _progress(
        self,
        phase: GenerationPhase,
        stage: str,
        done: int = 0,
        total: int = 0,
        unit: Unit = Unit.NONE,
    ) -> GenerationProgress:
        return GenerationProgress(
            job_id=self.job_id,
            phase=phase,
            stage=stage,
            done=done,
            total=total,
            unit=unit,
            picture=self.picture,
            pictures=self.pictures,
        )

    def _numbered(self, stage: str) -> str:
        return stage if self.pictures == 1 else f"{stage} {self.picture} of {self.pictures}"
