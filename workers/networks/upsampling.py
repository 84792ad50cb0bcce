"""Bilinear upsampling by two products of matrices, which a GPU differentiates without atomic additions."""

from functools import lru_cache

import torch
from torch import Tensor, nn


class BilinearUpsampling(nn.Module):
    """As nn.Upsample in its mode ``bilinear``.

    torch's own kernel adds up gradients pixel by pixel into few places, and took a sixth of a training
    step on an H100.

    Args:
        factor: Of both sides, 1 or more.
        align_corners: Whether the corners' pixel centres stay in the corners.
    """

    def __init__(self, factor: float, *, align_corners: bool) -> None:
        super().__init__()
        self.factor, self.align_corners = factor, align_corners

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, C, h, w) -> float32 (N, C, H, W)."""
        size = (int(maps.shape[2] * self.factor), int(maps.shape[3] * self.factor))
        return upsampled(maps, size, align_corners=self.align_corners)


def upsampled(maps: Tensor, size: tuple[int, int], *, align_corners: bool) -> Tensor:
    """Bilinear upsampling, as F.interpolate in float32.

    Args:
        maps: (N, C, h, w), of any float type.
        size: (H, W), not below (h, w).
        align_corners: Whether the corners' pixel centres stay in the corners.

    Returns:
        float32 (N, C, H, W), contiguous.
    """
    with torch.autocast(maps.device.type, enabled=False):
        # A compiler follows no cache, and makes them along with what it joins.
        made = weights if torch.compiler.is_compiling() else kept_weights
        rows = made(maps.shape[2], size[0], align_corners, maps.device)
        columns = made(maps.shape[3], size[1], align_corners, maps.device)
        product: Tensor = rows @ (maps.float() @ columns.T)
        return product


def weights(length: int, wanted: int, align_corners: bool, device: torch.device) -> Tensor:
    """What each of ``length`` points counts in each of ``wanted``, float32 (wanted, length)."""
    points = torch.arange(wanted, dtype=torch.float64, device=device)
    if align_corners:
        places = points * ((length - 1) / max(1, wanted - 1))
    else:
        places = ((points + 0.5) * (length / wanted) - 0.5).clamp(0, length - 1)
    between = places[:, None] - torch.arange(length, dtype=torch.float64, device=device)
    return (1 - between.abs()).clamp(min=0).float()


@lru_cache(maxsize=256)
def kept_weights(length: int, wanted: int, align_corners: bool, device: torch.device) -> Tensor:
    """The :func:`weights`, made once."""
    with torch.inference_mode(False):
        return weights(length, wanted, align_corners, device)


def replace_upsampling(network: nn.Module) -> None:
    """Let a network upsample by products from now on; its weights and their names stay."""
    for module in list(network.modules()):
        for name, part in module.named_children():
            factor = getattr(part, "scale_factor", None)
            if not isinstance(part, nn.Upsample) or not isinstance(factor, int | float):
                continue
            if part.mode == "bilinear" and factor >= 1:
                own = BilinearUpsampling(factor, align_corners=bool(part.align_corners))
                setattr(module, name, own)
