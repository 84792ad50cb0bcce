"""Who runs in the race at the end of a search. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from search_service.samplers.contract import SamplerResult
from search_service.spaces.curves import CurveSpace
from search_service.spaces.kinds import CROSS_ENTROPY
from search_service.spaces.margins import PAPERS, SEARCHED, MarginSpace
from search_service.spaces.space import Draft, Space, Theta
from search_service.spaces.zoo import ZooSpace
from search_service.store.tables import Trial
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.drafts import filled, in_mode
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.metrics.targets import Target

Role = Literal["candidate", "surrogate", "handmade", "cross-entropy", "start"]

_LASTING: Final[tuple[Role, ...]] = ("handmade", "cross-entropy")
"""Roles that tell what a loss is, whichever metric it runs for."""

HANDMADE_STARTERS: Final = 3
"""So many handmade losses run in the heats, beside cross entropy."""

_UNTRIED: Final = 10**6
"""Numbers of means that are no trials begin here."""
_START: Final = 2 * _UNTRIED
_ENTROPY: Final = _START + 1


@dataclass(frozen=True)
class Entrant:
    """A loss that runs in a race.

    Attributes:
        number: Its trial's number, or one above all of them.
        roles: What it runs as: a handmade loss may be a candidate too.
        draft: Its loss, the scale null where it was never measured, and what changes with it.
        facts: What it is, for people: its number, and its parameters by name.
        theta: Its parameters; None of what lies outside of the space.
    """

    number: int
    roles: tuple[Role, ...]
    draft: Draft
    facts: Mapping[str, Any]
    theta: Theta | None

    @property
    def loss(self) -> Document:
        """The loss file's content."""
        return self.draft.loss

    @property
    def rate(self) -> float:
        """Factor on the schedule's peak learning rate."""
        return self.draft.rate


def of_trials(
    space: ZooSpace, trials: Sequence[Trial], starters: int, metric: str
) -> list[Entrant]:
    """Those of a search of the zoo for one metric: the best candidates, rivals, surrogate and start.

    The best that is no handmade loss is a candidate in any case. A handmade loss as the literature has
    it is handmade at every rate, whatever it was chosen for. The surrogate is the best one of the metric
    itself; the start is that with straight curves, at its best rate.
    """
    target = Target(metric)
    ranked = _ranked(target, [trial for trial in trials if trial.ending == "trained"])
    searched = [trial for trial in ranked if not space.plain(trial.theta)]
    every = _ranked(target, trials)  # a rival may have been stopped early
    plain = _best_of_each(space, [trial for trial in every if space.plain(trial.theta)])
    entropy = [trial for trial in plain if _is_entropy(space, trial.theta)]
    surrogate = [trial for trial in ranked if _is_surrogate(space, target, trial.theta)]
    start = [trial for trial in every if _is_start(space, target, trial.theta)]
    places: dict[Role, Sequence[Trial]] = {
        "candidate": (*ranked[:starters], *searched[:1]),
        "surrogate": surrogate[:1],
        "handmade": plain[:HANDMADE_STARTERS],
        "cross-entropy": entropy[:1],
        "start": start[:1],
    }
    numbers = {role: {trial.number for trial in group} for role, group in places.items()}
    chosen = {trial.number: trial for group in places.values() for trial in group}
    return [
        _of_trial(
            space,
            trial,
            tuple(
                role
                for role, group in numbers.items()
                if number in group or _lasting(space, trial.theta, role)
            ),
        )
        for number, trial in chosen.items()
    ]


def of_curves(
    space: CurveSpace,
    trials: Sequence[Trial],
    starters: int,
    *,
    found: SamplerResult,
    start: Theta,
) -> list[Entrant]:
    """Those of a search of curves: what its sampler publishes, the best trials, the start, cross entropy."""
    trained = [trial for trial in trials if trial.ending == "trained"]
    published = [trial for trial in trials if trial.number == found.trial]
    best = {t.number: t for t in (*_ranked(space.target, trained)[:starters], *published)}
    entrants = [_of_trial(space, trial, ("candidate",)) for trial in best.values()]
    known = {tuple(trial.theta) for trial in best.values()}
    # A mean's number tells its generation: a search that is extended races another one.
    mean = _UNTRIED + found.generation
    extra: list[tuple[int, Role, Theta]] = [
        (mean, "candidate", found.theta),
        (_START, "start", start),
    ]
    for number, role, theta in extra:
        if theta not in known:
            entrants.append(_untried(space, number, theta, (role,)))
    loss = in_mode(LOSSES[CROSS_ENTROPY].document(), space.mode)
    facts = {"number": None, "loss": CROSS_ENTROPY}
    roles: tuple[Role, ...] = ("handmade", "cross-entropy")
    return [*entrants, Entrant(_ENTROPY, roles, Draft(loss), facts, None)]


def of_margins(
    space: MarginSpace,
    trials: Sequence[Trial],
    starters: int,
    metric: str,
    *,
    found: SamplerResult,
) -> list[Entrant]:
    """Those of a search of margins for one metric: what its sampler found, the best trials, the paper's.

    What has to be beaten, the handmade loss, is the paper's setting: the best trials with its margins
    run, whatever their widths and rates; it is where the search started, too. The best that has others
    is a candidate in any case. Cross entropy alone finds no objects, and does not run.
    """
    target = Target(metric)
    ranked = _ranked(target, [trial for trial in trials if trial.ending == "trained"])
    searched = [trial for trial in ranked if not space.plain(trial.theta)]
    every = _ranked(target, trials)  # a rival may have been stopped early
    plain = [trial for trial in every if space.plain(trial.theta)][:HANDMADE_STARTERS]
    published = [trial for trial in every if trial.number == found.trial]
    best = {trial.number: trial for trial in (*published, *ranked[:starters], *searched[:1])}
    entrants = [_of_trial(space, trial, ("candidate",)) for trial in best.values()]
    entrants += [_of_trial(space, trial, ()) for trial in plain if trial.number not in best]
    if found.trial is None:
        mean = _UNTRIED + found.generation
        entrants.append(_untried(space, mean, found.theta, ("candidate",)))
    if not plain:
        entrants.append(_untried(space, _START, tuple(space.start.tolist()), ()))
    return [_with_margins(space, entrant) for entrant in entrants]


def shared(entrants: Mapping[str, Sequence[Entrant]]) -> dict[str, list[Entrant]]:
    """Let whoever runs for one metric run for all: a training scores every metric.

    So the loss that was searched for one metric wins another's race where it is the best for that. What
    is handmade stays so.

    Args:
        entrants: Metric -> those of its own; a number stands for the same loss everywhere.

    Returns:
        Metric -> its own first, then the others'.
    """
    every = {entrant.number: entrant for group in entrants.values() for entrant in group}
    own = {metric: {entrant.number for entrant in group} for metric, group in entrants.items()}
    return {
        metric: [
            *group,
            *(_guest(entrant) for number, entrant in every.items() if number not in own[metric]),
        ]
        for metric, group in entrants.items()
    }


def _guest(entrant: Entrant) -> Entrant:
    """An entrant in the race for another metric than its own."""
    lasting = (role for role in entrant.roles if role in _LASTING)
    return replace(entrant, roles=("candidate", *lasting))


def _lasting(space: ZooSpace, theta: Sequence[float], role: Role) -> bool:
    """Whether a point of the zoo has a role by what it is, why ever it was chosen."""
    if role not in _LASTING or not space.plain(theta):
        return False
    return role == "handmade" or _is_entropy(space, theta)


def _ranked(target: Target, trials: Sequence[Trial]) -> list[Trial]:
    """Trials that have a score, the best first; of equals the earlier one."""
    pairs = [
        (merit, trial)
        for trial in trials
        if trial.score is not None and (merit := target.merit(trial.metrics)) is not None
    ]
    return [trial for _, trial in sorted(pairs, key=lambda pair: (-pair[0], pair[1].number))]


def _best_of_each(space: ZooSpace, ranked: Sequence[Trial]) -> list[Trial]:
    """The best of every kind."""
    best: dict[str, Trial] = {}
    for trial in ranked:
        best.setdefault(space.kind(trial.theta).name, trial)
    return list(best.values())


def _is_entropy(space: ZooSpace, theta: Sequence[float]) -> bool:
    return space.kind(theta).name == CROSS_ENTROPY


def _is_surrogate(space: ZooSpace, target: Target, theta: Sequence[float]) -> bool:
    """Whether it is a surrogate of the metric itself, with whichever curves."""
    return space.kind(theta).name in [f"surrogate-{metric}" for metric in target.metrics]


def _is_start(space: ZooSpace, target: Target, theta: Sequence[float]) -> bool:
    kind = space.kind(theta)
    return _is_surrogate(space, target, theta) and tuple(theta[2:]) == kind.starts[0]


def _with_margins(space: MarginSpace, entrant: Entrant) -> Entrant:
    """An entrant that is told as one of a search of margins."""
    theta = entrant.theta or ()
    held: dict[Role, bool] = {
        "handmade": space.plain(theta),
        "start": theta == tuple(space.start.tolist()),
    }
    roles = tuple(role for role, held_by in held.items() if held_by)
    facts = {"loss": PAPERS if held["handmade"] else SEARCHED} | dict(entrant.facts)
    return replace(entrant, roles=(*entrant.roles, *roles), facts=facts)


def _untried(space: Space, number: int, theta: Theta, roles: tuple[Role, ...]) -> Entrant:
    """An entrant that is no trial."""
    facts = {"number": None} | space.named(theta)
    return Entrant(number, roles, space.candidate(theta), facts, theta)


def _of_trial(space: Space, trial: Trial, roles: tuple[Role, ...]) -> Entrant:
    draft = space.candidate(trial.theta)
    if trial.scales:
        draft = replace(draft, loss=filled(draft.loss, trial.scales))
    facts = {"number": trial.number} | space.named(trial.theta)
    return Entrant(trial.number, roles, draft, facts, tuple(trial.theta))
