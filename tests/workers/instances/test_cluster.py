"""Objects of whole images: classes, components, sizes, seeds, and what is refused."""

import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from surrogate_zoo.errors import InputError
from tests.workers.instances.made_up import (
    Perfect,
    as_image,
    drawn,
    perfect,
    perfects,
    same_partition,
)
from workers.instances.cluster import check, cluster
from workers.tasks.instances import ClusteringSpec

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]
METHODS = ["mean-shift", "threshold", "components", "watershed", "border"]
EMBEDDED = METHODS[:2]


def noisy(seed: int, side: int = 24) -> tuple[Tensor, Tensor]:
    """Embeddings and classes that no clustering finds easy: 0 background, 1 and 2 objects."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randn(4, side // 8, side // 8, generator=generator) * 2
    wide = blocks.repeat_interleave(8, 1).repeat_interleave(8, 2)
    classes = torch.randint(3, (side // 4, side // 4), generator=generator)
    classes = classes.repeat_interleave(4, 0).repeat_interleave(4, 1)
    return wide + 0.3 * torch.randn(4, side, side, generator=generator), classes


@pytest.mark.parametrize("method", EMBEDDED)
@pytest.mark.parametrize("device", DEVICES)
def test_151_objects_are_found(method: Any, device: str) -> None:
    made = perfect(3, objects=151, channels=3)
    embeddings, classes, instances = (part.to(device) for part in as_image(made))
    spec = ClusteringSpec(method=method, radius=made.radius(0.5))
    found = cluster(embeddings, classes, (1,), spec, seed=0)
    assert found.instances.dtype == torch.int32
    assert found.instances.device == found.labels.device == classes.device
    assert found.labels.tolist() == [1] * 151
    assert same_partition(found.instances, instances)


@given(made=perfects(), share=st.floats(0, 1), method=st.sampled_from(EMBEDDED), data=st.data())
def test_neither_seed_nor_order_of_pixels_changes_what_is_plain(
    made: Perfect, share: float, method: Any, data: st.DataObject
) -> None:
    embeddings, classes, instances = as_image(made)
    spec = ClusteringSpec(
        method=method, radius=made.radius(share), seed=data.draw(st.integers(0, 2**31 - 1))
    )
    image = data.draw(st.integers(0, 2**40))
    order = torch.from_numpy(np.random.default_rng(image).permutation(classes.shape[1]))
    found = cluster(embeddings[:, :, order], classes[:, order], (1,), spec, seed=image)
    assert same_partition(found.instances, instances[:, order])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("within", ["image", "components"])
@pytest.mark.parametrize("method", EMBEDDED)
def test_a_seed_gives_the_same_objects_again(method: Any, within: Any, device: str) -> None:
    embeddings, classes = (part.to(device) for part in noisy(0))
    spec = ClusteringSpec(method=method, within=within)
    found = [cluster(embeddings, classes, (1, 2), spec, seed=7) for _ in range(2)]
    assert torch.equal(found[0].instances, found[1].instances)
    assert torch.equal(found[0].labels, found[1].labels)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("method", METHODS)
def test_a_gpu_finds_what_a_cpu_finds(method: Any) -> None:
    embeddings, classes = noisy(0)
    things = (1,) if method == "border" else (1, 2)
    spec = ClusteringSpec(method=method)
    here = cluster(embeddings, classes, things, spec, seed=7)
    there = cluster(embeddings.cuda(), classes.cuda(), things, spec, seed=7)
    assert torch.equal(there.instances.cpu(), here.instances)


def test_pixels_are_drawn_by_seed_and_image() -> None:
    embeddings, classes = noisy(0)

    def objects(seed: int, image: int) -> Tensor:
        spec = ClusteringSpec(method="threshold", seed=seed)
        return cluster(embeddings, classes, (1, 2), spec, seed=image).instances

    assert not same_partition(objects(0, 0), objects(0, 1))
    assert not same_partition(objects(0, 0), objects(1, 0))


@pytest.mark.parametrize("method", METHODS)
def test_objects_are_numbered_without_gaps_and_lie_in_their_class(method: Any) -> None:
    embeddings, classes = noisy(1)
    things = (1,) if method == "border" else (2, 1)
    spec = ClusteringSpec(method=method, min_pixels=3)
    instances, labels = cluster(embeddings, classes, things, spec, seed=0)
    numbers, sizes = torch.unique(instances[instances > 0], return_counts=True)
    assert numbers.tolist() == list(range(1, len(labels) + 1))
    assert sizes.min() >= 3
    for number, label in enumerate(labels.tolist(), start=1):
        inside = set(classes[instances == number].tolist())
        assert inside <= ({1, 2} if method == "border" else {label})
    assert not instances[classes == 0].any()


def test_classes_are_clustered_apart() -> None:
    embeddings, classes = torch.zeros(2, 2, 4), drawn("1122", "1122")
    found = cluster(embeddings, classes, (1, 2), ClusteringSpec(), seed=0)
    assert found.instances.tolist() == [[1, 1, 2, 2]] * 2
    assert found.labels.tolist() == [1, 2]
    assert cluster(embeddings, classes, (2,), ClusteringSpec(), seed=0).labels.tolist() == [2]


def test_within_components_alike_pixels_apart_are_two_objects() -> None:
    embeddings, classes = torch.zeros(2, 1, 5), drawn("11011")
    spec = ClusteringSpec(within="components")
    assert cluster(embeddings, classes, (1,), spec, seed=0).instances.tolist() == [[1, 1, 0, 2, 2]]
    whole = cluster(embeddings, classes, (1,), ClusteringSpec(), seed=0)
    assert whole.instances.tolist() == [[1, 1, 0, 1, 1]]


def test_merged_objects_are_fewer() -> None:
    embeddings, classes = noisy(0)
    plain, merged = (
        cluster(embeddings, classes, (1, 2), ClusteringSpec(radius=0.7, merge=merge), seed=0)
        for merge in (False, True)
    )
    assert 0 < len(merged.labels) < len(plain.labels)
    assert torch.equal(merged.instances > 0, classes > 0)


def test_small_objects_leave_no_gap() -> None:
    spec = ClusteringSpec(method="components", min_pixels=2)
    found = cluster(None, drawn("1011", "0000", "2022"), (1, 2), spec, seed=0)
    assert found.instances.tolist() == [[0, 0, 1, 1], [0] * 4, [0, 0, 2, 2]]
    assert found.labels.tolist() == [1, 2]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("things", [(1,), ()])
def test_without_foreground_there_is_no_object(method: Any, things: tuple[int, ...]) -> None:
    if method == "border" and not things:
        return
    spec = ClusteringSpec(method=method)
    found = cluster(torch.zeros(2, 3, 3), drawn("000", "000", "000"), things, spec, seed=0)
    assert not found.instances.any()
    assert found.labels.shape == (0,)


@pytest.mark.parametrize("method", METHODS)
def test_one_pixel_and_a_full_image_are_one_object_each(method: Any) -> None:
    spec = ClusteringSpec(method=method)
    for classes in (drawn("000", "010", "000"), drawn("111", "111", "111"), drawn("1")):
        found = cluster(torch.zeros(2, *classes.shape), classes, (1,), spec, seed=0)
        assert torch.equal(found.instances, classes.int())
        assert found.labels.tolist() == [1]


def test_half_precision_is_computed_with_in_full() -> None:
    made = perfect(5, objects=6, channels=2)
    embeddings, classes, instances = as_image(made)
    spec = ClusteringSpec(radius=made.radius(0.5))
    found = cluster(embeddings.bfloat16(), classes, (1,), spec, seed=0)
    assert same_partition(found.instances, instances)


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (None, "needs embeddings"),
        (torch.zeros(2, 3, 4), "do not fit"),
        (torch.zeros(3, 3), "do not fit"),
        (torch.full((2, 3, 3), float("nan")), "not finite"),
        (torch.full((2, 3, 3), float("inf")), "not finite"),
    ],
)
def test_what_cannot_be_clustered_is_refused(embeddings: Tensor | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cluster(embeddings, torch.ones(3, 3, dtype=torch.int64), (1,), ClusteringSpec(), seed=0)


def test_background_may_hold_what_is_not_finite() -> None:
    embeddings = torch.tensor([[[0.0, float("nan")]]])
    found = cluster(embeddings, drawn("10"), (1,), ClusteringSpec(), seed=0)
    assert found.instances.tolist() == [[1, 0]]


def test_what_is_installed_is_checked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    check(ClusteringSpec(method="watershed"))
    monkeypatch.setitem(sys.modules, "skimage", None)
    check(ClusteringSpec())
    with pytest.raises(InputError, match=r"pip install 'lossfit\[instances\]'"):
        check(ClusteringSpec(method="watershed"))
    with pytest.raises(InputError, match=r"pip install 'lossfit\[instances\]'"):
        cluster(None, drawn("1"), (1,), ClusteringSpec(method="watershed"), seed=0)
