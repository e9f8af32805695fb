"""Devices as a person names several of them."""

from __future__ import annotations

from engine.errors import RequestError
from engine.states import Device


def read_devices(text: str) -> tuple[str, ...]:
    """The devices of `0,1`, which are GPUs, or of `cuda:0,cuda:1`, `cpu:0,cpu:1`.

    Raises RequestError for what is none, and for one that is named twice.
    """
    found = tuple(f"{Device.CUDA}:{each}" if each.isdecimal() else each for each in _parts(text))
    for device in found:
        kind, colon, number = device.partition(":")
        if kind not in (Device.CUDA, Device.MPS, Device.CPU) or (colon and not number.isdecimal()):
            raise RequestError(
                f"{device!r} is no device", hint="Such as 0,1 for two GPUs, or cuda:0,cpu."
            )
    twice = next((device for device in found if found.count(device) > 1), None)
    if twice is not None:
        raise RequestError(f"the device {twice} is named twice")
    return found


def _parts(text: str) -> list[str]:
    return [each.strip().lower() for each in text.split(",") if each.strip()]
