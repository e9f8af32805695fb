"""What crosses to the generator process and back, put into plain values."""

import base64
from collections.abc import Mapping

import numpy as np

from engine.generation.events import (
    Decoding,
    Loading,
    PaintEvent,
    Preview,
    Step,
    SteppedDown,
    Waiting,
)
from engine.generation.facts import GeneratorFacts
from engine.generation.painted import Painted
from engine.generation.settled import Settled
from engine.wire import Json, Reply, WireError


def model_fields(facts: GeneratorFacts) -> dict[str, Json]:
    """Return what the process needs to load a model, and knows it by."""
    return {
        "id": facts.id,
        "path": str(facts.path),
        "config": str(facts.config),
        "variant": facts.variant,
        "parts": dict(facts.parts),
        "multiple": facts.multiple,
        "smallest": facts.smallest,
    }


def task_fields(settled: Settled, seed: int) -> dict[str, Json]:
    """Return what the process needs to paint."""
    return {
        "prompt": settled.prompt,
        "negative": settled.negative,
        "seed": seed,
        "steps": settled.steps,
        "guidance": settled.guidance,
        "width": settled.width,
        "height": settled.height,
        "scheduler": settled.scheduler,
        "loras": [{"path": str(lora.path), "weight": lora.weight} for lora in settled.loras],
        "start": str(settled.start_picture or ""),
        "strength": settled.strength,
    }


def read_event(event: Mapping[str, Json]) -> PaintEvent:
    """Return the event that the process sent."""
    found = Reply(fields=event)
    kind = found.text("event")
    if kind == "waiting":
        return Waiting()
    if kind == "loading":
        stage = found.text("stage")
        return Loading(stage=stage, done=found.whole("done"), total=found.whole("total"))
    if kind == "step":
        step, total, pace = found.whole("step"), found.whole("total"), found.number("pace")
        return Step(step=step, total=total, seconds_a_step=pace, eta_s=pace * (total - step))
    if kind == "preview":
        rgb = base64.b64decode(found.text("rgb"))
        return Preview(rgb=rgb, width=found.whole("width"), height=found.whole("height"))
    if kind == "decoding":
        return Decoding()
    if kind == "stepped down":
        return SteppedDown(what=found.text("what"), why=found.text("why"))
    raise WireError(f"no event of the generator is {kind}")


def read_painted(reply: Reply, settled: Settled, seed: int) -> Painted:
    """Return the picture that the process painted."""
    return Painted(
        pixels=reply.arrays[0].astype(np.uint8, copy=False),
        verdict=reply.text("verdict"),
        model_id=settled.model_id,
        seed=seed,
        steps=settled.steps,
        guidance=settled.guidance,
        width=reply.whole("width"),
        height=reply.whole("height"),
        scheduler=settled.scheduler,
        device=reply.text("device"),
        dtype=reply.text("dtype"),
        seconds=reply.number("seconds"),
        steps_down=tuple(reply.texts("steps_down")),
        notes=tuple(reply.texts("notes")),
    )
