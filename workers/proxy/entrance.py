"""Where the candidates of a pack become learners: their losses are built and measured, or turned away."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from surrogate_zoo import needs_of
from surrogate_zoo.errors import LossfitError
from surrogate_zoo.labelling import Labelling
from surrogate_zoo.losses.document import with_scale
from surrogate_zoo.losses.drafts import measured
from surrogate_zoo.losses.scale import gradient_scale, inputs_of, states
from surrogate_zoo.metrics.targets import Target
from workers.datasets.dataset import Samples
from workers.learning.batches import Batches
from workers.learning.image_formats import images_of
from workers.learning.learner import Learner
from workers.learning.losses import build_loss, inputs_given
from workers.learning.states import restore
from workers.proxy.kept import NETWORKS, networks_key
from workers.proxy.networks import InitialNetworks
from workers.proxy.rejection import RejectionTest
from workers.proxy.samples import ProxyImages
from workers.tasks.proxy import Candidate, ProxyTask, state_path

MEASURED_ON = 8
"""So many images of the first batch scales are measured on."""


@dataclass(frozen=True)
class Untrained:
    """What stands for a candidate that is not trained.

    Attributes:
        reason: Why.
        rejected: Whether it failed the rejection test; it cannot be used otherwise.
    """

    reason: str
    rejected: bool


@dataclass(frozen=True)
class Entered:
    """A candidate that is trained.

    Attributes:
        learner: Its network.
        scales: What was measured for its loss.
    """

    learner: Learner
    scales: tuple[float, ...]


@dataclass(frozen=True)
class Entrance:
    """Where candidates become learners, or are turned away.

    Attributes:
        task: The proxy task.
        device: Where it is trained.
        networks: What candidates start from.
        build: Loss file's content -> loss, with the inputs that are ``given``.
        samples: What is trained on.
        labelling: What a pixel of the dataset may carry.
        batches: What is trained on; scales are measured on the first.
        test: The rejection test, where there is one.
    """

    task: ProxyTask
    device: torch.device
    networks: InitialNetworks
    build: Callable[..., nn.Module]
    samples: Samples
    labelling: Labelling
    batches: Batches
    test: RejectionTest | None

    @classmethod
    def of(cls, images: ProxyImages, batches: Batches) -> "Entrance":
        """Prepare what the candidates of a task share."""
        task, samples, device = images.task, images.samples, images.device
        labelling = images.labelling
        Target(task.metric)  # an unknown metric is the task's fault, not a candidate's
        networks = NETWORKS.get(
            networks_key(task, device),
            lambda: InitialNetworks(
                task, labelling, device, images=images_of(task.dataset, samples)
            ),
        )
        build = partial(
            build_loss,
            masks=[samples.masks[index] for index in images.cut.kept],
            num_classes=labelling.channels,
            loss_networks=task.loss_networks,
            mode=labelling.mode,
        )
        test = None
        if task.rejection is not None:
            masks, mode = batches(0).masks.to(device), labelling.mode
            test = RejectionTest(task, task.rejection, masks, labelling.channels, mode=mode)
        return cls(task, device, networks, build, samples, labelling, batches, test)

    def enter(self, candidate: Candidate) -> Entered | Untrained:
        """Make the candidate's learner, or say why it is not trained."""
        network = self.networks.of(candidate)  # what is wrong with it is wrong with the task
        given = inputs_given(self.networks.spec(candidate), self.samples)
        try:
            document, scales = measured(candidate.loss, partial(self._scale, given=given))
            trained = document if candidate.scaled else with_scale(document, 1.0)
            loss = self.build(trained, given=given).to(self.device)
        except LossfitError as error:
            return Untrained(f"The loss cannot be loaded: {error}", rejected=False)
        inputs = needs_of(document).inputs
        if self.test is not None and not inputs and (reason := self.test.reason(loss)):
            return Untrained(reason, rejected=True)
        task, training = self.task, self.task.training
        if candidate.learning_rate is not None:
            training = training.with_learning_rate(candidate.learning_rate)
        learner = Learner(network, loss, training, self.device, inputs=inputs, seed=task.seed)
        if task.states is not None:
            most = task.stop_after or training.iterations
            restore(learner, state_path(task.states, candidate.number), most=most)
        return Entered(learner, tuple(scales))

    @cached_property
    def _masks(self) -> Tensor:
        """The first images of the first batch, on the device: what scales are measured on."""
        return self.batches(0).masks[:MEASURED_ON].to(self.device)

    @cached_property
    def _states(self) -> list[Tensor]:
        labelling = self.labelling
        return states(self._masks, labelling.channels, self.task.seed, mode=labelling.mode)

    def _scale(self, document: dict[str, Any], *, given: Collection[str]) -> float:
        """The scale of a loss on the first batch."""
        loss = self.build(document, given=given).to(self.device)
        labelling = self.labelling
        inputs = inputs_of(document, self._masks, labelling.channels, mode=labelling.mode)
        return gradient_scale(loss, self._states, self._masks, inputs)
