"""The handmade losses of the zoo, one entry each; importing this loads no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from surrogate_zoo.losses.dimensions import Dimension
from surrogate_zoo.losses.document import Document, handmade_document
from surrogate_zoo.losses.scales import SCALES
from surrogate_zoo.needs import (
    BOUNDARY_LOGITS,
    CLASS_IMAGE_PIXELS,
    CLASS_PIXELS,
    EDGE_NETWORK,
    EMBEDDINGS,
    INSTANCES,
    INVERSE_NETWORK,
    SEEDINESS,
    Needs,
)


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
        parameters: Defaults of a handmade loss's own keyword arguments; they stand here and not in
            its constructor, so that its document says them all without loading torch.
        needs: What a handmade loss needs beyond logits and target.
        searched: Those of its parameters that a search walks along, with their ranges.
    """

    name: str
    title: str
    summary: str
    source: str
    make: Callable[[], Document] | None = None
    built_by: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)
    searched: tuple[Dimension, ...] = ()

    def document(self) -> Document:
        """Return the entry as a loss file's content."""
        if self.make is not None:
            return self.make()
        return handmade_document(
            self.name, self.name, self.parameters, title=self.title, scale=SCALES[self.name]
        )


_PIXELS, _REGIONS = "surrogate_zoo.losses.handmade.pixels", "surrogate_zoo.losses.handmade.regions"
_STRUCTURE = "surrogate_zoo.losses.handmade.structure"
_BOUNDARIES = "surrogate_zoo.losses.handmade.boundaries"
_INVERSE_FORM = "surrogate_zoo.losses.handmade.inverse_form"
_SEMEDA = "surrogate_zoo.losses.handmade.semeda"

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
        searched=(Dimension("gamma", 0.0, 5.0),),
    ),
    LossEntry(
        "top-k-cross-entropy",
        "Top-k cross entropy (OHEM)",
        "Cross entropy over the hardest quarter of the batch's pixels.",
        "Wu et al., Bridging Category-level and Instance-level Semantic Image Segmentation, 2016",
        built_by=f"{_PIXELS}:TopKCrossEntropy",
        parameters={"share": 0.25},
        searched=(Dimension("share", 0.05, 1.0, log=True),),
    ),
    LossEntry(
        "inverse-frequency-cross-entropy",
        "Weighted cross entropy (inverse frequency)",
        "Cross entropy with every class weighed by the inverse of its share of the pixels.",
        "Ronneberger et al., U-Net, MICCAI 2015, section 3 (its class weights)",
        built_by=f"{_PIXELS}:WeightedCrossEntropy",
        parameters={"weighting": "inverse", "power": 1.0},
        searched=(Dimension("power", 0.0, 1.0),),
        needs=Needs(facts=(CLASS_PIXELS,)),
    ),
    LossEntry(
        "median-frequency-cross-entropy",
        "Weighted cross entropy (median frequency balancing)",
        "Cross entropy with every class weighed by the inverse of its share of the images it is in.",
        "Eigen and Fergus, Predicting Depth, Surface Normals and Semantic Labels, ICCV 2015",
        built_by=f"{_PIXELS}:WeightedCrossEntropy",
        parameters={"weighting": "median", "power": 1.0},
        searched=(Dimension("power", 0.0, 1.0),),
        needs=Needs(facts=(CLASS_PIXELS, CLASS_IMAGE_PIXELS)),
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
        "dice-squared",
        "Dice (squared denominator)",
        "Dice with squares of probabilities summed in the denominator.",
        "Milletari et al., V-Net, 3DV 2016, section 3",
        built_by=f"{_REGIONS}:Dice",
        parameters={"smooth": 0.0, "squared": True},
    ),
    LossEntry(
        "jaccard-metric",
        "Jaccard metric loss",
        "Soft Jaccard loss of the classes present, fit for soft labels.",
        "Wang et al., Jaccard Metric Losses, NeurIPS 2023",
        built_by=f"{_REGIONS}:JaccardMetric",
        parameters={"smoothing": 0.0, "variant": 1},
    ),
    LossEntry(
        "tversky",
        "Tversky",
        "1 - mean over present classes of the Tversky index; misses weigh more than inventions.",
        "Salehi et al., Tversky loss function for image segmentation, MLMI 2017, eq. 3",
        built_by=f"{_REGIONS}:Tversky",
        parameters={"alpha": 0.3, "beta": 0.7, "exponent": 1.0},
        searched=(Dimension("alpha", 0.1, 1.0), Dimension("beta", 0.1, 1.0)),
    ),
    LossEntry(
        "focal-tversky",
        "Focal Tversky",
        "Tversky with each class's loss raised to 3/4, so that nearly solved classes still count.",
        "Abraham and Khan, A Novel Focal Tversky Loss Function, ISBI 2019, eq. 4",
        built_by=f"{_REGIONS}:Tversky",
        parameters={"alpha": 0.3, "beta": 0.7, "exponent": 0.75},
        searched=(
            Dimension("alpha", 0.1, 1.0),
            Dimension("beta", 0.1, 1.0),
            Dimension("exponent", 0.4, 1.0),
        ),
    ),
    LossEntry(
        "lovasz",
        "Lovasz-softmax",
        "Convex extension of the Jaccard loss of the classes present in the batch.",
        "Berman et al., The Lovasz-Softmax loss, CVPR 2018",
        built_by="surrogate_zoo.losses.handmade.lovasz:LovaszSoftmax",
        parameters={"per_image": False},
    ),
    LossEntry(
        "ssim",
        "Structural similarity (SSIM)",
        "1 - structural similarity of the maps of the classes present, in Gaussian windows.",
        "Wang et al., Image quality assessment, IEEE TIP 2004, eq. 13",
        built_by=f"{_STRUCTURE}:StructuralSimilarity",
        parameters={"window": 11, "sigma": 1.5},
    ),
    LossEntry(
        "unet-border-cross-entropy",
        "U-Net border weights",
        "Cross entropy that weighs the ground between neighbouring objects up to 11 times as much.",
        "Ronneberger et al., U-Net, MICCAI 2015, eqs. 1 and 2",
        built_by=f"{_BOUNDARIES}:BorderCrossEntropy",
        parameters={"w0": 10.0, "sigma": 5.0},
        needs=Needs(inputs=("border_distances",)),
    ),
    LossEntry(
        "dpce",
        "Distance map penalised cross entropy",
        "Cross entropy that weighs errors at the true boundary up to twice as much.",
        "Caliva et al., Distance Map Loss Penalty Term for Semantic Segmentation, MIDL 2019, eq. 1",
        built_by=f"{_BOUNDARIES}:DistancePenalizedCrossEntropy",
        needs=Needs(inputs=("boundary_nearness",)),
    ),
    LossEntry(
        "boundary",
        "Boundary",
        "Mean distance in pixels from the true boundary at which probability is misplaced.",
        "Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL 2019, eq. 5",
        built_by=f"{_BOUNDARIES}:BoundaryLoss",
        parameters={"normalise": False},
        needs=Needs(inputs=("signed_distances",)),
    ),
    LossEntry(
        "active-boundary",
        "Active boundary",
        "Moves predicted boundaries pixel by pixel towards the true ones; sees no classes.",
        "Wang et al., Active Boundary Loss for Semantic Segmentation, AAAI 2022, eqs. 1 to 4",
        built_by=f"{_BOUNDARIES}:ActiveBoundary",
        parameters={"share": 0.01, "theta": 20.0, "smoothing": 0.2, "detach": True},
        needs=Needs(inputs=("boundary_distances",)),
    ),
    LossEntry(
        "boundary-cross-entropy",
        "Cross entropy + boundary head",
        "Cross entropy beside the balanced cross entropy of a boundary head: InverseForm's baseline.",
        "Borse et al., InverseForm, CVPR 2021, eq. 8 with gamma 0",
        built_by=f"{_INVERSE_FORM}:BoundaryCrossEntropy",
        parameters={"beta": 0.3, "width": 2},
        needs=Needs(inputs=(BOUNDARY_LOGITS,)),
    ),
    LossEntry(
        "inverse-form",
        "InverseForm",
        "Cross entropy, a boundary head, and how far its map is moved and warped from the true one.",
        "Borse et al., InverseForm, CVPR 2021, eqs. 5 to 8",
        built_by=f"{_INVERSE_FORM}:InverseForm",
        parameters={
            "beta": 0.3,
            "gamma": 0.3,
            "distance": "euclidean",
            "tiles": [2, 2],
            "width": 2,
        },
        needs=Needs(inputs=(BOUNDARY_LOGITS,), facts=(INVERSE_NETWORK,)),
    ),
    LossEntry(
        "semeda",
        "SEMEDA",
        "Cross entropy, and masks compared in the features of a frozen network that finds edges.",
        "Chen, Dapogny and Cord, SEMEDA, Pattern Recognition 2020",
        built_by=f"{_SEMEDA}:Semeda",
        parameters={"lambdas": [0.0, 1.0, 0.0], "norm": "l1", "after_relu": False},
        needs=Needs(facts=(EDGE_NETWORK,)),
    ),
    LossEntry(
        "edge-cross-entropy",
        "Cross entropy on edges",
        "Cross entropy of the classes, and of the edges that a frozen network finds in them.",
        "Chen, Dapogny and Cord, SEMEDA, Pattern Recognition 2020, its rival 'PPCE on edges'",
        built_by=f"{_SEMEDA}:EdgeCrossEntropy",
        parameters={"weight": 0.1},
        needs=Needs(facts=(EDGE_NETWORK,)),
    ),
    LossEntry(
        "edge-head",
        "Cross entropy + edge head",
        "Cross entropy beside the cross entropy of a head that learns edges as a second task.",
        "Kokkinos, UberNet, CVPR 2017, as a rival in SEMEDA, 2020",
        built_by=f"{_SEMEDA}:EdgeHead",
        parameters={"weight": 1.0, "balanced": True},
        needs=Needs(inputs=(BOUNDARY_LOGITS,)),
    ),
    LossEntry(
        "discriminative",
        "Discriminative",
        "Draws the embeddings of an object to their mean, and the means of a class's objects apart.",
        "De Brabandere, Neven and Van Gool, Semantic Instance Segmentation with a Discriminative "
        "Loss Function, 2017, eqs. 1 to 4",
        built_by="surrogate_zoo.losses.handmade.embeddings:Discriminative",
        parameters={
            "delta_v": 0.5,
            "delta_d": 1.5,
            "alpha": 1.0,
            "beta": 1.0,
            "gamma": 0.001,
            "norm": "l2",
        },
        needs=Needs(inputs=(EMBEDDINGS, INSTANCES)),
    ),
    LossEntry(
        "deep-metric",
        "Deep metric learning",
        "Makes pixels of one object alike and those of two unlike, and learns where to seed objects.",
        "Fathi et al., Semantic Instance Segmentation via Deep Metric Learning, 2017, eqs. 1 to 4",
        built_by="surrogate_zoo.losses.handmade.deep_metric:DeepMetric",
        parameters={"samples": 10, "classification": 0.2, "across_classes": False},
        needs=Needs(inputs=(EMBEDDINGS, INSTANCES, SEEDINESS)),
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
    (
        "jdt",
        "Cross entropy + Jaccard metric loss",
        "A quarter of cross entropy and three quarters of the Jaccard metric loss.",
        "Wang et al., Jaccard Metric Losses, NeurIPS 2023, and its authors' advice on the weights",
        "0.25*cross-entropy+0.75*jaccard-metric",
    ),
    (
        "basnet",
        "BASNet hybrid",
        "Pixels, neighbourhoods and regions at once: cross entropy, SSIM and soft Jaccard, of all "
        "classes present where BASNet has one salient object.",
        "Qin et al., BASNet, CVPR 2019, eq. 4",
        "cross-entropy+ssim+jaccard-metric",
    ),
    (
        "dice-boundary",
        "Dice + boundary",
        "Boundary loss beside a region loss, with the weight that the paper starts from.",
        "Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL 2019, eq. 6",
        "dice+0.01*boundary",
    ),
    (
        "cross-entropy-lovasz-active-boundary",
        "Cross entropy + Lovasz-softmax + active boundary",
        "Active boundary loss in the company that its paper trains it in, one to one to one.",
        "Wang et al., Active Boundary Loss for Semantic Segmentation, AAAI 2022",
        "cross-entropy+lovasz+active-boundary",
    ),
    (
        "cross-entropy-discriminative",
        "Cross entropy + discriminative",
        "Classes by cross entropy and objects by the discriminative loss, each with a head of its own.",
        "Neven et al., Fast Scene Understanding for Autonomous Driving, 2017, which learns both at once",
        "cross-entropy+discriminative",
    ),
)
"""Weighted sums with a name of their own: name, title, summary, source, terms."""
