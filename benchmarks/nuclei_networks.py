"""The networks that ``benchmarks.nuclei_instances`` compares, and how each is trained and scored."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks import tasks
from surrogate_zoo.losses.document import Document, handmade_document, sum_document
from surrogate_zoo.losses.registry import LOSSES
from workers.tasks.instances import EMBEDDED, ClusteringSpec
from workers.tasks.retraining import RetrainingTask

NETWORK: Final = tasks.NETWORKS["unet"]
TUNING_SEED: Final = 0
FIRST_SEED: Final = 100
"""Of the trainings that are reported."""

ALONE: Final = {
    "watershed": ClusteringSpec(method="watershed", radius=4),
    "components": ClusteringSpec(method="components"),
}
CLUSTERED: Final = {
    "mean-shift, components": ClusteringSpec(within="components"),
    "merged mean-shift, components": ClusteringSpec(within="components", merge=True),
    "mean-shift, image": ClusteringSpec(),
    "threshold, components": ClusteringSpec(method="threshold", within="components"),
}


@dataclass(frozen=True)
class Choice:
    """What may be chosen beside the rate.

    Attributes:
        weight: Of the discriminative loss beside cross entropy.
        margins: Parameters of the discriminative loss that differ from the paper's.
        network: Fields of the network beside :data:`NETWORK`.
    """

    weight: float = 0.1
    margins: Mapping[str, float] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is told by, where it has embeddings."""
        told = {"weight": self.weight, **self.margins, **self.network}
        told.pop("embedding", None)
        return ", ".join(f"{name} {value:g}" for name, value in told.items())


@dataclass(frozen=True)
class Arm:
    """A network that is compared.

    Attributes:
        ways: How objects are made of what it predicts, the first with its oracles.
        choices: The rate is tuned with the first; the others have the rate that is best with it.
        labels: Of the dataset.
    """

    ways: Mapping[str, ClusteringSpec]
    choices: Sequence[Choice] = (Choice(),)
    labels: str = "foreground"

    @property
    def embedded(self) -> bool:
        """Whether it has embeddings."""
        return any(way.method in EMBEDDED for way in self.ways.values())


def _embedding(**further: float) -> dict[str, Any]:
    return {"embedding": 8, **further}


ARMS: Final[Mapping[str, Arm]] = {
    "classes": Arm(ALONE),
    "embeddings and places": Arm(
        CLUSTERED | ALONE,
        [
            Choice(weight, network=_embedding(coordinates=pixels))
            for weight, pixels in ((0.1, 4.0), (0.1, 8.0), (1.0, 4.0))
        ],
    ),
    "border": Arm({"border": ClusteringSpec(method="border")}, labels="border"),
    "embeddings": Arm(
        CLUSTERED | ALONE,
        [
            Choice(network=_embedding()),
            Choice(margins={"delta_v": 0.25, "delta_d": 1.5}, network=_embedding()),
        ],
    ),
}


@dataclass(frozen=True)
class Training:
    """One retraining.

    Attributes:
        arm: Name in :data:`ARMS`.
        rate: Peak learning rate of the encoder.
        choice: Which of the arm's.
        seed: Its seed.
        iterations: Its steps.
    """

    arm: str
    rate: float
    choice: int
    seed: int
    iterations: int

    @property
    def reported(self) -> bool:
        """Whether it is none that tunes."""
        return self.seed >= FIRST_SEED

    @property
    def name(self) -> str:
        """Its folder's."""
        arm = self.arm.replace(" ", "-")
        return f"{arm}-{self.rate:g}-{self.choice}-{self.seed}-{self.iterations}"


def options_of(arguments: argparse.Namespace, training: Training) -> dict[str, Any]:
    """How the objects of a network are made, tuned and scored; by its first way alone to tune the rate."""
    arm = ARMS[training.arm]
    oracles = ("oracle-semantic", "oracle-centres") if arm.embedded else ("oracle-semantic",)
    (name, first), *others = list(arm.ways.items())[: None if training.reported else 1]
    return {
        "scoring": {"tolerance": 2, "clustering": first},
        "clustering_name": plain(name),
        "clusterings": {plain(name): way for name, way in others},
        "tune_clustering": {
            "hold_out": {"images": arguments.held},
            "factors": (0.5, 0.75, 1.0, 1.5, 2.0),
            "min_pixels": (1, 5, 15),
        },
        "oracles": oracles if others else (),
    }


def plain(way: str) -> str:
    """What a retraining calls a way."""
    return way.replace(", ", "-").replace(" ", "-")


def task_of(arguments: argparse.Namespace, training: Training) -> RetrainingTask:
    """The retraining."""
    arm = ARMS[training.arm]
    choice = arm.choices[training.choice]
    body = {
        "dataset": source_of(arguments, arm.labels),
        "loss": loss_of(choice) if arm.embedded else LOSSES["cross-entropy"].document(),
        "network": {**NETWORK, **choice.network},
        "training": schedule(arguments, training),
        "seed": training.seed,
    }
    return RetrainingTask.model_validate(body | options_of(arguments, training))


def source_of(arguments: argparse.Namespace, labels: str) -> dict[str, Any]:
    """The nuclei, all at one size."""
    return tasks.nuclei(arguments.root, arguments.size) | {"labels": labels}


def schedule(arguments: argparse.Namespace, training: Training) -> dict[str, Any]:
    """The schedule, alike for all but for the rate."""
    return {
        "iterations": training.iterations,
        "batch_size": arguments.batch_size,
        "crop": [arguments.crop] * 2,
        "optimiser": "adamw",
        "learning_rate": training.rate,
        "minimum_learning_rate": training.rate / 100,
        "weight_decay": 0.01,
        "head_factor": 4,
        "warmup": min(20, training.iterations // 4),
        "augmentation": {"scale": [0.75, 1.5]},
    }


def loss_of(choice: Choice) -> Document:
    """Cross entropy and the discriminative loss."""
    entry = LOSSES["discriminative"]
    parameters = {**entry.document()["parameters"], **choice.margins}
    embeddings = handmade_document("discriminative", entry.name, parameters, title=entry.title)
    return sum_document(
        "margins", [(1.0, LOSSES["cross-entropy"].document()), (choice.weight, embeddings)]
    )
