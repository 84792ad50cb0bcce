"""What candidates start from: one network for every width of embeddings, on one frozen encoder."""

from pathlib import Path

import torch
from torch import nn

from surrogate_zoo.labelling import Labelling
from workers.learning.learner import initial_network
from workers.learning.states import load_network
from workers.networks.frozen import FrozenEncoder, freeze_encoder
from workers.tasks.images import RGB, ImageFormat
from workers.tasks.networks import NetworkSpec
from workers.tasks.proxy import Candidate, ProxyTask


class InitialNetworks:
    """The initial networks of a proxy task's candidates.

    All weights but those of the embedding head are the same whatever its width is: they follow from the
    task's seed alone. Where the encoder is frozen there is one, so that the candidates of a pack share
    the features of a batch even if their embeddings differ in width.

    Args:
        task: The proxy task.
        labelling: What a pixel of the dataset may carry.
        device: Where a frozen encoder is put.
        images: What the dataset's images are.
    """

    def __init__(
        self,
        task: ProxyTask,
        labelling: Labelling,
        device: torch.device,
        *,
        images: ImageFormat = RGB,
    ) -> None:
        self._task, self._labelling, self._device = task, labelling, device
        self._images = images
        self._built: dict[int | None, nn.Module] = {}
        self._encoder: FrozenEncoder | None = None

    def spec(self, candidate: Candidate) -> NetworkSpec:
        """The network that a candidate is trained with."""
        network = self._task.network
        width = network.embedding if candidate.embedding is None else candidate.embedding
        return network.model_copy(update={"embedding": width})

    def of(self, candidate: Candidate) -> nn.Module:
        """What a candidate starts from; not to be changed.

        Raises:
            InputError: The network cannot be built, or has no encoder to freeze.
            StorageError: The state to start from cannot be read, or is of another network.
        """
        spec = self.spec(candidate)
        if spec.embedding not in self._built:
            self._built[spec.embedding] = self._network(spec)
        return self._built[spec.embedding]

    def _network(self, spec: NetworkSpec) -> nn.Module:
        network = initial_network(
            spec,
            self._labelling.channels,
            self._task.seed,
            self._images,
            mode=self._labelling.mode,
        )
        if self._task.frozen_encoder:
            if self._encoder is None:
                self._encoder = freeze_encoder(network, self._device)
            network.encoder = self._encoder
        if self._task.warm_start is not None:
            load_network(network, Path(self._task.warm_start))
        return network
