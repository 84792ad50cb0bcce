"""What is said of a name that is none."""

import pytest

from surrogate_zoo.errors import UnknownNameError, meant, unknown

NAMES = ["miou", "bf1", "DeepLabV3Plus"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mio", "Did you mean 'miou'?"),
        ("deeplabv3plus", "Did you mean 'DeepLabV3Plus'?"),
        ("xyz", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_the_nearest_name_is_asked_for(name: object, told: str) -> None:
    assert meant(name, NAMES) == told


def test_a_few_names_are_told_in_order() -> None:
    error = UnknownNameError("metric", "mio", iter(NAMES))
    assert str(error) == (
        "There is no metric named 'mio'. Did you mean 'miou'? Known: DeepLabV3Plus, bf1, miou."
    )


def test_a_name_without_end_is_cut() -> None:
    assert len(unknown("metric", "miou" * 1_000_000, NAMES)) < 300


def test_of_many_names_the_nearest_are_told() -> None:
    told = unknown("loss", "mine-5000", [f"mine-{number}" for number in range(1000, 9000, 7)])
    assert told.count("mine-") == 102  # the name, the one that was meant, and a hundred
    assert told.endswith(" and 1043 more.")
