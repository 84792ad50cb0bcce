"""Which device to train on, and its mixed precision."""

import os
import platform

import torch

from surrogate_zoo.errors import InputError


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


def autocast(device: torch.device) -> torch.autocast:
    """Mixed precision for a forward pass: bfloat16 or float16 on a GPU, off on a CPU."""
    return torch.autocast(device.type, dtype=half_precision(device), enabled=device.type == "cuda")


def half_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes it natively, else float16 (which needs loss scaling)."""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


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
