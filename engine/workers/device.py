"""Chooses, once per model process, where and in which number format a model runs."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from cache.home_files import open_file
from engine.errors import ModelUnusableError
from engine.states import Device, NumberFormat

DTYPES: dict[str, torch.dtype] = {
    NumberFormat.BF16: torch.bfloat16,
    NumberFormat.FP16: torch.float16,
    NumberFormat.FP32: torch.float32,
}

_CPU_INFO = Path("/proc/cpuinfo")
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_NATIVE: dict[str, str] = {
    NumberFormat.BF16: "_is_mkldnn_bf16_supported",
    NumberFormat.FP16: "_is_mkldnn_fp16_supported",
}
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "alloc_cpu", "cannot allocate memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Where a model runs, and how its numbers are kept."""

    device: str
    """cuda, mps or cpu."""
    dtype: str
    """bf16, fp16 or fp32."""
    name: str
    """The device's own name, for people."""

    @property
    def key(self) -> str:
        """Tells this device from the machine's others: two GPUs are two devices."""
        if self.device != Device.CUDA:
            return self.device
        return f"cuda-{torch.cuda.get_device_properties('cuda').uuid}"


def choose(device: str, dtype: str) -> Choice:
    """Resolve `auto` for either; raise ModelUnusableError for a device that is not there."""
    present = _present()
    if device == Device.AUTO:
        device = present[0]
    if device not in present:
        raise ModelUnusableError(
            f"this machine has no {device} device that PyTorch {torch.__version__} can use",
            hint=f"Set the device to auto or {present[0]}.",
        )
    if dtype == NumberFormat.AUTO:
        dtype = _fastest(device)
    return Choice(device=device, dtype=dtype, name=_name(device))


def is_native(dtype: str) -> bool:
    """Tell whether this machine's CPU has a number format of its own.

    Without, torch works out each convolution number by number, which takes up to 75 times as long
    as in fp32.
    """
    tells = getattr(torch.ops.mkldnn, _NATIVE[dtype], None) if dtype in _NATIVE else None
    return tells is None or bool(tells())


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether torch failed for want of memory, on whichever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in _OUT_OF_MEMORY
    )


def free_cache(device: str) -> None:
    """Give back the memory that torch holds in reserve."""
    if device == Device.CUDA:
        torch.cuda.empty_cache()
    elif device == Device.MPS:
        torch.mps.empty_cache()


def _present() -> list[str]:
    found: list[str] = [Device.CUDA] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append(Device.MPS)
    return [*found, Device.CPU]


def _fastest(device: str) -> str:
    if device == Device.CUDA:
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return NumberFormat.BF16 if has_bf16 else NumberFormat.FP16
    return NumberFormat.BF16 if device == Device.CPU and _cpu_has_bf16() else NumberFormat.FP32


def _cpu_has_bf16() -> bool:
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not _BF16_FLAGS.isdisjoint(flags.split())


def _name(device: str) -> str:
    if device == Device.CUDA:
        return str(torch.cuda.get_device_name())
    if device == Device.MPS:
        return "Apple GPU"
    return f"CPU with {torch.get_num_threads()} threads"


POLL_S = 0.05


class DeviceLock:
    """Advisory locks on two files; the system lets go of them when their holder dies.

    Whoever comes takes the door before it waits for the device, so that one with many pictures
    to paint does not go before one that waits already.
    """

    def __init__(self, folder: Path, device: str) -> None:
        # A home on a network disk is shared by machines whose devices are their own.
        name = f"{device}@{socket.gethostname()}".replace("/", "_")
        self._door, self._device = folder / f"{name}.next", folder / f"{name}.lock"

    @contextlib.contextmanager
    def hold(self, waits: Callable[[], None]) -> Iterator[None]:
        """Keep the device for the block; `waits` is called again and again until it is free.

        What it raises ends the waiting. Where files cannot be locked nobody is kept waiting.
        """
        with contextlib.ExitStack() as held:
            with _locked(self._door, waits):
                held.enter_context(_locked(self._device, waits))
            yield


@contextlib.contextmanager
def _locked(path: Path, waits: Callable[[], None]) -> Iterator[None]:
    file = _open(path)
    try:
        while file is not None and not _take(file):
            waits()
            time.sleep(POLL_S)
        yield
    finally:
        if file is not None:
            os.close(file)


def _open(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        home, folder = path.parents[1], path.parent.name
        return open_file(home, folder, path.name, flags=os.O_RDWR | os.O_CREAT)
    return None


def _take(file: int) -> bool:
    """Lock the file if nobody else has; true also where its disk knows no locks."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
