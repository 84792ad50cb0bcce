"""Predictions of a network for images of any size, and their scores."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil, isfinite

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surrogate_zoo import BoundaryEvaluator, ImageScores, SegmentationEvaluator
from surrogate_zoo.labelling import Labelling
from workers.datasets.dataset import VOID
from workers.learning.device import autocast
from workers.learning.image_stack import Stack
from workers.networks.frozen import forget_features
from workers.networks.heads import cropped, multiple_of, padded
from workers.networks.image_format import labelling_of_logits, mode_of, network_input
from workers.tasks.scoring import InferenceSpec, ScoringSpec

WHOLE = InferenceSpec()
PIXELS = 2_000_000  # pixels of a batch, which bounds the memory of large images


@torch.inference_mode()
def predict(network: nn.Module, images: Tensor, inference: InferenceSpec = WHOLE) -> Tensor:
    """Predict labels: one a pixel, or of a multi-label those of each channel.

    Args:
        network: In evaluation mode, on the images' device.
        images: uint8 (N, H, W, 3); or (N, H, W, B) uint8, uint16 or float32 as the network was trained
            on, where that is something else.
        inference: Windows, scales and flip. Logits are averaged where windows overlap;
            probabilities are averaged over scales and flip, in float32.

    Returns:
        Labels, int64 (N, H, W); of one channel 0 and 1, of a multi-label 0 and 1 in (N, C, H, W). What the
        network sees is padded to what its encoder can halve, multiples of 32 mostly.

    Raises:
        InputError: The images have other bands or values than the network takes.
    """
    pixels = network_input(network, images)
    views = list(product(inference.scales, (False, True) if inference.flip else (False,)))
    ranked = inference.decoding == "rankseg"
    first = _view(network, pixels, inference, *views[0])
    labelling = labelling_of_logits(network, first)
    if len(views) == 1 and not ranked:
        return labelling.predicted(first)
    total = labelling.probabilities(first.float())
    for view in views[1:]:
        total += labelling.probabilities(_view(network, pixels, inference, *view).float())
    mean = total.div_(len(views))
    return _ranked(mean, labelling) if ranked else labelling.likeliest(mean)


def _ranked(probabilities: Tensor, labelling: Labelling) -> Tensor:
    """Labels, as of :func:`predict`, that maximise the expected mean IoU of every image."""
    from rankseg import RankSEG  # noqa: PLC0415  (SciPy's tables, which argmax does without)

    if labelling.sigmoid and not labelling.multilabel:
        probabilities = torch.cat([1 - probabilities, probabilities], 1)
    # By default the library gives no pixel to a class that is nowhere likelier than 1/2, as rare ones
    # are. Sums of shares may leave [0, 1] by a rounding error, which it refuses.
    mode = labelling.mode
    ranked: Tensor = RankSEG(metric="IoU", output_mode=mode, pruning_prob=0.0)(
        probabilities.clamp_(0, 1)
    )
    return ranked.long()


def _view(
    network: nn.Module,
    pixels: Tensor,
    inference: InferenceSpec,
    scale: float,
    mirrored: bool,
) -> Tensor:
    """Logits (N, C, H, W) of ``pixels`` (N, B, H, W) seen at a scale, mirrored or not."""
    size = pixels.shape[2:]
    seen = pixels.flip(3) if mirrored else pixels
    if scale != 1:
        seen = _resized(seen, [max(1, round(side * scale)) for side in size])
    logits = _slide(network, seen, inference)
    if scale != 1:
        logits = _resized(logits.float(), size)
    return logits.flip(3) if mirrored else logits


def _slide(network: nn.Module, pixels: Tensor, inference: InferenceSpec) -> Tensor:
    """Logits of ``pixels``, the mean over all windows that see a pixel."""
    size = pixels.shape[2:]
    window = inference.window or size
    if all(side >= whole for side, whole in zip(window, size, strict=True)):
        return _logits(network, pixels)
    starts = [
        window_starts(whole, side, inference.overlap)
        for whole, side in zip(size, window, strict=True)
    ]
    total: Tensor | None = None
    seen = pixels.new_zeros(size)
    for top, left in product(*starts):
        rows, columns = slice(top, top + window[0]), slice(left, left + window[1])
        logits = _logits(network, pixels[:, :, rows, columns]).float()
        if total is None:
            total = logits.new_zeros((len(pixels), logits.shape[1], *size))
        total[:, :, rows, columns] += logits
        seen[rows, columns] += 1
    assert total is not None  # noqa: S101  a window starts at 0
    return total.div_(seen)


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Where windows of ``window`` pixels start along ``length`` pixels.

    They cover all, neighbours share ``overlap`` of a window at least, and the last is moved back to
    end where the image ends.
    """
    stride = max(1, int(window * (1 - overlap)))
    steps = ceil(max(0, length - window) / stride)
    return [min(step * stride, length - window) for step in range(steps)] + [
        max(0, length - window)
    ]


def _logits(network: nn.Module, pixels: Tensor) -> Tensor:
    """Logits of ``pixels`` of any size."""
    with autocast(pixels.device):
        logits: Tensor = network(
            padded(pixels, multiple_of(network)).contiguous(memory_format=torch.channels_last)
        )
    return cropped(logits, pixels)


def _resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(maps, tuple(size), mode="bilinear", align_corners=False, antialias=True)


def batches(stacks: Sequence[Stack], scale: float = 1.0) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut stacks into (images, labels) of at most two million pixels, or of one image.

    Args:
        stacks: The samples.
        scale: Factor of an image's sides when the network sees it.
    """
    for stack in stacks:
        height, width = stack.size
        size = max(1, int(PIXELS / (height * width * scale**2)))
        for start in range(0, len(stack.positions), size):
            part = slice(start, start + size)
            yield stack.images[part], stack.labels(part)


def evaluate(
    network: nn.Module,
    stacks: Sequence[Stack],
    num_classes: int,
    scoring: ScoringSpec,
    inference: InferenceSpec = WHOLE,
    *,
    images: ImageScores | None = None,
) -> dict[str, float]:
    """Score a network at the size that images have; as :func:`evaluate_each`, for one.

    Args:
        network: The network.
        stacks: The samples.
        num_classes: C of its logits; 1 is binary.
        scoring: Options of the metrics.
        inference: How predictions are made.
        images: Is shown every prediction too.

    Returns:
        Its scores, as :func:`evaluate_each` gives them for each.
    """
    scores = _Scores(num_classes, mode_of(network), scoring, images)
    _predict_all([network], [scores], stacks, inference)
    return scores.compute()


def evaluate_each(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    num_classes: int,
    scoring: ScoringSpec,
    inference: InferenceSpec = WHOLE,
) -> list[dict[str, float]]:
    """Score networks at the size that images have; those on one frozen encoder share its features.

    Leaves the networks in evaluation mode.

    Args:
        networks: The networks.
        stacks: The samples.
        num_classes: C of their logits, whose mode each network knows; 1 is binary.
        scoring: Options of the metrics.
        inference: How predictions are made.

    Returns:
        For each network every metric, and every measure near borders
        (``surrogate_zoo.BoundaryEvaluator``), in 0..1 (kappa -1..1), over all images together. One
        that found nothing to measure (no labelled pixel, no boundary) is left out, and so is
        everything where the masks hold one class alone, or a multi-label's have none on, or none off.
    """
    scores = [_Scores(num_classes, mode_of(network), scoring) for network in networks]
    _predict_all(networks, scores, stacks, inference)
    return [one.compute() for one in scores]


class _Scores:
    """The scores of one network's predictions, image by image."""

    def __init__(
        self, num_classes: int, mode: str, scoring: ScoringSpec, images: ImageScores | None = None
    ) -> None:
        self._evaluators = (
            SegmentationEvaluator(
                num_classes,
                mode=mode,
                tolerance=scoring.tolerance,
                exclude_background=scoring.exclude_background,
                check_values=False,
            ),
            BoundaryEvaluator(num_classes, mode=mode, outside=True, check_values=False),
        )
        self._images = images
        self._present = torch.zeros(256, dtype=torch.bool)

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Take in labels, predicted and true, as of :func:`predict`."""
        self._present = self._present.to(target.device).index_fill(0, target.flatten(), 1)
        for evaluator in self._evaluators:
            evaluator.update(pred, target)
        if self._images is not None:
            self._images.update(pred, target)

    def compute(self) -> dict[str, float]:
        """What was found, by name; nothing where the masks hold fewer than two classes.

        Whoever names the one class everywhere is right there, and has learned nothing.
        """
        if int(self._present[:VOID].sum()) < 2:
            return {}
        scores = [score for each in self._evaluators for score in each.compute().items()]
        return {name: score for name, score in scores if isfinite(score)}


def _predict_all(
    networks: Sequence[nn.Module],
    scores: Sequence[_Scores],
    stacks: Sequence[Stack],
    inference: InferenceSpec,
) -> None:
    """Show every network's predictions to its scores, batch by batch."""
    for network in networks:
        network.eval()
    for pixels, target in batches(stacks, max(1.0, *inference.scales)):
        for network, one in zip(networks, scores, strict=True):
            one.update(predict(network, pixels, inference), target)
        forget_features(networks)
