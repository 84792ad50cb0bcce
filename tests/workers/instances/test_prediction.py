"""Objects of images by a network: exact where embeddings are, whatever the images' sizes and order."""

import pytest
import torch
from torch import Tensor, nn

from lossfit import InstanceEvaluator, predict, predict_instances
from surrogate_zoo.errors import InputError
from tests.workers import tiny
from workers.instances.found import Found
from workers.instances.prediction import confidences_of, predict_image
from workers.learning.learner import initial_network
from workers.tasks.instances import ClusteringSpec

SIZES = ((40, 70), (33, 64), (64, 64), (5, 7))
SHARPNESS = 4.0


class ByColour(nn.Module):
    """Two classes, black and all else; a pixel's embedding is its colour."""

    def __init__(self) -> None:
        super().__init__()
        self.segmentation_head = nn.Conv2d(3, 2, 1)
        embedding = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            self.segmentation_head.weight[0], self.segmentation_head.weight[1] = -1, 1
            self.segmentation_head.weight *= SHARPNESS
            # The brightness of black, after normalisation, is -6; one channel on gives 4 more.
            self.segmentation_head.bias.copy_(torch.tensor([-5, 5]) * SHARPNESS)  # type: ignore[union-attr]
            embedding.weight.copy_(2 * torch.eye(3)[:, :, None, None])
        self.own_heads = nn.ModuleDict({"embeddings": embedding})

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 2, H, W) of images (N, 3, H, W)."""
        logits: Tensor = self.segmentation_head(images)
        return logits


def scene(height: int, width: int) -> tuple[Tensor, Tensor]:
    """An image (H, W, 3), and its objects (H, W): a red, a green and a blue one that touch."""
    objects = torch.zeros(height, width, dtype=torch.int64)
    objects[1:4, 1:3], objects[1:4, 3:5], objects[4:, 2:6] = 1, 2, 3
    colours = 255 * torch.cat([torch.zeros(1, 3), torch.eye(3)])
    return colours[objects].to(torch.uint8), objects


def test_the_objects_are_the_true_ones_in_images_of_any_size() -> None:
    images, truths = zip(*(scene(*size) for size in SIZES), strict=True)
    found = predict_instances(ByColour().eval(), images, things=(1,))
    evaluator = InstanceEvaluator((1,), min_pixels=1)
    for objects, truth in zip(found, truths, strict=True):
        assert objects.instances.shape == truth.shape
        assert objects.instances.dtype == torch.int32
        assert objects.labels.tolist() == [1, 1, 1]
        evaluator.update(*objects, truth, (truth > 0).long())
    scores = evaluator.compute()
    assert (scores["sbd"], scores["ap"], scores["pq"], scores["dic"]) == (1, 1, 1, 0)


def test_one_image_does_not_depend_on_the_others() -> None:
    network = initial_network(tiny.NETWORK.model_copy(update={"embedding": 4}), 6, 0).eval()
    images = torch.randint(0, 256, (3, 40, 24, 3), generator=torch.Generator().manual_seed(0))
    images = images.to(torch.uint8)
    spec = ClusteringSpec(radius=0.05)
    together = predict_instances(network, images, range(1, 6), spec)
    apart = [
        predict_instances(network, [image], range(1, 6), spec, first=number)[0]
        for number, image in enumerate(images)
    ]
    assert max(len(one.labels) for one in together) > 3
    for one, other in zip(together, apart, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
    others = predict_instances(network, images, range(1, 6), spec, first=7)
    assert not torch.equal(others[0].instances, together[0].instances)


def test_classes_are_those_of_predict_and_confidences_probabilities() -> None:
    network = initial_network(tiny.NETWORK.model_copy(update={"embedding": 4}), 6, 0).eval()
    image = torch.randint(0, 256, (40, 56, 3), dtype=torch.uint8)
    prediction, probabilities = predict_image(network, image, embedded=True)
    assert prediction.embeddings is not None
    assert prediction.embeddings.shape == (4, 40, 56)
    assert torch.equal(prediction.classes, predict(network, image[None])[0])
    things = sorted(set(prediction.classes.flatten().tolist()))
    [objects] = predict_instances(network, [image], things, ClusteringSpec(radius=0.05))
    assert len(objects.labels) > len(things)
    for number, (label, sure) in enumerate(zip(*objects[1:], strict=True), start=1):
        inside = objects.instances == number
        assert set(prediction.classes[inside].tolist()) == {int(label)}
        assert float(sure) == pytest.approx(float(probabilities[label][inside].mean()), rel=1e-5)


def test_a_network_without_embeddings_takes_the_methods_that_need_none() -> None:
    network = ByColour().eval()
    del network.own_heads
    image, _ = scene(40, 70)
    [objects] = predict_instances(network, [image], (1,), ClusteringSpec(method="components"))
    assert objects.labels.tolist() == [1]
    with pytest.raises(InputError, match="mean-shift needs embeddings, and the network has none"):
        predict_instances(network, [image], (1,))


def test_an_image_without_objects_has_none() -> None:
    black = torch.zeros(33, 20, 3, dtype=torch.uint8)
    [objects] = predict_instances(ByColour().eval(), [black], (1,))
    assert not objects.instances.any()
    assert objects.labels.shape == objects.confidences.shape == (0,)
    nothing = Found(torch.zeros(2, 2, dtype=torch.int32), torch.zeros(0, dtype=torch.int64))
    assert confidences_of(nothing, torch.ones(1, 2, 2)).dtype == torch.float32


def test_what_cannot_be_is_refused() -> None:
    network, (image, _) = ByColour().eval(), scene(40, 70)
    with pytest.raises(InputError, match="things names 2, -1, but the network's labels are 0 to 1"):
        predict_instances(network, [image], (1, 2, -1))
    for wrong in (image[None], image[..., :2], image.float()):
        with pytest.raises(InputError, match=r"must be uint8 of shape \(H, W, 3\)"):
            predict_instances(network, [wrong], (1,))
