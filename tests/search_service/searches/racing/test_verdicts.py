"""What is said of a race, and how its table is written."""

import pytest

from search_service.searches.racing.answers import answer, duration, table
from search_service.searches.racing.verdicts import label, sentence
from tests.search_service.searches.figures.finished import entrant, finished_zoo, race


def test_a_winner_that_is_better_says_over_whom_and_by_how_much() -> None:
    told = race("surrogate-miou", "lovasz", "miou", "better")
    assert told["sentence"] == (
        "surrogate-miou beats the best handmade loss in mIoU over 3 fresh seeds: "
        "+5.0 points (+3.0 to +7.0) over lovasz."
    )
    apart = sentence("miou", told | {"verdict": "not told apart"})
    assert "leads in mIoU over 3 fresh seeds, and is not told apart from lovasz: +5.0" in apart


def test_a_race_for_a_count_is_told_in_objects_and_the_lowest_mean_stands_first() -> None:
    told = race("surrogate-miou", "lovasz", "dic", "better")
    leads = {"mean": 0.4, "interval": [0.1, 0.7], "p": 0.01}
    told["entrants"][0] |= {"mean": 2.0}
    told["entrants"][1] |= {"mean": 2.4, "lead": leads}
    other, failed = (entrant(loss, 3, 2.2, winner=False) for loss in ("dice", "focal"))
    told["entrants"] += [failed | {"mean": None, "lead": None, "rival": False}]
    told["entrants"].append(other | {"rival": False})
    assert sentence("dic", told) == (
        "surrogate-miou beats the best handmade loss in |DiC| (lower is better) over 3 fresh seeds: "
        "+0.4 objects (+0.1 to +0.7) over lovasz."
    )
    rows = table("dic", told)
    assert [row[0].split()[0] for row in rows] == ["surrogate-miou", "dice", "lovasz", "focal"]
    assert rows[2][3:] == ("2.4", "+0.4 (+0.1 to +0.7)")
    winner = {"metric": "dic", "rate": 1.0, "race": told}
    assert answer(winner, "mine").points == "objects"


def test_losses_of_the_same_kind_are_told_apart_by_their_parameters() -> None:
    told = race("dice", "dice", "miou", "not told apart")
    told["entrants"][0] |= {"rate": 3.0, "power": 1.0}
    told["entrants"][1] |= {"rate": 1.0, "power": 1.0}
    said = sentence("miou", told)
    assert said.startswith("dice (rate 3) leads in mIoU")
    assert (
        "is not told apart from dice (rate 1): +5.0 points (+3.0 to +7.0) over dice (rate 1)."
        in said
    )


def test_a_table_tells_losses_of_a_kind_apart_beside_their_rates() -> None:
    told = race("focal", "focal", "miou", "not told apart")
    told["entrants"][0] |= {"rate": 3.0, "gamma": 3.0}
    told["entrants"][1] |= {"rate": 1.0, "gamma": 2.0}
    assert [row[0] for row in table("miou", told)] == [
        "focal (gamma 3) (handmade)",
        "focal (gamma 2) (handmade)",
    ]


def test_surrogates_are_told_apart_by_their_trials() -> None:
    points = [{f"p{n}": 0.1 * n + shift for n in range(5)} for shift in (0.0, 0.05)]
    one, other = (
        {"loss": "surrogate-bf1", "number": number, **own} for number, own in enumerate(points)
    )
    assert label(one, [one, other]) == "surrogate-bf1 (trial 0)"
    assert label(one, [one]) == "surrogate-bf1"


def test_a_handmade_winner_says_that_nothing_better_was_found() -> None:
    told = race("lovasz", "cross-entropy", "0.5*miou+0.5*bf1", "handmade")
    assert told["sentence"] == (
        "No loss was found that is better than lovasz in 0.5*miou+0.5*bf1 over 3 fresh seeds "
        "(its lead: +5.0 points (+3.0 to +7.0) over cross-entropy)."
    )


def test_a_lead_over_one_seed_has_no_interval() -> None:
    told = race("surrogate-miou", "lovasz", "miou", "better")
    told["entrants"][1]["lead"] = {"mean": 0.05, "interval": None, "p": None}
    assert sentence("miou", told).endswith(": +5.0 points over lovasz.")
    assert table("miou", told)[1][-1] == "+5.0"


def test_a_searched_loss_has_no_name_and_a_mixture_has_its_share() -> None:
    assert label({"loss": "dice", "cross-entropy": 0.25}) == "dice with 0.25 of cross entropy"
    assert label({"loss": "dice", "cross-entropy": 0.0}) == "dice"
    told = race("surrogate-macc", "lovasz", "macc", "better")
    del told["entrants"][0]["loss"]
    assert sentence("macc", told).startswith("The searched loss beats")
    assert table("miou", told)[0][0] == "the searched loss, trial 1"


def test_a_failed_entrant_is_told_as_such_and_stands_last() -> None:
    told = race("surrogate-miou", "lovasz", "miou", "better")
    failed = entrant("dice", 7, 0.5, winner=False) | {"mean": None, "lead": None}
    told["entrants"].insert(0, failed | {"scores": [0.5, None]})
    assert [row[0] for row in table("miou", told)][-1] == "dice (handmade)"
    assert table("miou", told)[-1][2:] == ("2", "failed", "")


def test_an_answer_tells_what_it_rests_on() -> None:
    told = answer(finished_zoo().winners[0], "mine", 3)
    assert (told.metric, told.loss, told.version) == ("mIoU", "mine", 3)
    assert told.facts == {
        "learning rate": "2 times that of the schedule",
        "fresh seeds": "3",
        "hold-out sets": "whole images",
        "heats": "6 trainings, 1.5 min",
        "rounds": "6 trainings, 2.0 h",
    }
    plain = answer({"metric": "miou", "rate": 1.0}, "mine")
    assert (plain.rows, "no race compared it" in plain.sentence) == ((), True)


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0 s"), (90, "1.5 min"), (5400, "1.5 h")])
def test_durations_are_short(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_margins_are_told_against_the_papers() -> None:
    told = race("searched margins", "paper's margins", "sbd", "better")
    assert told["sentence"] == (
        "The searched margins are better than the paper's margins in SBD over 3 fresh seeds, "
        "by +5.0 points (+3.0 to +7.0)."
    )
    assert sentence("sbd", told | {"verdict": "not told apart"}) == (
        "The searched margins lead in SBD over 3 fresh seeds, and are not told apart from the paper's "
        "margins: +5.0 points (+3.0 to +7.0)."
    )
    won = race("paper's margins", "searched margins", "sbd", "handmade")
    assert won["sentence"] == (
        "No margins were found that are better than the paper's margins in SBD over 3 fresh seeds."
    )
    assert [row[0] for row in table("sbd", won)] == [
        "paper's margins (handmade)",
        "searched margins",
    ]
