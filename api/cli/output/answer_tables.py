"""The answer of a finished search in the terminal: a sentence, the race as a table, where the loss is."""

from collections.abc import Mapping
from typing import Any

from api.cli.output.console import out, print_table, say
from search_service.searches.racing.answers import HEADING, Answer, answer


def print_answers(job_id: str, result: Mapping[str, Any]) -> None:
    """Print the answer for each metric of a search that has succeeded.

    Args:
        job_id: The search.
        result: What it ended with.
    """
    for winner in result["winners"]:
        print_answer(answer(winner, winner["loss"], winner["version"]))
        _print(f"Train with it:    lossfit retrain {winner['loss']} DATASET")
        _print(f"Download it:      lossfit losses download {winner['loss']}")
        _print("")
    _print(f"Figures, report:  lossfit jobs fetch {job_id}")
    ended = ", ".join(f"{result[how]} {how}" for how in ("failed", "rejected", "stopped"))
    _print(f"Trials:           {result['trials']} ({ended})")


def print_answer(told: Answer) -> None:
    """Print the answer for one metric."""
    version = "" if told.version is None else f" v{told.version}"
    _print(f"The loss for {told.metric}: {told.loss}{version}")
    _print(told.sentence)
    if told.rows:
        print_table(HEADING, told.rows, prose=("Loss",), empty="")
    for name, value in told.facts.items():
        _print(f"{name.capitalize() + ':':<17} {value}")


def tell_race(provenance: Mapping[str, Any], loss: str) -> None:
    """Say beside a loss's JSON what a race said of it, where its search ended with one."""
    chosen = provenance.get("chosen") or {}
    if "race" not in chosen:
        return
    told = answer(chosen, loss)
    say(told.sentence)
    for name, value in told.facts.items():
        say(f"{name}: {value}")


def _print(line: str) -> None:
    out.print(line, highlight=False, markup=False, soft_wrap=not out.is_terminal)
