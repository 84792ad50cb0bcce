"""A gallery: what networks predict for the images that they disagree about most."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from surrogate_zoo.errors import StorageError
from workers.datasets.dataset import VOID, Bands, Dataset, Pixels, Sample
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.band_statistics import as_picture
from workers.datasets.reports.picture import coloured, colours_of, draw_objects
from workers.instances.pictures import find_objects, object_picture
from workers.learning.device import choose_device
from workers.learning.labellings import labelling_in
from workers.networks.build import build_network
from workers.networks.image_format import as_tensor
from workers.networks.trained import images_in
from workers.scoring.inference import predict
from workers.scoring.pictures import channels_last
from workers.tasks.base import Stopped
from workers.tasks.gallery import (
    Contestant,
    GalleryImage,
    GalleryResult,
    GalleryTask,
    ObjectsPicture,
)

REACH = 2
"""Pixels within so many of a border, in both directions, are told apart in a picture of errors."""

RIGHT, WRONG, WRONG_NEAR_BORDER = (235, 235, 235), (246, 178, 107), (204, 0, 0)

Labels = NDArray[np.uint8]
Progress = Callable[[int, float], None]


def draw_gallery(
    task: GalleryTask,
    folder: Path,
    *,
    device: str = "auto",
    on_progress: Progress = lambda _images, _disagreement: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> GalleryResult:
    """Draw what networks predict for the images with the most disagreement, which nobody picks by hand.

    Args:
        task: The networks and the images to choose from.
        folder: Where the PNG files go; made if it is not there.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.
        on_progress: Told the images looked at, and the mean disagreement so far.
        should_stop: Looked at after every image.

    Raises:
        Stopped: ``should_stop`` became true.
        DatasetError: An image cannot be read.
        InputError: Objects cannot be made, see ``workers.instances.cluster.cluster``.
        StorageError: Weights cannot be read, or are those of another network.
    """
    dataset, torch_device = open_dataset(task.dataset), choose_device(device)
    networks = {
        contestant.name: _trained(contestant, dataset, torch_device)
        for contestant in task.contestants
    }
    folder.mkdir(parents=True, exist_ok=True)
    dataset.check_unchanged(task.split)
    drawing = _Drawing(task, dataset, networks, torch_device, folder)
    shares: list[float] = []
    for index in range(len(dataset.names(task.split))):
        shares.append(drawing.disagreement(index))
        on_progress(len(shares), float(np.mean(shares)))
        if should_stop():
            raise Stopped("The gallery was stopped.")
    chosen = sorted(range(len(shares)), key=lambda index: -shares[index])[: task.images]
    return GalleryResult(
        images=tuple(drawing.draw(index, shares[index]) for index in chosen),
        colours=colours_of(dataset.classes, dataset.mode),
    )


def _trained(contestant: Contestant, dataset: Dataset, device: torch.device) -> nn.Module:
    """The network with its trained weights, in evaluation mode; nothing is fetched for it."""
    spec = contestant.network.model_copy(update={"weights": None, "weights_file": None})
    try:
        labelling = labelling_in(dataset)
        images = images_in(contestant.weights)
        network = build_network(spec, labelling.channels, images, mode=labelling.mode)
        network.load_state_dict(load_file(contestant.weights))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise StorageError(f"The weights {contestant.weights} cannot be used: {error}") from error
    return network.to(device).eval()


class _Drawing:
    """Predicts image by image, and draws those that were chosen."""

    def __init__(
        self,
        task: GalleryTask,
        dataset: Dataset,
        networks: Mapping[str, nn.Module],
        device: torch.device,
        folder: Path,
    ) -> None:
        self.task, self.dataset, self.networks = task, dataset, networks
        self.device, self.folder = device, folder

    def disagreement(self, index: int) -> float:
        """Share of an image's known labels that not all networks give alike."""
        image, mask, _ = self.dataset.sample(self.task.split, index)
        first, *others = (self._labels(network, image) for network in self.networks.values())
        differ = np.zeros(mask.shape, dtype=bool)
        for labels in others:
            differ |= labels != first
        labelled = mask != VOID
        return float(differ[labelled].mean()) if labelled.any() else 0.0

    def draw(self, index: int, disagreement: float) -> GalleryImage:
        """Write the pictures of an image."""
        sample = self.dataset.sample(self.task.split, index)
        image, mask, _ = sample
        predictions, errors = {}, {}
        for number, (name, network) in enumerate(self.networks.items()):
            labels = self._labels(network, image)
            labels[mask == VOID] = VOID
            predictions[name] = self._write(f"{index}-{number}-labels.png", coloured(labels))
            errors[name] = self._write(f"{index}-{number}-errors.png", error_picture(labels, mask))
        return GalleryImage(
            name=self.dataset.names(self.task.split)[index],
            disagreement=disagreement,
            image=self._write(f"{index}-image.png", as_picture(image)),
            truth=self._write(f"{index}-truth.png", coloured(mask)),
            predictions=predictions,
            errors=errors,
            **self._objects(index, sample),
        )

    def _objects(self, index: int, sample: Sample) -> dict[str, Any]:
        """Write the pictures of an image's objects; none where nobody makes some."""
        mask, true = sample.mask, sample.instances
        if true is None or not any(maker.ways for maker in self.task.contestants):
            return {}
        found = {
            maker.name: self._found(index, number, maker, sample)
            for number, maker in enumerate(self.task.contestants)
            if maker.ways
        }
        truth = self._write(f"{index}-objects.png", draw_objects(mask, true))
        count = int(true.max(initial=0))
        return {"true_objects": ObjectsPicture(file=truth, count=count), "objects": found}

    def _found(
        self, index: int, number: int, maker: Contestant, sample: Sample
    ) -> dict[str, ObjectsPicture]:
        """Write what every way of a contestant finds in an image."""
        image, mask, true = sample
        pixels = as_tensor(image).to(self.device)
        network, things = self.networks[maker.name], self.dataset.things
        found = {}
        for way, objects in find_objects(network, pixels, things, maker.ways, index).items():
            drawn = object_picture(objects.instances, true, mask)
            file = self._write(f"{index}-{number}-objects-{way}.png", drawn)
            found[way] = ObjectsPicture(file=file, count=len(objects.labels))
        return found

    def _labels(self, network: nn.Module, image: Bands) -> Labels:
        batch = as_tensor(image)[None].to(self.device)
        labels: Labels = channels_last(predict(network, batch, self.task.inference))[0]
        return labels

    def _write(self, name: str, pixels: Pixels) -> str:
        Image.fromarray(pixels).save(self.folder / name)
        return name


def error_picture(labels: Labels, mask: Labels) -> Pixels:
    """Colour what is wrong, (H, W, 3): dark near the borders of the truth, light elsewhere.

    Args:
        labels: Predicted, (H, W), or (H, W, C) of a multi-label, where any channel may be wrong.
        mask: True, likewise, void = 255, which comes out white.
    """
    if mask.ndim == 3:
        return _of_channels(
            [error_picture(*pair) for pair in zip(*_channels(labels, mask), strict=True)]
        )
    wrong, near = labels != mask, near_borders(mask)
    picture = np.empty((*mask.shape, 3), dtype=np.uint8)
    picture[:] = RIGHT
    picture[wrong] = WRONG
    picture[wrong & near] = WRONG_NEAR_BORDER
    picture[mask == VOID] = 255
    return picture


def _channels(*masks: Labels) -> list[NDArray[np.uint8]]:
    """Masks (H, W, C) as (C, H, W)."""
    return [np.moveaxis(mask, 2, 0) for mask in masks]


def _of_channels(pictures: Sequence[Pixels]) -> Pixels:
    """The pictures of errors of all channels as one: what is worst of a pixel; white where all are."""
    stacked = np.stack(pictures)
    picture: Pixels = np.full_like(stacked[0], 255)
    for colour in (RIGHT, WRONG, WRONG_NEAR_BORDER):
        picture[(stacked == colour).all(-1).any(0)] = colour
    return picture


def near_borders(mask: Labels) -> NDArray[np.bool_]:
    """Which pixels of (H, W) see another class within a square of :data:`REACH`; void is none."""
    from scipy.ndimage import maximum_filter, minimum_filter  # noqa: PLC0415  (for pictures alone)

    labelled, size = mask != VOID, 2 * REACH + 1
    highest = maximum_filter(np.where(labelled, mask, 0), size, mode="nearest")
    lowest = minimum_filter(np.where(labelled, mask, VOID), size, mode="nearest")
    near: NDArray[np.bool_] = labelled & (highest != lowest)
    return near
