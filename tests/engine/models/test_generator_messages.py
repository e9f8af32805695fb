"""What the generator's process says, as events of a job; and the parameters on their way to it."""

from pathlib import Path

import numpy as np
import pytest

from engine.events import GenerationProgress, JobPreview, MemoryFallback
from engine.models.generator_messages import (
    EventBridge,
    GeneratedImage,
    images_from_reply,
    images_to_reply,
    parameters_from_fields,
    parameters_to_fields,
)
from engine.models.messages import Json, WireError
from engine.models.parameters import GenerationParameters, Lora
from engine.states import GenerationPhase, OutputCheck, Unit

PARAMETERS = GenerationParameters(
    model_id="some/painter",
    prompt="雪",
    negative="blur",
    steps=20,
    guidance=7.5,
    width=64,
    height=48,
    scheduler="dpm++",
    loras=(Lora(path=Path("/loras/ink.safetensors"), weight=0.5),),
    start_picture=Path("/pictures/start.png"),
    strength=0.4,
)


def bridge() -> EventBridge:
    """Speaks for the second of four pictures of job 3."""
    return EventBridge(report=lambda event: None, job_id=3, picture=2, pictures=4)


def test_steps_carry_pace_and_number() -> None:
    step = bridge().read({"event": "step", "step": 1, "total": 20, "pace": 0.5})
    assert step == GenerationProgress(
        job_id=3,
        phase=GenerationPhase.STEP,
        stage="painting 2 of 4",
        done=1,
        total=20,
        unit=Unit.STEPS,
        rate=2.0,
        eta_s=9.5,
        picture=2,
        pictures=4,
        seconds_a_step=0.5,
    )
    instant = bridge().read({"event": "step", "step": 2, "total": 20, "pace": 0.0})
    assert isinstance(instant, GenerationProgress) and instant.rate == 0.0
    alone = EventBridge(report=lambda event: None).read({"event": "decoding", "total": 20})
    assert isinstance(alone, GenerationProgress)
    assert (alone.stage, alone.done, alone.total) == ("decoding", 20, 20)


def test_loading_counts_bytes_and_waiting_says_for_what() -> None:
    said: dict[str, Json] = {"event": "loading", "stage": "loading unet", "done": 5, "total": 10}
    loading, waiting = bridge().read(said), bridge().read({"event": "waiting"})
    assert isinstance(loading, GenerationProgress) and isinstance(waiting, GenerationProgress)
    assert (loading.phase, loading.stage, loading.done, loading.unit) == (
        GenerationPhase.LOADING,
        "loading unet",
        5,
        "bytes",
    )
    assert waiting.phase is GenerationPhase.WAITING and "another t2itui" in waiting.stage


def test_previews_and_fallbacks_are_events_too_and_other_words_are_refused() -> None:
    preview = bridge().read({"event": "preview", "rgb": "AAECAwQF", "width": 2, "height": 1})
    assert preview == JobPreview(job_id=3, rgb=bytes(range(6)), width=2, height=1)
    why = "memory ran out"
    fallback = bridge().read({"event": "memory fallback", "what": "slices", "why": why})
    assert fallback == MemoryFallback(job_id=3, what="slices", message="slices: memory ran out")
    with pytest.raises(WireError, match="no event"):
        bridge().read({"event": "dancing"})


def test_parameters_arrive_as_they_were_sent() -> None:
    assert parameters_from_fields(parameters_to_fields(PARAMETERS)) == PARAMETERS
    plain = GenerationParameters(
        **{
            **{name: getattr(PARAMETERS, name) for name in PARAMETERS.__slots__},
            "loras": (),
            "start_picture": None,
        }
    )
    assert parameters_from_fields(parameters_to_fields(plain)) == plain


def test_a_picture_comes_at_the_size_that_was_generated() -> None:
    image = GeneratedImage(
        pixels=np.zeros((24, 32, 3), np.uint8),
        check=OutputCheck.BLACK,
        parameters=PARAMETERS.sized(32, 24),
        seed=7,
        device="cpu",
        dtype="fp32",
        seconds=1.5,
        memory_fallbacks=("slices",),
        warnings=("cut",),
    )
    reply = images_to_reply([image], more_warnings=("fp32",))
    (found,) = images_from_reply(reply, PARAMETERS, [7])
    assert found.parameters == PARAMETERS.sized(32, 24)
    assert (found.check, found.seed, found.seconds) == (OutputCheck.BLACK, 7, 1.5)
    assert (found.memory_fallbacks, found.warnings) == (("slices",), ("fp32", "cut"))
