"""Devices as a person names several of them."""

from __future__ import annotations

import os

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


def kind_and_number(device: str) -> tuple[str, str]:
    """The kind of a device and its number, which is empty where it has none: `cuda:1`."""
    kind, _, number = device.partition(":")
    return kind, number


def see_only(device: str) -> str:
    """Have this process see one of several GPUs, the first for it; returns the device's kind.

    Call it before torch is imported.
    """
    kind, number = kind_and_number(device)
    if kind == Device.CUDA and number:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        names = [name.strip() for name in seen.split(",") if name.strip()]
        at = int(number)
        os.environ["CUDA_VISIBLE_DEVICES"] = names[at] if at < len(names) else number
    return kind
