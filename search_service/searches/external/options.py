"""What a search says whose trials are trained by its user's own code; needs pydantic alone.

The service proposes losses and hands them out; networks, images and schedules are the user's, so a
request says nothing of them.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from search_service.searches.external.trainers import Trainer
from surrogate_zoo.modes import MULTICLASS
from surrogate_zoo.needs import CLASS_IMAGE_PIXELS, CLASS_PIXELS
from workers.tasks.base import Spec
from workers.tasks.hold_out import HoldOut
from workers.tasks.networks import NetworkSpec
from workers.tasks.scoring import ScoringSpec
from workers.tasks.training import TrainingSpec

DATASET: Final = "own-data"
"""What the user's data is called where a request does not name it."""

SCORED: Final = "As the trainer's own code scores it."
"""What is told of the hold-out set."""

Counts = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**53)], ...], Field(max_length=255)]

_FIXED: Final[Mapping[str, Any]] = {
    "network": NetworkSpec(),
    "training": TrainingSpec(
        learning_rate=1.0
    ),  # so that rates are the factors that are handed out
    "hold_out": HoldOut(),
    "rejection": None,
    "frozen_encoder": False,
    "proxy_size": None,
    "warm_up": 0,
    "reshuffle": False,
}
"""Fields that are the service's own training's -> what they hold where the user's code trains."""

SERVICE_ONLY: Final = tuple(_FIXED)
"""Fields of a request that mean nothing where the user's code trains."""

_OPEN: Final[Mapping[str, Any]] = {"dataset": DATASET, "scoring": ScoringSpec()}
"""Fields that a preset would fill in for the service's own data -> what they hold instead."""

_PRESETS: Final = ("standard", "quick")


class ExternalOptions(Spec):
    """Who trains, and what the service has to know where that is not the service.

    Attributes:
        trainer: ``service`` trains candidates on its workers; ``external`` hands them out to the
            user's own code (``ask``), which tells what they scored (``tell``).
        num_classes: Channels of the user's logits, for ``external``: scales of losses are measured on a
            reference batch with as many. 1 is binary with one channel.
        mode: ``multilabel`` where each channel is on or off by itself; otherwise a pixel has one class. For
            ``service`` it is the dataset's, and filled in.
        steps: Steps of one training as its reports count them, epochs say, for ``external``; needed
            where halving stops the worst.
        class_pixels: Pixels of each class in the user's training images, for ``external``; without
            them the losses that weigh classes by their pixels take no part.
        class_image_pixels: Pixels of the images that hold each class, void left out, likewise.
    """

    trainer: Trainer = "service"
    num_classes: Annotated[int, Field(ge=1, le=255)] | None = None
    mode: Literal["multiclass", "multilabel"] | None = None
    steps: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    class_pixels: Counts | None = None
    class_image_pixels: Counts | None = None

    @property
    def aside(self) -> bool:
        """As of every request: the user's own code trains elsewhere."""
        return self.is_external

    @property
    def is_external(self) -> bool:
        """Whether the user's own code trains."""
        return self.trainer == "external"

    @property
    def classes(self) -> int:
        """Classes of the user's data; of a search that the service trains there are none to tell."""
        return self.num_classes or 0

    @property
    def labels(self) -> str:
        """The mode, multiclass unless told."""
        return self.mode or MULTICLASS

    @property
    def facts(self) -> dict[str, list[int]]:
        """What is told of the user's data, as losses ask for it (see ``surrogate_zoo.needs``)."""
        told = {CLASS_PIXELS: self.class_pixels, CLASS_IMAGE_PIXELS: self.class_image_pixels}
        return {name: list(counts) for name, counts in told.items() if counts is not None}


def filled_in(body: object) -> object:
    """Put in what the fields of the service's own training hold where the user's code trains.

    Raises:
        ValueError: The space is of networks that the service makes.
    """
    if not isinstance(body, dict) or body.get("trainer") != "external":
        return body
    space = body.get("space")
    if (space.get("name") if isinstance(space, dict) else getattr(space, "name", "")) == "margins":
        raise ValueError(
            "the space margins changes the network, and trainer external has its own: take curves or zoo"
        )
    stopping = {} if body.get("steps") else {"halving": None}
    return {**_FIXED, **_OPEN, **stopping, **body}


def check(request: ExternalOptions) -> None:
    """Refuse a request that asks for what nobody would do.

    Raises:
        ValueError: A field belongs to the other kind of trainer, or is missing.
    """
    if not request.is_external:
        given = [
            name for name in ExternalOptions.model_fields if getattr(request, name) is not None
        ]
        if strange := [name for name in given if name not in {"trainer", "mode"}]:
            raise ValueError(f"{strange[0]} is of trainer external: leave it out")
        return
    for name, value in _FIXED.items():
        if getattr(request, name) != value:
            raise ValueError(
                f"{name} is of the service's own training, and trainer is external: leave it out"
            )
    if (preset := getattr(request, "preset")) not in _PRESETS:  # noqa: B009 - a search's
        raise ValueError(
            f"the preset {preset} is a training of the service: take standard or quick, and a sampler "
            "of your choice"
        )
    if request.num_classes is None:
        raise ValueError("trainer external needs num_classes, the number of classes of your data")
    if getattr(request, "halving") is not None and request.steps is None:  # noqa: B009 - a search's
        raise ValueError(
            "halving needs steps, the number of steps of one training as its reports count them"
        )
    binary = request.num_classes == 1 and request.labels == MULTICLASS
    classes = 2 if binary else request.num_classes
    for name, counts in request.facts.items():
        if len(counts) != classes or not sum(counts):
            raise ValueError(f"{name} must be {classes} counts, not all of them 0")
