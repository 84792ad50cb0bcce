"""What Ray carries to a worker's process: a class by value, which must mean the same there."""

import inspect

import pytest

from workers.cluster.actor import TrainingActor
from workers.cluster.actors import Worker


@pytest.mark.parametrize("carried", [TrainingActor, Worker])
def test_no_annotation_is_a_class_that_the_order_of_imports_places(carried: type) -> None:
    methods = [method for _, method in inspect.getmembers(carried, inspect.isfunction)]
    assert methods
    named = [each for method in methods for each in method.__annotations__.values()]
    made = [each for each in named if isinstance(each, type) and "[" in each.__name__]
    assert made == []  # pydantic's parametrised models
