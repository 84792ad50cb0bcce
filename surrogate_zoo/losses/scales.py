"""The scales of built-in losses: measured on ``scale.reference_batch``, or 1 by definition. No torch."""

BY_DEFINITION = (
    "cross-entropy",
    "boundary-cross-entropy",
    "inverse-form",
    "semeda",
    "edge-cross-entropy",
    "edge-head",
)
"""Losses with scale 1: cross entropy, and those that hold it beside a term for a head or a network."""

SCALES: dict[str, float] = {
    **dict.fromkeys(BY_DEFINITION, 1.0),
    "focal": 0.879,
    "top-k-cross-entropy": 0.472,
    "inverse-frequency-cross-entropy": 0.407,
    "median-frequency-cross-entropy": 0.417,
    "dice": 5.93,
    "dice-squared": 1.69,
    "jaccard-metric": 9.79,
    "tversky": 4.89,
    "focal-tversky": 6.25,
    "lovasz": 1.38,
    "ssim": 10.6,
    "unet-border-cross-entropy": 0.123,
    "dpce": 0.55,
    "boundary": 0.267,
    "active-boundary": 27,
    "cross-entropy-dice": 0.88,
    "jdt": 3.16,
    "basnet": 0.861,
    "dice-boundary": 5.28,
    "cross-entropy-lovasz-active-boundary": 0.713,
    "naive-miou": 9.79,
    "naive-fwiou": 6.23,
    "naive-biou": 9.73,
    "naive-bf1": 2.1,
    "naive-macc": 1.38,
    "naive-gacc": 4.97,
    "naive-precision": 6.57,
    "naive-dice": 5.93,
    "naive-f2": 4.1,
    "naive-kappa": 5.02,
    "naive-cwiou": 10.3,
    "naive-miou-per-image": 9.77,
    "naive-boundary-iou": 5.19,
    "asl-miou-voc": 4.74,
    "asl-fwiou-voc": 4.55,
    "asl-biou-voc": 7.2,
    "asl-bf1-voc": 4.62,
    "asl-macc-voc": 2.52,
    "asl-gacc-voc": 5.1,
}
"""Name of a loss -> factor that gives it the gradient of cross entropy, in length at the logits."""


def scale_of(name: str) -> float:
    """The scale of a built-in loss; 1 of the surrogate of a metric that another package brings."""
    return SCALES.get(name, 1.0)
