"""What a finished search answers: for each of its metrics a loss, and how sure that is. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from search_service.searches.racing.verdicts import label
from surrogate_zoo.metrics.titles import ScoreUnit, merit_of, title_of, unit_of

HEADING: Final = ("Loss", "Rate", "Seeds", "Mean", "Winner's lead")
"""Columns of :func:`table`."""

_MARGINS: Final = ("delta_v", "delta_d", "beta", "gamma", "weight")

_ROLES: Final = {"handmade": "handmade", "cross-entropy": "handmade", "start": "start"}


@dataclass(frozen=True)
class Answer:
    """The answer for one metric.

    Attributes:
        metric: As papers write it.
        loss: Name of the loss in the zoo.
        version: Its version; None before it has one.
        sentence: What the race says; without one, that nothing was compared.
        rows: The race as a table under :data:`HEADING`, the best mean first; none without a race.
        points: What leads in it are counted in: points, objects.
        facts: What else is to be known, by name.
    """

    metric: str
    loss: str
    version: int | None
    sentence: str
    rows: Sequence[tuple[str, ...]]
    points: str
    facts: Mapping[str, str]


def answer(winner: Mapping[str, Any], loss: str, version: int | None = None) -> Answer:
    """The answer that a winner is.

    Args:
        winner: As ``winners.Winner.told`` tells it.
        loss: Name of its loss.
        version: Its version.
    """
    metric, race = winner["metric"], winner.get("race")
    title, points = title_of(metric), unit_of(metric).differences
    rate = {"learning rate": f"{winner['rate']:.3g} times that of the schedule"}
    rate |= _found_with(winner)
    if race is None:
        said = (
            f"{loss} is what the sampler found for {title}: no race compared it with other losses."
        )
        return Answer(title, loss, version, said, (), points, rate)
    facts, rows = rate | _of_race(race), table(metric, race)
    return Answer(title, loss, version, race["sentence"], rows, points, facts)


def _found_with(winner: Mapping[str, Any]) -> dict[str, str]:
    """What else a loss was found with: another scale, or margins, their width, and how objects are found."""
    if "scale" in winner:
        return {"scale in the search": f"{winner['scale']:.3g}, not the one in its file"}
    if "embedding" not in winner:
        return {}
    clustering = winner["clustering"]
    margins = [f"{name} {winner['parameters'][name]:.3g}" for name in _MARGINS]
    return {
        "margins and weights": ", ".join(margins),
        "width of the embeddings": str(winner["embedding"]),
        "objects are found by": f"{clustering['method']}, radius {clustering['radius']:.3g}",
    }


def table(metric: str, race: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A race as rows of text: loss, factor on the learning rate, seeds, mean, the winner's lead."""
    unit = unit_of(metric)
    ranked = by_mean(metric, race["entrants"])
    ranked.sort(key=lambda entrant: not entrant["winner"])
    return [
        (
            named(entrant, ranked, shown=("rate",)),
            f"{entrant.get('rate', 1.0):.3g}",
            str(len(entrant["scores"])),
            "failed" if entrant["mean"] is None else unit.text(entrant["mean"]),
            "winner" if entrant["winner"] else _lead(unit, entrant["lead"]),
        )
        for entrant in ranked
    ]


def by_mean(metric: str, entrants: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Entrants of a race for ``metric``, the best mean first; those that failed last."""

    def place(entrant: Mapping[str, Any]) -> tuple[bool, float]:
        mean = entrant["mean"]
        return (True, 0.0) if mean is None else (False, -merit_of(metric, mean))

    return sorted(entrants, key=place)


def named(
    entrant: Mapping[str, Any], others: Sequence[Mapping[str, Any]], shown: Sequence[str] = ()
) -> str:
    """An entrant as a table calls it: its loss, and its trial or that it is handmade.

    The other arguments are those of ``verdicts.label``.
    """
    name, roles = label(entrant), [_ROLES[role] for role in entrant["roles"] if role in _ROLES]
    if "loss" not in entrant:
        name = "start" if "start" in roles else name
        return name if entrant["number"] is None else f"{name}, trial {entrant['number']}"
    name = label(entrant, others, shown)
    if "handmade" in roles:
        return f"{name} (handmade)"
    return f"{name} (start)" if "start" in roles else name


def duration(seconds: float) -> str:
    """``40 s``, ``12.0 min`` or ``3.5 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _of_race(race: Mapping[str, Any]) -> dict[str, str]:
    facts = {"fresh seeds": str(race["rounds"])}
    facts |= {"hold-out sets": race["hold_out"]} if race["hold_out"] else {}
    return facts | {
        stage: f"{cost['trainings']} trainings, {duration(cost['seconds'])}"
        for stage, cost in race["cost"].items()
        if cost["trainings"]
    }


def _lead(unit: ScoreUnit, lead: Mapping[str, Any] | None) -> str:
    if lead is None:
        return ""
    mean = unit.difference(lead["mean"])
    if lead["interval"] is None:
        return mean
    low, high = map(unit.difference, lead["interval"])
    return f"{mean} ({low} to {high})"
