"""Every kernel compiles for GPUs as it is started, without one."""

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.device_cost import GPU, as_on_gpu
from benchmarks.launches import WRITES, Launch, launches
from surrogate_zoo import load_loss

triton = pytest.importorskip("triton")

TYPES = {
    **{torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16"},
    **{torch.int64: "*i64", torch.int32: "*i32", torch.uint8: "*u8"},
}
CAPABILITIES = (80, 90)
"""Of an A100 and of an H100."""

LOSSES = (
    *((f"asl-{metric}-voc", 21) for metric in ("miou", "bf1", "macc")),
    *(("naive-biou", 21), ("asl-miou-voc", 40)),
)
"""Losses of the zoo, which start every kernel in every way, and classes."""


@pytest.mark.slow
def test_kernels_compile() -> None:
    compiled = {
        _key(launch): launch
        for loss, classes in LOSSES
        for dtype in (torch.float32, torch.bfloat16)
        for launch in _started(loss, classes, dtype)
    }
    assert {launch.kernel.__name__ for launch in compiled.values()} == WRITES.keys()
    for signature, launch in compiled.items():
        for capability in CAPABILITIES:
            assert "cubin" in _compiled(launch, dict(signature[1]), capability).asm


def _started(name: str, classes: int, dtype: torch.dtype) -> list[Launch]:
    found: list[Launch] = []
    loss = load_loss(name, num_classes=classes).to(GPU)
    setattr(loss, "check_values", False)  # noqa: B010 - not every module has it
    logits = torch.empty(2, classes, 32, 32, device=GPU, dtype=dtype, requires_grad=True)
    target = torch.empty(2, 32, 32, dtype=torch.int64, device=GPU)
    with as_on_gpu(), launches(found.append):
        loss(logits, target).backward()
    return found


def _key(launch: Launch) -> tuple[Any, ...]:
    types = tuple((name, _type(value)) for name, value in launch.given.items())
    return launch.kernel.__name__, types, tuple(sorted(launch.constants.items()))


def _type(value: Any) -> str:
    return TYPES[value.dtype] if isinstance(value, Tensor) else "i32"


def _compiled(launch: Launch, types: dict[str, str], capability: int) -> Any:
    constants = dict(launch.constants)
    options = {"num_warps": constants.pop("num_warps", 4)}
    signature = types | dict.fromkeys(constants, "constexpr")
    source = triton.compiler.ASTSource(fn=launch.kernel, signature=signature, constexprs=constants)
    target = triton.backends.compiler.GPUTarget("cuda", capability, 32)
    return triton.compile(source, target=target, options=options)
