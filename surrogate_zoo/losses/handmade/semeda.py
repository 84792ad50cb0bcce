"""SEMEDA: cross entropy, and masks compared in the features of a frozen edge network; its rivals."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surrogate_zoo.loss_networks.edge import EdgeNetwork, edge_target
from surrogate_zoo.loss_networks.storage import network_of
from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.handmade.base import Common, HandmadeLoss
from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.losses.handmade.inverse_form import balanced_cross_entropy
from surrogate_zoo.losses.handmade.pixels import entropies
from surrogate_zoo.needs import BOUNDARY_LOGITS, EDGE_NETWORK

_ONLY_IMAGES = "it looks for edges in images; pass slices as images"

NORMS = {"l1": torch.abs, "l2": torch.square}
"""What is taken together over a pixel's features, by name."""

TOGETHER: Mapping[str, Callable[[Tensor, int], Tensor]] = {"mean": torch.mean, "sum": torch.sum}
"""How, by name."""


class _WithEdgeNetwork(HandmadeLoss):
    """A loss with an edge network inside, which moves along with it and never learns."""

    no_volumes = _ONLY_IMAGES
    no_multilabel = "its edge network sees classes that exclude each other"

    def __init__(
        self,
        *,
        edge_network: str | Path | nn.Module | None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        classes = self.labelling.labels
        network = network_of(EDGE_NETWORK, edge_network, _REMEDY, num_classes=classes)
        if not isinstance(network, EdgeNetwork):  # network_of has looked already
            raise TypeError(type(network))
        # A fifth faster on a CPU than channels first.
        self.network: EdgeNetwork = network.to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> "_WithEdgeNetwork":
        """Set the mode; the network inside stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self


class Semeda(_WithEdgeNetwork):
    """Cross entropy, and the distance between prediction and truth in an edge network's features.

    Chen, Dapogny and Cord, SEMEDA: Enhancing Segmentation Precision with Semantic Edge Aware Loss,
    Pattern Recognition 2020, equations 6 and 7: ``L = PPCE + sum_l lambda_l |psi_l(S_hat) -
    psi_l(S*)|``, psi_l what layer l of the frozen edge network computes from class probabilities.
    Both terms are means over valid pixels, so the weights mean the same at any size of batch and
    image; the paper sums over pixels in both, which is the same ratio.

    The distance is a mean over a layer's features, and the training of the edge network makes them 1
    on average, so a weight of 1 is comparable to cross entropy's. The paper writes a norm, a sum, over
    features of whatever size, and learning rates made for cross entropy diverge with it here: its
    ``lambdas`` mean what they mean there with ``over_features`` ``sum`` and an edge network that is
    trained as the paper's is (``confidence`` null, ``specks`` 0, ``renamed`` and ``levelled`` false),
    at the paper's learning rates. The preset ``semeda-321`` of retrainings trains its network so.

    Void pixels are all zeros in prediction and truth, and do not count themselves.

    Args:
        edge_network: A trained :class:`~surrogate_zoo.loss_networks.edge.EdgeNetwork`, or the path
            of its weights.
        lambdas: Weight of each of the three layers, >= 0. The paper's best is (0, 1, 0).
        norm: ``l1``, the paper's, or ``l2``, squared differences.
        over_features: ``mean``, or ``sum``, the paper's.
        after_relu: Compare behind the ReLUs; the paper found before them better.

    Raises:
        InputError: A parameter is out of range, or the network is missing or does not fit.
    """

    def __init__(
        self,
        *,
        edge_network: str | Path | nn.Module | None = None,
        lambdas: Sequence[float],
        norm: str,
        over_features: str,
        after_relu: bool,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(edge_network=edge_network, **common)
        declarations.SEMEDA.check(
            lambdas=lambdas, norm=norm, over_features=over_features, after_relu=after_relu
        )
        self.lambdas = tuple(float(weight) for weight in lambdas)
        self.norm, self.over_features, self.after_relu = norm, over_features, after_relu

    def of_valid(self, batch: Batch) -> Tensor:
        """Mean cross entropy plus the weighted distances."""
        return batch.mean(entropies(batch)) + self.of_features(batch)

    def of_features(self, batch: Batch) -> Tensor:
        """``sum_l lambda_l |psi_l(S_hat) - psi_l(S*)|``, mean over valid pixels."""
        depth = max((layer for layer, weight in enumerate(self.lambdas, 1) if weight), default=0)
        with torch.no_grad():
            true = self._features(one_hot(batch), depth)
        predicted = self._features(probabilities(batch), depth)
        total = batch.scores.new_zeros(())
        for weight, feature, true_feature in zip(self.lambdas, predicted, true, strict=False):
            if weight:
                apart = TOGETHER[self.over_features](NORMS[self.norm](feature - true_feature), 1)
                total = total + weight * apart.masked_fill(~batch.valid, 0).sum()
        return batch.total(total) / batch.pixels

    def _features(self, maps: Tensor, depth: int) -> list[Tensor]:
        return self.network.embeddings(maps, after_relu=self.after_relu, depth=depth)


class EdgeCrossEntropy(_WithEdgeNetwork):
    """Cross entropy of the classes, and of the edges that a frozen edge network finds in them.

    The rival "PPCE on edges" of the SEMEDA paper, its equation 5: the same network, compared by its
    output. The paper's truth is the true edges (``truth`` ``edges``). By default it is the network's own
    output on the true mask, and its entropy is taken off (a Kullback-Leibler divergence): where the
    network errs on the true mask, the paper's loss pushes a perfect prediction away from it.

    Args:
        edge_network: A trained :class:`~surrogate_zoo.loss_networks.edge.EdgeNetwork`, or the path
            of its weights.
        weight: Of the edges, >= 0. The paper tries 1 and 5; with a network of the default training, which
            is nearly always right and so sure of itself, trainings with 5 collapsed.
        truth: ``network`` or ``edges``.

    Raises:
        InputError: A parameter is out of range, or the network is missing or does not fit.
    """

    def __init__(
        self,
        *,
        edge_network: str | Path | nn.Module | None = None,
        weight: float,
        truth: str,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(edge_network=edge_network, **common)
        declarations.EDGE_CROSS_ENTROPY.check(weight=weight, truth=truth)
        self.weight, self.truth = weight, truth

    def of_valid(self, batch: Batch) -> Tensor:
        """Sum over valid pixels, divided by their number."""
        edges = self._edges(batch).masked_fill(~batch.valid, 0)
        return batch.mean(entropies(batch) + self.weight * edges)

    def _edges(self, batch: Batch) -> Tensor:
        """What the edges of the prediction cost at each pixel, (N, H, W)."""
        predicted = self.network.embeddings(probabilities(batch))[-1]
        if self.truth == "edges":
            return F.cross_entropy(
                predicted, edge_target(batch.labels, batch.valid).long(), reduction="none"
            )
        with torch.no_grad():
            true = self.network.embeddings(one_hot(batch))[-1].log_softmax(1)
        return F.kl_div(predicted.log_softmax(1), true, reduction="none", log_target=True).sum(1)


class EdgeHead(HandmadeLoss):
    """Cross entropy, and the binary cross entropy of a head that learns the edges beside it.

    The multi-task rival of the SEMEDA paper (Kokkinos, UberNet, CVPR 2017): edges are a second task,
    so they shape the features and not the masks themselves.

    Args:
        weight: Of the edges, >= 0.
        balanced: Weigh edges and other pixels so that both count alike, as UberNet does; see
            :func:`~surrogate_zoo.losses.handmade.inverse_form.balanced_cross_entropy`.

    Raises:
        InputError: A parameter is out of range; ``forward``: no boundary logits were given.
    """

    no_volumes = _ONLY_IMAGES
    no_multilabel = "its head finds the edges between classes that exclude each other"

    def __init__(
        self,
        *,
        weight: float,
        balanced: bool,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.EDGE_HEAD.check(weight=weight, balanced=balanced)
        self.weight, self.balanced = weight, balanced

    def of_valid(self, batch: Batch) -> Tensor:
        """Both means over valid pixels."""
        logits = batch.asked(BOUNDARY_LOGITS)
        marked = edge_target(batch.labels, batch.valid)[:, None]
        if self.balanced:
            edges = balanced_cross_entropy(logits, marked, batch)
        else:
            truth, counted = marked.to(logits.dtype), batch.valid[:, None].to(logits.dtype)
            edges = F.binary_cross_entropy_with_logits(logits, truth, counted, reduction="sum")
            edges = batch.total(edges) / batch.pixels
        return batch.mean(entropies(batch)) + self.weight * edges


def probabilities(batch: Batch) -> Tensor:
    """Softmax probabilities, (N, C, H, W), 0 at void pixels."""
    return batch.scores.softmax(1) * batch.valid[:, None]


def one_hot(batch: Batch) -> Tensor:
    """The target as probabilities, (N, C, H, W), 0 at void pixels."""
    values = batch.valid[:, None].to(batch.scores.dtype)
    return torch.zeros_like(batch.scores).scatter_(1, batch.labels[:, None], values)


_REMEDY = (
    "train one on the masks of your data set (lossfit loss-networks train), and pass "
    "edge_network='<path of its weights>'. A retraining does so by itself."
)
