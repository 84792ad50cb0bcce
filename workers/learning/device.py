"""Which device to train on, and its mixed precision."""

import os
import platform

import torch

from surrogate_zoo.errors import InputError
from workers.tasks.training import Precision


def choose_device(name: str = "auto") -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>`` into a device; auto takes a GPU if any.

    Raises:
        InputError: The name is no device, or the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"{name!r} is no device; use auto, cpu, cuda or cuda:<n>.") from error
    if device.type not in {"cpu", "cuda"}:
        raise InputError(f"Device {name!r} is not supported; use auto, cpu, cuda or cuda:<n>.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"There is no GPU {name!r} here; {torch.cuda.device_count()} were found.")
    return device


def autocast(device: torch.device, precision: Precision | None = None) -> torch.autocast:
    """Mixed precision for a forward pass; weights and losses stay float32.

    Args:
        device: Where it runs.
        precision: What convolutions are computed in; see :func:`forward_dtype`.

    Raises:
        InputError: As :func:`forward_dtype`.
    """
    dtype = forward_dtype(device, precision)
    mixed = dtype is not torch.float32
    return torch.autocast(device.type, dtype=dtype if mixed else torch.bfloat16, enabled=mixed)


def forward_dtype(device: torch.device, precision: Precision | None) -> torch.dtype:
    """What a forward pass computes in; None is the device's own: half on a GPU, float32 on a CPU.

    Raises:
        InputError: float16 on a CPU, whose small gradients would vanish without a GPU's scaler.
    """
    if precision is None:
        return half_precision(device) if device.type == "cuda" else torch.float32
    if precision == "float16" and device.type == "cpu":
        raise InputError("Precision float16 needs a GPU; a CPU trains in bfloat16 or float32.")
    dtype: torch.dtype = getattr(torch, precision)
    return dtype


def half_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes it natively, else float16 (which needs loss scaling)."""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


class PeakMemory:
    """The most GPU memory that the tensors of one training took at once.

    torch counts from the beginning of the process, and a worker's process trains one thing after
    another, so the count begins anew when this is made.

    Args:
        device: Where the training runs.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._earlier = 0
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # a GPU that nothing has used yet counts nothing
            torch.cuda.reset_peak_memory_stats(device)

    @property
    def bytes(self) -> int | None:
        """The peak so far, that of earlier parts of the training included; None on a CPU."""
        if self._device.type != "cuda":
            return None
        return max(self._earlier, torch.cuda.max_memory_allocated(self._device))

    def go_on(self, earlier: int | None) -> None:
        """Take over what :attr:`bytes` was when the training was interrupted."""
        self._earlier = earlier or 0


def worker_facts(device: torch.device) -> dict[str, str | int]:
    """Where a training ran, for its provenance."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "device": name,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
