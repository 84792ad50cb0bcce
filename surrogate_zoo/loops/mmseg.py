"""A loss of the zoo as mmsegmentation calls its losses; needs nothing of mmsegmentation."""

from typing import Any

from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.registry import load_loss


class MMSegLoss(nn.Module):
    """``loss_decode`` of a decode head: ``dict(type="lossfit.MMSegLoss", loss="asl-miou-voc", ...)``.

    mmengine finds a ``type`` by its full name, so nothing is registered.

    Args:
        loss: What :func:`lossfit.load_loss` takes: a name, a weighted sum, a loss file.
        num_classes: C of the head.
        ignore_index: Label of void pixels; that of the head.
        loss_weight: Factor of the loss.
        loss_name: What logs call it; mmsegmentation adds up the losses whose name begins with ``loss_``.
        options: Further arguments of :func:`lossfit.load_loss`, such as ``process_group="world"``.

    Raises:
        InputError: The name does not begin so; and what :func:`lossfit.load_loss` refuses.
    """

    def __init__(
        self,
        loss: str,
        *,
        num_classes: int,
        ignore_index: int = 255,
        loss_weight: float = 1.0,
        loss_name: str = "loss_lossfit",
        **options: Any,
    ) -> None:
        super().__init__()
        if not loss_name.startswith("loss_"):
            raise InputError(f"loss_name must begin with loss_, not be {loss_name!r}.")
        self.loss = load_loss(loss, num_classes=num_classes, ignore_index=ignore_index, **options)
        self.ignore_index, self.loss_weight, self.loss_name = ignore_index, loss_weight, loss_name

    def forward(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None = None, **options: Any
    ) -> Tensor:
        """Return the loss.

        Args:
            cls_score: Logits, float (N, C, H, W).
            label: int64 (N, H, W).
            weight: Of the pixels, from a sampler; must be None.
            **options: ``ignore_index`` of the head; others are of no account.

        Raises:
            InputError: There is a sampler, or the head has another ``ignore_index``.
        """
        if weight is not None:
            raise InputError("A loss of lossfit takes no weights of pixels: leave out the sampler.")
        theirs = options.get("ignore_index", self.ignore_index)
        if theirs != self.ignore_index:
            raise InputError(
                f"The head has ignore_index {theirs}; give loss_decode the same, not {self.ignore_index}."
            )
        value: Tensor = self.loss_weight * self.loss(cls_score, label)
        return value
