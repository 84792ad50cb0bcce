"""Scales of the built-in losses, measured by ``python -m surrogate_zoo.losses.scale``. Needs no torch."""

UNMEASURED = (
    "cross-entropy",
    "boundary-cross-entropy",
    "inverse-form",
    "semeda",
    "edge-cross-entropy",
    "edge-head",
    "discriminative",
    "deep-metric",
)
"""Losses of scale 1: cross entropy; those that hold it with weight 1 beside what a network of its own
says; and those of embeddings, which have no gradient at the logits, and a unit of length of their own.
"""

SCALES: dict[str, float] = {
    "cross-entropy": 1.0,
    "focal": 0.842,
    "top-k-cross-entropy": 0.473,
    "inverse-frequency-cross-entropy": 0.611,
    "median-frequency-cross-entropy": 0.611,
    "dice": 8.08,
    "dice-squared": 3.44,
    "jaccard-metric": 14.0,
    "tversky": 7.59,
    "focal-tversky": 9.79,
    "lovasz": 4.81,
    "ssim": 14.6,
    "unet-border-cross-entropy": 0.111,
    "dpce": 0.55,
    "boundary": 0.475,
    "active-boundary": 33.9,
    "boundary-cross-entropy": 1.0,
    "inverse-form": 1.0,
    "semeda": 1.0,
    "edge-cross-entropy": 1.0,
    "edge-head": 1.0,
    "discriminative": 1.0,
    "deep-metric": 1.0,
    "cross-entropy-dice": 0.893,
    "jdt": 3.3,
    "basnet": 0.888,
    "dice-boundary": 7.44,
    "cross-entropy-lovasz-active-boundary": 0.869,
    "cross-entropy-discriminative": 1.0,
    "naive-miou": 14.0,
    "naive-fwiou": 10.6,
    "naive-biou": 14.0,
    "naive-bf1": 2.02,
    "naive-macc": 4.81,
    "naive-gacc": 7.22,
    "naive-precision": 7.81,
    "naive-dice": 8.08,
    "naive-f2": 7.09,
    "naive-kappa": 6.8,
    "naive-cwiou": 14.5,
    "naive-miou-per-image": 14.2,
    "naive-boundary-iou": 6.38,
    "asl-miou-voc": 4.6,
    "asl-fwiou-voc": 5.65,
    "asl-biou-voc": 6.92,
    "asl-bf1-voc": 3.65,
    "asl-macc-voc": 2.92,
    "asl-gacc-voc": 4.8,
}
"""Loss -> what gives its gradient at the logits the norm of cross entropy's, to three digits.

Measured on :func:`surrogate_zoo.losses.scale.reference_batch`.
"""
