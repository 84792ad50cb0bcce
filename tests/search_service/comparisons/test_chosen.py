"""A comparison's table as a reader chooses it: rank, tests and exports follow the choice."""

import csv
import io

import pytest

from search_service.comparisons.chosen import Choice, default_score
from search_service.comparisons.exports import FORMS
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.results import Table
from search_service.comparisons.row import Row
from search_service.significance import difference, holm
from surrogate_zoo.errors import InputError, UnknownNameError

NETWORK = {"architecture": "Tiny", "encoder": "none"}
MIOU = {"dice": [0.50, 0.52, 0.54], "lovasz": [0.51, 0.52, 0.53], "focal": [0.40, 0.41, 0.43]}


def table() -> Table:
    rows = [
        Row(
            loss,
            0.1,
            {
                seed: CellOutcome(0.1, score, metrics={"miou": score, "kappa": 1 - score})
                for seed, score in enumerate(scores)
            },
        )
        for loss, scores in MIOU.items()
    ]
    return Table.of("miou", NETWORK, rows)


def test_another_score_ranks_otherwise() -> None:
    assert Choice.of(table(), "miou", ()).table.rows[-1].loss == "focal"
    choice = Choice.of(table(), "kappa", ())
    assert choice.table.rows[0].loss == "focal"
    assert choice.table.short[0].name == "kappa"


def test_fewer_losses_are_tested_among_themselves() -> None:
    choice = Choice.of(table(), "miou", ("lovasz", "focal"))
    standings = choice.table.standings(choice.by)
    assert list(standings) == ["lovasz", "focal"]
    alone = difference(MIOU["focal"], MIOU["lovasz"])
    assert standings["focal"].p == pytest.approx(alone.p)  # nothing else to correct for


def test_pairs_are_all_differences_corrected_for_their_number() -> None:
    choice = Choice.of(table(), "miou", ())
    pairs = {frozenset((pair.first, pair.second)): pair for pair in choice.pairs}
    assert len(pairs) == 3
    worst = pairs[frozenset(("dice", "focal"))]
    assert (worst.first, worst.second) == ("dice", "focal")
    assert worst.gap == difference(MIOU["dice"], MIOU["focal"])
    plain = [pair.gap.p or 0.0 for pair in choice.pairs]
    assert [pair.p for pair in choice.pairs] == pytest.approx(holm(plain))


def test_what_there_is_not_is_told_with_what_there_is() -> None:
    with pytest.raises(
        UnknownNameError, match=r"no score of the comparison named 'f7'\. Known: kappa, miou"
    ):
        Choice.of(table(), "f7", ())
    with pytest.raises(UnknownNameError, match=r"Did you mean 'dice'\? Known: dice, focal, lovasz"):
        Choice.of(table(), "miou", ("dise",))
    assert default_score(table(), "bf1") == "miou"
    with pytest.raises(InputError, match="ask again later"):
        default_score(Table.of("miou", NETWORK, []), "miou")


def test_every_form_has_the_same_cells_and_marks() -> None:
    chosen = Choice.of(table(), "miou", ("dice", "focal")).table
    text = {form: write(chosen) for form, (write, _, _) in FORMS.items()}
    assert "| dice | 1.0 | **52.0 ± 5.0** |" in text["markdown"]
    assert r"dice & 1.0 & \textbf{52.0 $\pm$ 5.0}" in text["latex"]
    assert text["latex"].count(r" \\") == 3
    rows = list(csv.DictReader(io.StringIO(text["csv"])))
    assert [row["mIoU"] for row in rows] == ["52.0 ± 5.0", "41.3 ± 3.8"]
    assert next(csv.reader(io.StringIO(text["csv"])))[:3] == ["loss", "rank", "mark"]
