"""Groups are those of the definition, of scikit-learn, and of the truth where the loss is 0."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import MeanShift
from sklearn.metrics import adjusted_rand_score

from tests.workers.instances.made_up import Floats, Perfect, losses, perfect, perfects
from workers.instances import grouping
from workers.instances.grouping import STEPS, TOLERANCE, grouped

SHARES = st.floats(0, 1)


def one_after_another(
    points: Floats, radius: float, *, shift: bool, merge: bool = False
) -> list[int]:
    """The definition, pixel by pixel."""
    groups = [-1] * len(points)
    centres: list[Floats] = []
    for first in range(len(points)):
        if groups[first] >= 0:
            continue
        centre = points[first]
        for _ in range(STEPS if shift else 0):
            mean = points[np.linalg.norm(points - centre, axis=1) <= radius].mean(0)
            moved, centre = float(np.linalg.norm(mean - centre)), mean
            if moved < TOLERANCE:
                break
        earlier = [float(np.linalg.norm(other - centre)) for other in centres]
        if merge and earlier and min(earlier) <= radius:
            group = int(np.argmin(earlier))
        else:
            group = len(centres)
            centres.append(centre)
        for number, distance in enumerate(np.linalg.norm(points - centre, axis=1)):
            if groups[number] < 0 and (distance <= radius or number == first):
                groups[number] = group
    return groups


@given(made=perfects())
def test_the_made_up_objects_cost_nothing(made: Perfect) -> None:
    assert losses(made) == (0, 0)
    assert made.delta_d > 2 * made.delta_v


@given(made=perfects(), share=SHARES, shift=st.booleans(), merge=st.booleans())
def test_objects_that_cost_nothing_are_found_with_every_radius_of_the_range(
    made: Perfect, share: float, shift: bool, merge: bool
) -> None:
    merge = merge and shift
    groups = grouped(torch.from_numpy(made.points), made.radius(share), shift=shift, merge=merge)
    assert adjusted_rand_score(made.owners, groups.numpy()) == 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_scikit_learn_finds_the_same_objects(seed: int, share: float) -> None:
    made = perfect(seed, objects=5, channels=3)
    other = MeanShift(bandwidth=made.radius(share)).fit(made.points).labels_
    groups = grouped(torch.from_numpy(made.points), made.radius(share), shift=True)
    assert adjusted_rand_score(other, groups.numpy()) == 1


def test_half_the_margin_around_any_pixel_cuts_objects_apart() -> None:
    made = perfect(0, objects=20, channels=4)
    groups = grouped(torch.from_numpy(made.points), made.delta_v, shift=False)
    assert adjusted_rand_score(made.owners, groups.numpy()) < 0.9


@given(
    seed=st.integers(0, 2**31),
    shape=st.tuples(st.integers(1, 60), st.integers(1, 3)),
    radius=st.floats(0.05, 3),
    shift=st.booleans(),
    merge=st.booleans(),
)
def test_many_at_once_give_what_one_after_another_gives(
    seed: int, shape: tuple[int, int], radius: float, shift: bool, merge: bool
) -> None:
    points = np.random.default_rng(seed).standard_normal(shape)
    groups = grouped(torch.from_numpy(points), radius, shift=shift, merge=merge)
    assert groups.tolist() == one_after_another(points, radius, shift=shift, merge=merge)


@pytest.mark.parametrize(("shift", "merge"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize(("first", "distances"), [(1, 2**24), (1000, 2**24), (16, 1), (16, 1000)])
def test_how_many_shift_at_once_changes_nothing(
    shift: bool, merge: bool, first: int, distances: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = torch.from_numpy(np.random.default_rng(1).standard_normal((200, 2)))
    groups = grouped(points, 0.4, shift=shift, merge=merge)
    monkeypatch.setattr(grouping, "FIRST", first)
    monkeypatch.setattr(grouping, "DISTANCES", distances)
    assert torch.equal(grouped(points, 0.4, shift=shift, merge=merge), groups)


def test_equal_points_are_one_group_and_a_point_alone_is_one() -> None:
    equal = torch.ones(1000, 4, dtype=torch.float64)
    assert grouped(equal, 0.1, shift=True).tolist() == [0] * 1000
    assert grouped(torch.ones(1, 4, dtype=torch.float64), 0.1, shift=True).tolist() == [0]
    assert grouped(torch.ones(0, 4, dtype=torch.float64), 0.1, shift=True).tolist() == []


def test_points_at_exactly_the_radius_belong() -> None:
    points = torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=torch.float64)
    assert grouped(points, 1.0, shift=False).tolist() == [0, 0, 1, 1]


def test_a_point_that_shifts_away_from_itself_is_a_group_alone() -> None:
    # 0 shifts to 0.5, then 1, around which 0 is no more; the pixels at 1 and 2 are its group's.
    points = torch.tensor([[0.0], *[[0.9]] * 9, *[[1.8]] * 81], dtype=torch.float64)
    assert grouped(points, 1.0, shift=True).tolist() == [0] + [0] * 90
    after = torch.cat([points[1:], points[:1]])
    assert grouped(after, 1.0, shift=True).tolist() == [0] * 90 + [1]
    assert grouped(after, 1.0, shift=True, merge=True).tolist() == [0] * 91


def test_merged_groups_of_scattered_points_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    owners = random.integers(4, size=300)
    points = np.eye(4)[owners] * 6 + 0.5 * random.standard_normal((300, 4))
    other = MeanShift(bandwidth=1.5).fit(points).labels_
    alone = grouped(torch.from_numpy(points), 1.5, shift=True)
    merged = grouped(torch.from_numpy(points), 1.5, shift=True, merge=True)
    assert adjusted_rand_score(other, merged.numpy()) == 1
    assert int(alone.max()) > int(merged.max()) == 3
