"""Scales of the built-in losses, measured by ``python -m surrogate_zoo.losses.scale``. Needs no torch."""

UNMEASURED = (
    "cross-entropy",
    "boundary-cross-entropy",
    "inverse-form",
    "semeda",
    "edge-cross-entropy",
    "edge-head",
)
"""Cross entropy, and losses that hold it with weight 1 beside what a network of its own says: scale 1."""

SCALES: dict[str, float] = {
    "cross-entropy": 1.0,
    "focal": 2.09,
    "top-k-cross-entropy": 0.375,
    "inverse-frequency-cross-entropy": 0.55,
    "median-frequency-cross-entropy": 0.55,
    "dice": 2.7,
    "dice-squared": 2.6,
    "jaccard-metric": 3.21,
    "tversky": 2.55,
    "focal-tversky": 2.76,
    "lovasz": 1.83,
    "ssim": 3.12,
    "unet-border-cross-entropy": 0.112,
    "dpce": 0.554,
    "boundary": 0.268,
    "active-boundary": 5.08,
    "boundary-cross-entropy": 1.0,
    "inverse-form": 1.0,
    "semeda": 1.0,
    "edge-cross-entropy": 1.0,
    "edge-head": 1.0,
    "cross-entropy-dice": 0.665,
    "jdt": 1.65,
    "basnet": 0.499,
    "dice-boundary": 2.52,
    "cross-entropy-lovasz-active-boundary": 0.62,
    "naive-miou": 3.21,
    "naive-fwiou": 3.13,
    "naive-biou": 3.2,
    "naive-bf1": 1.24,
    "naive-macc": 1.87,
    "naive-gacc": 3.04,
    "naive-precision": 2.72,
    "naive-dice": 2.7,
    "naive-f2": 2.42,
    "naive-kappa": 2.77,
    "naive-cwiou": 2.58,
    "naive-miou-per-image": 3.3,
    "naive-boundary-iou": 2.48,
    "asl-miou-voc": 2.69,
    "asl-fwiou-voc": 3.51,
    "asl-biou-voc": 3.07,
    "asl-bf1-voc": 2.01,
    "asl-macc-voc": 2.57,
    "asl-gacc-voc": 4.5,
}
"""Loss -> what gives its gradient at the logits the norm of cross entropy's, to three digits.

Measured on :func:`surrogate_zoo.losses.scale.reference_batch`.
"""
