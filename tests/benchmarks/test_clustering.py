"""What the clustering benchmark times finds the same objects as scikit-learn where it is plain."""

from sklearn.metrics import adjusted_rand_score

from benchmarks.clustering import CHANNELS, embedded, ours, theirs, timed


def test_all_ways_find_the_objects_of_a_plain_image() -> None:
    points, owners = embedded(24, 0.01)
    assert points.shape == (24 * 24, CHANNELS)
    assert owners.max() == 3
    for groups in (
        ours(points),
        ours(points, merge=True),
        ours(points, shift=False),
        theirs(points, bins=False),
    ):
        assert adjusted_rand_score(owners, groups) == 1


def test_seconds_come_with_what_was_found() -> None:
    points, _ = embedded(16, 0.01)
    seconds, groups = timed(lambda: ours(points))
    assert seconds > 0
    assert groups.tolist() == [0] * 256
