"""What a race says of its winner, in a sentence. Needs no torch."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from surrogate_zoo.metrics.catalogue import METRICS

_NO_PARAMETERS: Final = ("number", "loss", "cross-entropy", "winner", "mean")
"""What an entrant tells beside its parameters: its label holds some of it, and the rest are results."""


def sentence(objective: str, race: Mapping[str, Any]) -> str:
    """The answer of a search: the winner, its lead and interval, or that no loss was found better.

    Args:
        objective: The metric, or the weighted sum of some.
        race: As ``race.RaceResult.told`` tells it.
    """
    winner = next(entrant for entrant in race["entrants"] if entrant["winner"])
    metric = METRICS[objective].title if objective in METRICS else objective
    rivals = _rivals([entrant for entrant in race["entrants"] if entrant["lead"]])
    names = {id(entrant): _told_apart(entrant, [winner, *rivals]) for entrant in (winner, *rivals)}
    leads = "; ".join(f"{_lead(rival)} over {names[id(rival)]}" for rival in rivals)
    seeds, first = f"{race['rounds']} fresh seeds", _first(winner, names[id(winner)])
    if race["verdict"] == "better":
        return f"{first} beats the best handmade loss in {metric} over {seeds}: {leads}."
    best = next((e for e in rivals if "handmade" in e["roles"]), None)
    if race["verdict"] == "handmade":
        told = f"No loss was found that is better than {names[id(winner)]} in {metric} over {seeds}"
        return told + (f" (its lead: {leads})." if leads else ".")
    other = "the handmade ones" if best is None else names[id(best)]
    return f"{first} leads in {metric} over {seeds}, and is not told apart from {other}: {leads}."


def _first(winner: Mapping[str, Any], name: str) -> str:
    """A loss at the beginning of a sentence: names stay as they are."""
    return name if "loss" in winner else name.capitalize()


def _told_apart(entrant: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """A loss's label, and what it has else than those of the same label: ``focal (rate 3, gamma 2)``."""
    name = label(entrant)
    alike = [other for other in others if label(other) == name]
    differing = [
        f"{key} {value:.3g}"
        for key, value in entrant.items()
        if key not in _NO_PARAMETERS
        and isinstance(value, int | float)
        and any(other.get(key) != value for other in alike)
    ]
    return f"{name} ({', '.join(differing)})" if differing else name


def label(entrant: Mapping[str, Any]) -> str:
    """A loss as a sentence calls it: ``lovasz`` or ``surrogate-miou with 0.2 of cross entropy``."""
    name = str(entrant.get("loss", "the searched loss"))
    share = entrant.get("cross-entropy", 0.0)
    return name if not share else f"{name} with {share:.2g} of cross entropy"


def _rivals(entrants: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The handmade loss and the cross entropy that are closest to the winner, each once."""
    found: list[Mapping[str, Any]] = []
    for role in ("handmade", "cross-entropy"):
        of_role = [entrant for entrant in entrants if role in entrant["roles"]]
        closest = min(of_role, key=lambda entrant: entrant["lead"]["mean"], default=None)
        if closest is not None and closest not in found:
            found.append(closest)
    return found


def _lead(rival: Mapping[str, Any]) -> str:
    lead = rival["lead"]
    interval = ""
    if lead["interval"] is not None:
        low, high = (100 * end for end in lead["interval"])
        interval = f" ({low:+.1f} to {high:+.1f})"
    return f"{100 * lead['mean']:+.1f} points{interval}"
