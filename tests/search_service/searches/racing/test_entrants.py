"""Who runs in a race."""

from dataclasses import replace

from search_service.samplers.contract import SamplerResult
from search_service.searches.racing import entrants
from search_service.spaces.curves import CurveSpace
from search_service.spaces.margins import MarginSpace
from search_service.spaces.zoo import ZooSpace
from search_service.store.states import Ending
from search_service.store.tables import Trial
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.searches.figures.finished import trial

SPACE = ZooSpace(("miou",), losses=("dice", "lovasz"))
KINDS = [kind.name for kind in SPACE.kinds]
STARTERS = 2


def tried(
    number: int, kind: str, score: float | None, *, share: float = 0.0, ending: Ending = "trained"
) -> Trial:
    own = list(SPACE.kinds[KINDS.index(kind)].starts[0])
    own = [*own[:-1], share] if share else own
    theta = [float(KINDS.index(kind)), 2.0, *own]
    one = trial(number, theta, score, **({} if score is None else {"miou": score}))
    one.ending, one.scales = ending, [2.0, 3.0] if share else [2.0]
    return one


TRIALS = [
    tried(0, "cross-entropy", 0.50),
    tried(1, "cross-entropy", 0.52),
    tried(2, "dice", 0.40),
    tried(3, "lovasz", 0.55, ending="stopped"),
    tried(4, "lovasz", 0.60, share=0.3),
    tried(5, "surrogate-miou", 0.45),
    tried(6, "surrogate-miou", None, ending="failed"),
    tried(7, "dice", 0.59, share=0.5),
]
for plain in TRIALS[:2]:
    plain.scales = []


def test_the_best_candidates_run_with_rivals_the_best_surrogate_and_the_start() -> None:
    found = {e.number: e.roles for e in entrants.of_trials(SPACE, TRIALS, STARTERS, "miou")}
    assert found == {
        4: ("candidate",),
        7: ("candidate",),
        3: ("handmade",),  # stopped early, and a rival all the same
        1: ("handmade", "cross-entropy"),
        2: ("handmade",),
        5: ("surrogate", "start"),  # with straight curves, the best and the only one
    }


def test_a_handmade_loss_is_handmade_at_every_rate_and_the_best_other_one_runs_too() -> None:
    faster = tried(8, "lovasz", 0.70)
    slower = tried(9, "lovasz", 0.65)
    found = entrants.of_trials(SPACE, [*TRIALS, faster, slower], 2, "miou")
    roles = {entrant.number: entrant.roles for entrant in found}
    assert roles[8] == roles[9] == ("candidate", "handmade")
    assert roles[4] == ("candidate",)  # the best that is none, beyond the two starters
    assert 7 not in roles


def test_the_best_surrogate_of_the_metric_runs_wherever_it_stands() -> None:
    curved = tried(8, "surrogate-miou", 0.47, share=0.2)
    found = entrants.of_trials(SPACE, [*TRIALS, curved], STARTERS, "miou")
    roles = {entrant.number: entrant.roles for entrant in found}
    assert roles[8] == ("surrogate",)
    assert roles[5] == ("start",)


def test_whoever_runs_for_one_metric_runs_for_all_and_stays_what_it_is() -> None:
    regions = entrants.of_trials(SPACE, TRIALS, 1, "miou")
    alone = [replace(regions[0], number=40), replace(regions[1], number=41, roles=("handmade",))]
    both = entrants.shared({"miou": regions, "macc": alone})
    numbers = {metric: [e.number for e in group] for metric, group in both.items()}
    assert numbers["miou"] == [*(e.number for e in regions), 40, 41]
    assert sorted(numbers["macc"]) == sorted(numbers["miou"])
    assert numbers["macc"][:2] == [40, 41]
    roles = {e.number: e.roles for e in both["macc"]}
    assert (roles[40], roles[41]) == (("candidate",), ("handmade",))
    assert roles[1] == ("candidate", "handmade", "cross-entropy")
    assert roles[5] == ("candidate",)  # the start of another metric is one of this one's candidates
    assert entrants.shared({"miou": regions}) == {"miou": regions}


def test_the_order_of_trials_does_not_matter_and_equals_go_by_number() -> None:
    twin = [*TRIALS, tried(8, "lovasz", 0.60, share=0.3)]
    first = entrants.of_trials(SPACE, twin, 1, "miou")
    again = entrants.of_trials(SPACE, twin[::-1], 1, "miou")
    assert [e.number for e in first] == [e.number for e in again]
    assert next(e.number for e in first if "candidate" in e.roles) == 4


def test_an_entrant_has_the_scales_that_were_measured_for_it() -> None:
    found = {e.number: e for e in entrants.of_trials(SPACE, TRIALS, STARTERS, "miou")}
    mixture = found[4]
    assert (mixture.rate, mixture.loss["scale"]) == (2.0, 3.0)
    assert mixture.loss["terms"][0]["loss"]["scale"] == 2.0
    assert mixture.facts == {"number": 4, "loss": "lovasz", "rate": 2.0, "cross-entropy": 0.3}


def test_a_search_of_curves_runs_what_it_found_the_start_and_cross_entropy() -> None:
    space = CurveSpace(ParameterSpace("macc"))
    start = tuple(space.start.tolist())
    other = (0.1,) * space.dimension
    trials = [trial(0, start, 0.5, macc=0.5), trial(1, other, 0.6, macc=0.6)]
    for one in trials:
        one.ending, one.scales = "trained", []
    mean = (0.2,) * space.dimension
    found = SamplerResult(mean, 0.6, 1, (start, mean), (0.5, 0.6))
    raced = entrants.of_curves(space, trials, 1, found=found, start=start)
    assert [e.roles for e in raced] == [
        ("candidate",),
        ("candidate",),
        ("start",),
        ("handmade", "cross-entropy"),
    ]
    assert [e.theta for e in raced] == [other, mean, start, None]
    assert [e.draft.scaled for e in raced] == [False, False, False, True]
    assert len({e.number for e in raced}) == len(raced)
    both = entrants.of_curves(space, trials, 2, found=found, start=start)
    assert [e.theta for e in both] == [other, start, mean, None]  # nobody runs twice


def test_a_trial_that_was_found_in_a_search_of_curves_runs_as_that_trial() -> None:
    space = CurveSpace(ParameterSpace("macc"))
    start = tuple(space.start.tolist())
    trials = [trial(n, [0.1 * n] * space.dimension, 0.5 - 0.1 * n, macc=0.5) for n in range(3)]
    for one in trials:
        one.ending, one.scales = "trained", [1.0 + one.number]
    for number in range(3):
        theta = tuple(trials[number].theta)
        found = SamplerResult(theta, 0.6, 0, (theta,), (0.5,), trial=number)
        raced = entrants.of_curves(space, trials, 1, found=found, start=start)
        ran = {e.number: e for e in raced if e.roles == ("candidate",)}
        assert set(ran) == {0, number}
        assert ran[number].facts["number"] == number
        assert ran[number].loss["scale"] == 1.0 + number


def test_cross_entropy_beside_curves_says_the_mode_of_the_others() -> None:
    space = CurveSpace(ParameterSpace("macc"), mode="multilabel")
    start = tuple(space.start.tolist())
    found = SamplerResult(start, 0.6, 0, (start,), (0.5,))
    raced = entrants.of_curves(space, [], 1, found=found, start=start)
    assert {e.loss.get("mode") for e in raced} == {"multilabel"}


MARGINS = MarginSpace(("sbd",))


def with_margins(number: int, score: float, *, beta: float = 0.5, width: float = 0.5) -> Trial:
    theta = MARGINS.start.tolist()
    theta[0], theta[MARGINS.names.index("beta")] = width, beta
    one = trial(number, theta, score, sbd=score)
    one.ending, one.scales = "trained", []
    return one


def test_a_search_of_margins_runs_the_best_of_the_papers_setting_as_handmade() -> None:
    trials = [
        with_margins(0, 0.50, width=0.1),
        with_margins(1, 0.40),
        with_margins(2, 0.55, width=0.9),
        with_margins(3, 0.30, beta=0.2),
        with_margins(4, 0.35, beta=0.9),
    ]
    trials[1].ending = "stopped"  # early, and a rival all the same
    found = SamplerResult(tuple(trials[2].theta), 0.55, 0, (), (0.4,), 2)
    raced = entrants.of_margins(MARGINS, trials, 2, "sbd", found=found)
    assert {e.number: e.roles for e in raced} == {
        2: ("candidate", "handmade"),
        0: ("candidate", "handmade"),
        4: ("candidate",),  # the best that was searched
        1: ("handmade", "start"),
    }
    (searched,) = (e for e in raced if e.number == 4)
    assert searched.facts["loss"] == "searched margins"
    assert (searched.draft.embedding, searched.facts["width"]) == (8, 8)
    assert searched.draft.clustering is not None
    assert searched.draft.clustering.radius == searched.facts["radius"] == 1.5


def test_a_mean_of_margins_and_a_start_that_is_no_trial_run_too() -> None:
    trials = [with_margins(0, 0.5, beta=0.2)]
    mean = (0.3,) * MARGINS.dimension
    found = SamplerResult(mean, 0.5, 0, (mean,), (0.5,))
    raced = entrants.of_margins(MARGINS, trials, 2, "sbd", found=found)
    assert [e.roles for e in raced] == [("candidate",), ("candidate",), ("handmade", "start")]
    assert [e.theta for e in raced][1:] == [mean, tuple(MARGINS.start.tolist())]
    assert len({e.number for e in raced}) == 3
