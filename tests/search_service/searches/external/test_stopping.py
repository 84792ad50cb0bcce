"""Who is stopped by a report: a function of it and of earlier generations alone."""

from hypothesis import given
from hypothesis import strategies as st

from search_service.searches.external.stopping import LEAST, Earlier, Report, come_to, stopped_at
from search_service.searches.halving import HalvingSpec
from surrogate_zoo.metrics.targets import Target

SPEC = HalvingSpec(rungs=(0.5,), keep=0.5)
MIOU = [Target("miou")]


def earlier(*pairs: tuple[float, float]) -> list[Earlier]:
    """Trials with a score in the middle and one at the end."""
    return [
        Earlier(number, [Report(5, {"miou": middle})], {"miou": last})
        for number, (middle, last) in enumerate(pairs)
    ]


FOUR = earlier((0.1, 0.2), (0.2, 0.4), (0.3, 0.6), (0.4, 0.8))


def stopped(score: float, before: list[Earlier], *steps: int) -> dict[str, float] | None:
    reports = [Report(step, {"miou": score}) for step in steps or (5,)]
    return stopped_at(SPEC, 10, reports, before, MIOU)


def test_the_better_part_goes_on_and_the_rest_is_told_what_it_would_have_come_to() -> None:
    assert stopped(0.35, FOUR) is None
    # Of five the better three end at 0.4; the lowest of them stood at 0.2 on the rung.
    told = stopped(0.15, FOUR)
    assert told is not None
    assert abs(told["miou"] - (0.4 + 0.15 - 0.2)) < 1e-12


def test_reports_before_a_rung_and_after_it_stop_nobody() -> None:
    assert stopped(0.0, FOUR, 4) is None
    assert stopped(0.0, FOUR, 5, 6) is None
    assert stopped(0.0, FOUR, 4, 7) is not None  # the first report after the rung counts for it


def test_who_is_stopped_by_others_would_have_come_to_what_lies_as_far_below() -> None:
    # At 0.25 those that stood higher end at 0.6 and more, from 0.3 on.
    assert abs(come_to(5, {"miou": 0.25}, FOUR)["miou"] - (0.6 + 0.25 - 0.3)) < 1e-12
    assert come_to(6, {"miou": 0.25}, FOUR) == {"miou": 0.25}  # nobody was seen as late
    assert come_to(5, {"miou": 0.25}, []) == {"miou": 0.25}


def test_few_and_failed_ones_before_tell_nothing() -> None:
    assert LEAST == 4
    assert stopped(0.0, FOUR[:3]) is None
    failed = [Earlier(4, [Report(5, {"miou": 0.9})], {})]
    assert stopped(0.0, FOUR[:3] + failed) is None
    silent = [Earlier(4, [], {"miou": 0.9})]
    assert stopped(0.0, FOUR[:3] + silent) is None


def test_of_several_metrics_the_best_place_counts() -> None:
    before = [
        Earlier(n, [Report(5, {"miou": n / 10, "bf1": n / 10})], {"miou": n / 5, "bf1": n / 5})
        for n in range(1, 5)
    ]
    both = [Target("miou"), Target("bf1")]
    good_in_one = [Report(5, {"miou": 0.0, "bf1": 0.9})]
    assert stopped_at(SPEC, 10, good_in_one, before, both) is None
    told = stopped_at(SPEC, 10, [Report(5, {"miou": 0.0, "bf1": 0.0})], before, both)
    assert told is not None
    assert set(told) == {"miou", "bf1"}


scores = st.floats(0, 1, width=16)


@given(st.lists(st.tuples(scores, scores), min_size=4, max_size=12), scores)
def test_the_order_of_the_earlier_ones_does_not_matter(
    pairs: list[tuple[float, float]], score: float
) -> None:
    before = earlier(*pairs)
    assert stopped(score, before) == stopped(score, list(reversed(before)))


@given(st.lists(st.tuples(scores, scores), min_size=4, max_size=12), scores, scores)
def test_who_is_better_is_not_stopped_before_who_is_worse(
    pairs: list[tuple[float, float]], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    if stopped(low, earlier(*pairs)) is None:
        assert stopped(high, earlier(*pairs)) is None
