"""The radius and the smallest object that score best on what was held out are taken."""

from collections.abc import Sequence

import pytest
import torch
from pydantic import ValidationError

from surrogate_zoo.errors import InputError
from tests.workers.instances.made_up import as_image, drawn, perfect
from workers.instances.found import Found, Prediction
from workers.instances.tuning import tuned
from workers.tasks.instances import ClusteringSpec

MADE = [perfect(seed, objects=6, channels=3) for seed in range(3)]
SAMPLES = [Prediction(embeddings, classes) for embeddings, classes, _ in map(as_image, MADE)]


def right_counts(objects: Sequence[Found]) -> float:
    return -float(sum(abs(len(found.labels) - 6) for found in objects))


def test_the_radius_that_finds_the_objects_is_taken() -> None:
    spec = ClusteringSpec(method="threshold", radius=9.0, seed=4)
    best = tuned(spec, (0.1, 1.2, 1.3, 50.0), (1, 100), SAMPLES, things=(1,), score=right_counts)
    assert best == spec.model_copy(update={"radius": 1.2})  # the first of the best


def test_the_smallest_object_is_tuned_without_a_radius() -> None:
    spec = ClusteringSpec(method="components")
    samples = [Prediction(None, drawn("10110111"))]

    def two(objects: Sequence[Found]) -> float:
        return float(len(objects[0].labels) == 2)

    assert tuned(spec, (), (1, 2, 3), samples, things=(1,), score=two).min_pixels == 2
    assert tuned(spec, (), (), samples, things=(1,), score=two) == spec


def test_what_is_scored_is_what_the_spec_finds_later() -> None:
    seen: list[int] = []

    def note(objects: Sequence[Found]) -> float:
        assert [found.instances.shape for found in objects] == [s.classes.shape for s in SAMPLES]
        seen.append(sum(len(found.labels) for found in objects))
        return float("nan") if len(seen) == 1 else 0.0

    best = tuned(ClusteringSpec(), (1.2,), (1, 4), SAMPLES, things=(1,), score=note)
    assert best.min_pixels == 4  # what is no number never wins
    sizes = [torch.from_numpy(made.owners).bincount() for made in MADE]
    assert seen == [18, sum(int((own >= 4).sum()) for own in sizes)]


def test_nothing_to_tune_on_is_refused() -> None:
    with pytest.raises(InputError, match="held-out images, and there are none"):
        tuned(ClusteringSpec(), (1.0,), (1,), [], things=(1,), score=right_counts)
    with pytest.raises(InputError, match="No clustering has a finite score"):
        tuned(ClusteringSpec(), (1.0,), (1,), SAMPLES, things=(1,), score=lambda _: float("nan"))
    with pytest.raises(ValidationError, match="has no radius"):
        tuned(
            ClusteringSpec(method="components"),
            (1.0,),
            (1,),
            SAMPLES,
            things=(1,),
            score=right_counts,
        )
