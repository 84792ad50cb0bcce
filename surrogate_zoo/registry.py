"""Every loss of the zoo by name, and the one way to turn a name or a file into a module.

Importing this loads no torch; building a loss does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surrogate_zoo.errors import LossFileError
from surrogate_zoo.loss_file import Document, check_document, handmade_document, read_loss_file
from surrogate_zoo.metrics import METRICS
from surrogate_zoo.names import Registry
from surrogate_zoo.published import naive_document, published_document

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class LossEntry:
    """One entry of :data:`LOSSES`.

    Attributes:
        name: The name that users write.
        title: The name that papers write.
        summary: What it does, in one sentence.
        source: Paper and equation.
        make: The loss document of the entry with its default parameters.
        built_by: ``module:class`` of a handmade loss; empty for surrogates.
        parameters: Defaults of a handmade loss's own keyword arguments.
    """

    name: str
    title: str
    summary: str
    source: str
    make: Callable[[], Document] | None = None
    built_by: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> Document:
        """Return the entry as a loss file's content."""
        if self.make is not None:
            return self.make()
        return handmade_document(self.name, self.name, self.parameters, title=self.title)


_LI = "Li et al., Auto Seg-Loss, ICLR 2021"

_PUBLISHED = tuple(
    LossEntry(
        f"asl-{name}-voc",
        f"Auto Seg-Loss ({METRICS[name].title})",
        f"Surrogate of {METRICS[name].title} with the parameters its authors searched on PASCAL VOC.",
        f"{_LI}, Table 2",
        partial(published_document, name),
    )
    for name in ("miou", "fwiou", "biou", "bf1", "macc", "gacc")
)

_NAIVE = tuple(
    LossEntry(
        f"naive-{metric.name}",
        f"Naive {metric.title} surrogate",
        f"{metric.title} with probabilities in place of labels and products in place of logic.",
        metric.source,
        partial(naive_document, metric.name),
    )
    for metric in METRICS.values()
)

_PIXELS, _REGIONS = "surrogate_zoo.handmade.pixels", "surrogate_zoo.handmade.regions"

_HANDMADE = (
    LossEntry(
        "cross-entropy",
        "Cross entropy",
        "Mean over valid pixels of the negative log probability of the true class.",
        "torch.nn.functional.cross_entropy",
        built_by=f"{_PIXELS}:CrossEntropy",
    ),
    LossEntry(
        "focal",
        "Focal",
        "Cross entropy that fades where the true class is likely already.",
        "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4",
        built_by=f"{_PIXELS}:Focal",
        parameters={"gamma": 2.0},
    ),
    LossEntry(
        "top-k-cross-entropy",
        "Top-k cross entropy (OHEM)",
        "Cross entropy over the hardest quarter of the batch's pixels.",
        "Wu et al., Bridging Category-level and Instance-level Semantic Image Segmentation, 2016",
        built_by=f"{_PIXELS}:TopKCrossEntropy",
        parameters={"share": 0.25},
    ),
    LossEntry(
        "dice",
        "Dice",
        "1 - mean over present classes of the Dice coefficient over the batch.",
        "Sudre et al., Generalised Dice overlap, DLMIA 2017, eq. 2",
        built_by=f"{_REGIONS}:Dice",
        parameters={"smooth": 0.0},
    ),
    LossEntry(
        "tversky",
        "Tversky",
        "1 - mean over present classes of the Tversky index; misses weigh more than inventions.",
        "Salehi et al., Tversky loss function for image segmentation, MLMI 2017, eq. 3",
        built_by=f"{_REGIONS}:Tversky",
        parameters={"alpha": 0.3, "beta": 0.7, "exponent": 1.0},
    ),
    LossEntry(
        "focal-tversky",
        "Focal Tversky",
        "Tversky with each class's loss raised to 3/4, so that nearly solved classes still count.",
        "Abraham and Khan, A Novel Focal Tversky Loss Function, ISBI 2019, eq. 4",
        built_by=f"{_REGIONS}:Tversky",
        parameters={"alpha": 0.3, "beta": 0.7, "exponent": 0.75},
    ),
    LossEntry(
        "lovasz",
        "Lovasz-softmax",
        "Convex extension of the Jaccard loss of the classes present in the batch.",
        "Berman et al., The Lovasz-Softmax loss, CVPR 2018",
        built_by=f"{_REGIONS}:LovaszSoftmax",
        parameters={"per_image": False},
    ),
)

LOSSES = Registry("loss", (*_HANDMADE, *_NAIVE, *_PUBLISHED))
"""All built-in losses by name."""


def load_loss(
    source: str | Path | Mapping[str, Any], *, num_classes: int, **overrides: Any
) -> "nn.Module":
    """Build a loss to train with.

    Args:
        source: The name of a built-in loss (a key of :data:`LOSSES`), the path of a downloaded loss
            file, or its content.
        num_classes: C of the logits.
        **overrides: Options that replace those of the document: ``ignore_index``, ``tolerance``,
            ``exclude_background``, ``as_released`` of a surrogate; ``ignore_index`` and the entry's
            parameters of a handmade loss.

    Returns:
        A module; ``forward(logits (N, C, H, W) float, target (N, H, W) int64) -> scalar``.

    Raises:
        UnknownNameError: No built-in loss of that name, and no such file.
        LossFileError: The file or content is not a valid loss document.
    """
    document = _document(source)
    if document["kind"] == "surrogate":
        return _surrogate(document, num_classes, overrides)
    return _handmade(document, num_classes, overrides)


def _document(source: str | Path | Mapping[str, Any]) -> Document:
    if isinstance(source, Mapping):
        return check_document(dict(source))
    if isinstance(source, str) and source in LOSSES:
        return LOSSES[source].document()
    if isinstance(source, str) and not source.endswith(".json") and not Path(source).exists():
        return LOSSES[source].document()  # raises, with the known names
    return read_loss_file(source)


def _surrogate(document: Document, num_classes: int, overrides: Mapping[str, Any]) -> "nn.Module":
    from surrogate_zoo.surrogate import SurrogateLoss  # noqa: PLC0415  (loads torch)

    curves = document["control_points"]
    flat = (
        [value for name in METRICS[document["metric"]].curves for value in curves[name]]
        if curves
        else None
    )
    options = {"family": document["family"], **document["options"], **overrides}
    try:
        return SurrogateLoss(document["metric"], flat, num_classes=num_classes, **options)
    except TypeError as error:
        raise LossFileError(f"A surrogate takes no such option: {error}.") from error


def _handmade(document: Document, num_classes: int, overrides: Mapping[str, Any]) -> "nn.Module":
    module, name = LOSSES[document["loss"]].built_by.split(":")
    build = getattr(import_module(module), name)
    try:
        loss: nn.Module = build(num_classes=num_classes, **{**document["parameters"], **overrides})
    except TypeError as error:
        raise LossFileError(
            f"The loss {document['loss']!r} takes no such parameter: {error}."
        ) from error
    return loss
