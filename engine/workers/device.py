"""Chooses, once per model process, where and in which number format a model runs."""

from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import ModelUnusableError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}

_CPU_INFO = Path("/proc/cpuinfo")
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_NATIVE = {"bf16": "_is_mkldnn_bf16_supported", "fp16": "_is_mkldnn_fp16_supported"}
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
        if self.device != "cuda":
            return self.device
        return f"cuda-{torch.cuda.get_device_properties('cuda').uuid}"


def choose(device: str, dtype: str) -> Choice:
    """Settle `auto` for either; raise ModelUnusableError for a device that is not there."""
    present = _present()
    if device == "auto":
        device = present[0]
    if device not in present:
        raise ModelUnusableError(
            f"this machine has no {device} device that PyTorch {torch.__version__} can use",
            hint=f"Set the device to auto or {present[0]}.",
        )
    if dtype == "auto":
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
    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


def _present() -> list[str]:
    found = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def _fastest(device: str) -> str:
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if device == "cpu" and _cpu_has_bf16() else "fp32"


def _cpu_has_bf16() -> bool:
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not _BF16_FLAGS.isdisjoint(flags.split())


def _name(device: str) -> str:
    if device == "cuda":
        return str(torch.cuda.get_device_name())
    if device == "mps":
        return "Apple GPU"
    return f"CPU with {torch.get_num_threads()} threads"
