"""The handmade losses of the zoo, one entry each; importing this loads no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from surrogate_zoo.loss_file import Document, handmade_document
from surrogate_zoo.needs import Needs


@dataclass(frozen=True)
class LossEntry:
    """One entry of :data:`LOSSES`.

    Attributes:
        name: The name that users write.
        title: The name that papers write.
        summary: What it does, in one sentence.
        source: Paper and equation.
        make: Makes the document of a surrogate or a weighted sum; None for a handmade loss.
        built_by: ``module:class`` of a handmade loss; empty for the others.
        parameters: Defaults of a handmade loss's own keyword arguments.
        needs: What a handmade loss needs beyond logits and target.
    """

    name: str
    title: str
    summary: str
    source: str
    make: Callable[[], Document] | None = None
    built_by: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)

    def document(self) -> Document:
        """Return the entry as a loss file's content."""
        if self.make is not None:
            return self.make()
        return handmade_document(self.name, self.name, self.parameters, title=self.title)


_PIXELS, _REGIONS = "surrogate_zoo.handmade.pixels", "surrogate_zoo.handmade.regions"

HANDMADE = (
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

SUMS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "cross-entropy-dice",
        "Cross entropy + Dice",
        "The two losses that are combined most often, one to one.",
        "Isensee et al., nnU-Net, Nature Methods 2021",
        "cross-entropy+dice",
    ),
)
"""Weighted sums with a name of their own: name, title, summary, source, terms."""
