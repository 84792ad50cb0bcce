"""What a gallery of predictions is made of. Needs no torch."""

from typing import Annotated, Literal

from pydantic import Field

from workers.tasks.base import FolderTask, Spec
from workers.tasks.datasets import DatasetSource
from workers.tasks.instances import ClusteringSpec
from workers.tasks.networks import NetworkSpec
from workers.tasks.scoring import InferenceSpec


class Contestant(Spec):
    """A trained network whose predictions are shown.

    Attributes:
        name: What its predictions are called, such as the loss it was trained with.
        network: The network.
        weights: Path of its weights (``weights.safetensors`` of a retraining).
        ways: How objects are made of its predictions, by name; none shows no objects.
    """

    name: str
    network: NetworkSpec
    weights: str
    ways: dict[str, ClusteringSpec] = Field(default_factory=dict)


class ObjectsPicture(Spec):
    """The objects of an image, each in a colour of its own.

    Attributes:
        file: The picture.
        count: How many they are.
    """

    file: str
    count: int


class GalleryImage(Spec):
    """An image of a gallery; files lie in the gallery's folder.

    Attributes:
        name: The image's name in its dataset.
        disagreement: Share of its labelled pixels to which not all networks give the same label.
        image: File of the image.
        truth: File of the labels.
        predictions: Contestant -> file of its labels.
        errors: Contestant -> file of its errors.
        true_objects: The true objects; None where no contestant has ways to make some.
        objects: Contestant -> way -> what it finds, in the colours of the true objects that it meets.
    """

    name: str
    disagreement: float
    image: str
    truth: str
    predictions: dict[str, str]
    errors: dict[str, str]
    true_objects: ObjectsPicture | None = None
    objects: dict[str, dict[str, ObjectsPicture]] = Field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """Every file of it."""
        found = [found.file for ways in self.objects.values() for found in ways.values()]
        true = [] if self.true_objects is None else [self.true_objects.file]
        return [
            *(self.image, self.truth),
            *self.predictions.values(),
            *self.errors.values(),
            *true,
            *found,
        ]


class GalleryResult(Spec):
    """A drawn gallery.

    Attributes:
        images: The images, those with the most disagreement first.
        colours: Class -> its colour, ``#rrggbb``.
    """

    images: tuple[GalleryImage, ...]
    colours: dict[str, str]

    @property
    def files(self) -> list[str]:
        """Every file of it."""
        return [file for image in self.images for file in image.files]


class GalleryTask(FolderTask[GalleryResult]):
    """Predictions of several networks side by side, on the images that they disagree about most.

    Attributes:
        dataset: Where the images are.
        split: The split to choose from.
        inference: How predictions are made.
        contestants: The networks; all of them are held in memory at once.
        images: How many images to show.
    """

    dataset: DatasetSource
    split: Literal["val", "test"] = "val"
    inference: InferenceSpec = InferenceSpec()
    contestants: Annotated[tuple[Contestant, ...], Field(min_length=1)]
    images: Annotated[int, Field(ge=1, le=100)] = 6
