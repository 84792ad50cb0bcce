"""What a race says of its winner, in a sentence. Needs no torch."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from search_service.spaces.margins import PAPERS, SEARCHED
from search_service.spaces.zoo import called
from surrogate_zoo.metrics.titles import directed, title_of, unit_of

_NO_PARAMETERS: Final = ("number", "loss", "cross-entropy", "second", "winner", "rival", "mean")
"""What an entrant tells beside its parameters: its label holds some of it, and the rest are results."""

_MOST_TOLD: Final = 3
"""So many parameters tell losses of one label apart."""


def sentence(objective: str, race: Mapping[str, Any]) -> str:
    """The answer of a search: the winner, its lead and interval, or that no loss was found better.

    Args:
        objective: The metric, or the weighted sum of some.
        race: As ``race.RaceResult.told`` tells it.
    """
    winner = next(entrant for entrant in race["entrants"] if entrant["winner"])
    metric = directed(title_of(objective), objective)
    rivals = [entrant for entrant in race["entrants"] if entrant["rival"]]
    rivals.sort(key=lambda entrant: "handmade" not in entrant["roles"])
    names = [label(entrant, [winner, *rivals]) for entrant in (winner, *rivals)]
    leads = "; ".join(
        f"{_lead(objective, rival)} over {name}"
        for rival, name in zip(rivals, names[1:], strict=True)
    )
    seeds, first = f"{race['rounds']} fresh seeds", _first(winner, names[0])
    if winner.get("loss") in (PAPERS, SEARCHED):
        lead = next((_lead(objective, rival) for rival in rivals), "")
        return _of_margins(race["verdict"], f"in {metric} over {seeds}", lead)
    if race["verdict"] == "better":
        return f"{first} beats the best handmade loss in {metric} over {seeds}: {leads}."
    if race["verdict"] == "handmade":
        told = f"No loss was found that is better than {names[0]} in {metric} over {seeds}"
        return told + (f" (its lead: {leads})." if leads else ".")
    other = next(iter(names[1:]), "the handmade ones")
    return f"{first} leads in {metric} over {seeds}, and is not told apart from {other}: {leads}."


def _of_margins(verdict: str, where: str, lead: str) -> str:
    """The answer of a search of margins, whose rival is the paper's setting."""
    if verdict == "handmade":
        return f"No margins were found that are better than the {PAPERS} {where}."
    if verdict == "better":
        return f"The {SEARCHED} are better than the {PAPERS} {where}, by {lead}."
    told = f": {lead}" if lead else ""
    return f"The {SEARCHED} lead {where}, and are not told apart from the {PAPERS}{told}."


def _first(winner: Mapping[str, Any], name: str) -> str:
    """A loss at the beginning of a sentence: names stay as they are."""
    return name if "loss" in winner else name.capitalize()


def label(
    entrant: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]] = (),
    shown: Sequence[str] = (),
) -> str:
    """A loss as a sentence calls it: ``lovasz`` or ``surrogate-miou with 0.2 of cross entropy``.

    Args:
        entrant: The loss.
        others: Losses that are told beside it: where one has the same label, what differs is added,
            ``focal (gamma 3)``, or the trial's number where that is much.
        shown: Parameters that are told elsewhere.
    """
    name = called(entrant)
    alike = [other for other in others if called(other) == name]
    differing = [
        f"{key} {value:.3g}"
        for key, value in entrant.items()
        if key not in {*_NO_PARAMETERS, *shown}
        and isinstance(value, int | float)
        and any(other.get(key) != value for other in alike)
    ]
    if len(differing) > _MOST_TOLD:
        differing = [f"trial {entrant['number']}"]
    return f"{name} ({', '.join(differing)})" if differing else name


def _lead(objective: str, rival: Mapping[str, Any]) -> str:
    lead, unit, interval = rival["lead"], unit_of(objective), ""
    if lead["interval"] is not None:
        low, high = map(unit.difference, lead["interval"])
        interval = f" ({low} to {high})"
    return f"{unit.difference(lead['mean'])} {unit.differences}{interval}"
