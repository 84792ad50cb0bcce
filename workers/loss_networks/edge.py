"""Trains an edge network (SEMEDA) to find the edges of masks in noisy class probabilities.

The paper trains on softmax(one-hot + Gaussian noise). The true class then has a probability of
e / (e + C - 1), 0.21 of 11 classes, and a network that learned on nothing else calls nearly every
pixel of a one-hot mask wrongly (F1 0.08 on CamVid), while its loss feeds it one-hot masks and the
sharp output of a trained network. So one-hot and noise are multiplied before the softmax, by factors
that make the true class as likely as the output of a network does, from ``confidence`` up to nearly
certain. Each mask draws two bounds in that range, and each pixel draws between them: a change of
confidence alone is no edge.

Predictions also hold what true masks never show. A network that learned on true masks alone takes a
class that is always thin for an edge, and overlooks more than half of the edges of small holes. So
each mask's classes trade places at random, and a few of its pixels get a random class.

All of it can be switched off: ``confidence`` None, ``specks`` 0, ``renamed`` and ``levelled`` false train
the paper's own network.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.loss_networks.edge import EdgeNetwork, edge_target
from workers.datasets.dataset import VOID
from workers.learning.streams import Stream, generator, seed_torch
from workers.loss_networks import steps
from workers.tasks.loss_networks import EdgeNetworkSpec, LossNetworkTask

CERTAIN = 0.9999  # highest probability of the true class before noise
PLACES = 3  # that a crop is picked from
MEASURED_PIXELS = 2_000_000  # of masks, at most one mask more

Mask = NDArray[np.uint8]
Masks = Sequence[Mask]


def train(
    task: LossNetworkTask,
    kept: Masks,
    held: Masks,
    *,
    num_classes: int,
    device: torch.device,
    on_progress: Callable[[int, float], None],
    should_stop: Callable[[], bool],
) -> tuple[nn.Module, dict[str, float], dict[str, Any]]:
    """Train and measure an edge network; seeds torch's global generators.

    Args:
        task: Its network is an :class:`EdgeNetworkSpec`.
        kept: Masks to train on, uint8 (H, W) each, void = 255; sizes may differ.
        held: Masks to measure on.
        num_classes: C.
        device: Where to train.
        on_progress: See :func:`workers.loss_networks.steps.take`.
        should_stop: See there.

    Returns:
        The network; its measures, ``f1`` of the edges of one-hot masks and ``f1_noisy`` of noisy
        probabilities; and the keyword arguments that build it.

    Raises:
        Stopped: ``should_stop`` became true.
        DatasetError: No mask that is trained or measured on has an edge.
    """
    for masks, what in ((kept, "trained"), (held, "measured")):
        if not any(bool(edge_target(*one).any()) for one in _some(masks, device)):
            raise DatasetError(
                f"No mask that an edge network is {what} on holds a border between two classes; register "
                "masks that do, or hold out more of them."
            )
    spec = task.network
    assert isinstance(spec, EdgeNetworkSpec)  # noqa: S101 - the registry of trainings sees to it
    parameters = {"num_classes": num_classes, "kernel": spec.kernel}
    seed_torch(task.seed, Stream.EDGE_NOISE)
    # Weights with channels last, as the one-hot masks are, halve the time on a CPU.
    network = EdgeNetwork(**parameters).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), lr=spec.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, spec.learning_rate, total_steps=spec.iterations
    )

    def step(number: int) -> Tensor:
        random = generator(task.seed, Stream.EDGE_CROPS, number)
        labels = batch(kept, spec, num_classes, random).to(device)
        loss = _loss(network, labels, spec)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        return loss.detach()

    steps.take(spec.iterations, step, on_progress=on_progress, should_stop=should_stop)
    if spec.levelled:
        level(network, kept, device)
    return network, _measures(network, held, spec, device), parameters


def batch(
    masks: Masks, spec: EdgeNetworkSpec, num_classes: int, random: np.random.Generator
) -> Tensor:
    """Labels of a step, int64 (B, h, w), void = 255: crops, with other classes and specks as asked for."""
    labels = crops(masks, spec, random)
    if spec.renamed:
        labels = renamed(labels, num_classes, random)
    return with_specks(labels, num_classes, spec.specks, random)


def crops(masks: Masks, spec: EdgeNetworkSpec, random: np.random.Generator) -> Tensor:
    """Cut a batch from random masks, each at the busiest of a few random places.

    Large regions hold few edges: crops at any place would hardly show how several classes meet.

    Returns:
        int64 (B, h, w), void = 255, also where the crop is larger than its mask.
    """
    cut = np.full((spec.batch_size, *spec.crop), VOID, dtype=np.int64)
    for crop, number in zip(cut, random.integers(len(masks), size=spec.batch_size), strict=True):
        pieces = [_piece(masks[number], spec.crop, random) for _ in range(PLACES)]
        piece = max(pieces, key=_changes)
        crop[: piece.shape[0], : piece.shape[1]] = piece
    return torch.from_numpy(cut)


def _piece(mask: Mask, size: tuple[int, int], random: np.random.Generator) -> Mask:
    """A crop of ``size``, or less where the mask is smaller, at a random place."""
    top, left = (
        int(random.integers(max(0, side - part) + 1))
        for side, part in zip(mask.shape, size, strict=True)
    )
    return mask[top : top + size[0], left : left + size[1]]


def _changes(mask: Mask) -> int:
    """Pairs of neighbours whose labels differ."""
    return int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())


def renamed(labels: Tensor, num_classes: int, random: np.random.Generator) -> Tensor:
    """Permute the classes of each mask (N, H, W), void = 255, at random."""
    names = np.full((len(labels), VOID + 1), VOID)
    names[:, :num_classes] = random.permuted(
        np.tile(np.arange(num_classes), (len(labels), 1)), axis=1
    )
    return torch.from_numpy(names).gather(1, labels.flatten(1)).view_as(labels)


def with_specks(
    labels: Tensor, num_classes: int, specks: float, random: np.random.Generator
) -> Tensor:
    """Give a share of each mask's valid pixels, drawn in 0..``specks``, a random class."""
    shares = specks * random.random((len(labels), 1, 1))
    hit = torch.from_numpy(random.random(labels.shape) < shares) & (labels != VOID)
    return torch.where(
        hit, torch.from_numpy(random.integers(num_classes, size=labels.shape)), labels
    )


def noisy_probabilities(labels: Tensor, num_classes: int, spec: EdgeNetworkSpec) -> Tensor:
    """Make what a segmentation network might say of masks, by torch's global generator.

    Args:
        labels: int64 (N, H, W), void = 255.
        num_classes: C.
        spec: Gives ``noise`` and ``confidence``.

    Returns:
        ``softmax(s (one-hot + noise))``, float32 (N, C, H, W), 0 at void pixels. Where ``confidence``
        is None, s is 1; else the true class would have the probability p without noise, logit(p)
        uniform between two bounds, which each mask draws uniformly between the logits of
        ``confidence`` and 0.9999.
    """
    valid = labels != VOID
    hot = one_hot(labels, num_classes)
    if spec.confidence is None:
        noise = spec.noise * torch.randn(hot.shape, device=labels.device)
        return (hot + noise).softmax(1) * valid[:, None]
    low, high = (math.log(p / (1 - p)) for p in (spec.confidence, CERTAIN))
    bounds = low + (high - low) * torch.rand(2, len(labels), 1, 1, 1, device=labels.device)
    between = torch.rand(len(labels), 1, *labels.shape[1:], device=labels.device)
    sharpness = torch.lerp(bounds[0], bounds[1], between) + math.log(num_classes - 1)
    noise = spec.noise * torch.randn(hot.shape, device=labels.device)
    return (sharpness * (hot + noise)).softmax(1) * valid[:, None]


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """One-hot masks, float32 (N, C, H, W), 0 at void pixels."""
    valid = labels != VOID
    hot = F.one_hot(labels.masked_fill(~valid, 0), num_classes).movedim(-1, 1)
    return (hot * valid[:, None]).float()


def _loss(network: EdgeNetwork, labels: Tensor, spec: EdgeNetworkSpec) -> Tensor:
    """Mean cross entropy of the valid pixels; 0 without any."""
    valid = labels != VOID
    probabilities = noisy_probabilities(labels, network.num_classes, spec)
    edges = edge_target(labels, valid).long().masked_fill(~valid, VOID)
    logits = network.embeddings(probabilities)[-1]
    total = F.cross_entropy(logits, edges, ignore_index=VOID, reduction="sum")
    return total / valid.sum().clamp(min=1)


@torch.no_grad()
def level(network: EdgeNetwork, masks: Masks, device: torch.device) -> None:
    """Rescale the hidden layers so that their embeddings of one-hot masks are 1 on average.

    The mean is of absolute values before the ReLU, over valid pixels and features. A ReLU passes
    positive factors on, so the next layer takes each back and the network's output stays. Without
    it the size of embeddings, and so the weight of a loss that compares them, would be an accident
    of the training.
    """
    for number in range(2):
        total, count = 0.0, 0
        for labels, valid in _some(masks, device):
            embedding = network.embeddings(one_hot(labels, network.num_classes), depth=number + 1)
            total += float((embedding[-1].abs() * valid[:, None]).sum())
            count += int(valid.sum()) * embedding[-1].shape[1]
        factor = total / count if total else 1.0
        for name in ("weight", "bias"):
            network.get_parameter(f"layers.{number}.{name}").div_(factor)
        network.get_parameter(f"layers.{number + 1}.weight").mul_(factor)


def _some(masks: Masks, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Labels, int64 (1, H, W), and whether they are valid, of two million pixels of masks."""
    pixels = 0
    for mask in masks:
        if pixels >= MEASURED_PIXELS:
            return
        pixels += mask.size
        labels = torch.from_numpy(mask.astype(np.int64))[None].to(device)
        yield labels, labels != VOID


@torch.no_grad()
def _measures(
    network: EdgeNetwork, held: Masks, spec: EdgeNetworkSpec, device: torch.device
) -> dict[str, float]:
    """F1 of the edges of held-out masks, of which there are some, one-hot and noisy."""
    counts = torch.zeros(2, 2, dtype=torch.int64)  # one-hot, noisy x hits and errors
    for labels, valid in _some(held, device):
        edges = edge_target(labels, valid)
        inputs = (
            one_hot(labels, network.num_classes),
            noisy_probabilities(labels, network.num_classes, spec),
        )
        for row, probabilities in enumerate(inputs):
            predicted = (network(probabilities)[:, 1] > 0.5) & valid
            counts[row] += torch.stack([(predicted & edges).sum(), (predicted ^ edges).sum()]).cpu()
    f1, f1_noisy = (2 * hits / (2 * hits + wrong) for hits, wrong in counts.tolist())
    return {"f1": f1, "f1_noisy": f1_noisy}
