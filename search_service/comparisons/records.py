"""What a comparison's records say: the results so far, and what is to be trained next."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from search_service.comparisons.cells import cells_of
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import Results, Table
from search_service.comparisons.row import Row
from search_service.comparisons.tuning import Tried, best_of, grid
from search_service.store.states import CELL
from search_service.store.tables import Evaluation

TUNING = "tune "
"""Begin of the stages of tuning."""

Score = tuple[str, int, float | None]
"""A recorded score: its stage, its number in it, and the score."""

Tunings = Mapping[tuple[int, int], Tried]
"""(position of the network, of the loss) in the request -> what was tried."""


def tuning_stage(network: int, rate: float) -> str:
    """Stage of the evaluations that try a learning rate with a network.

    The shortest text that reads as the same number names the rate, so that no two share a stage; it
    has 31 characters at most (a stage may have 40).
    """
    return f"{TUNING}{network} {rate!r}"


def tunings_of(request: ComparisonRequest, scores: Sequence[Score]) -> Tunings:
    """What was tried for every network and loss, the rates in the order of their grid."""
    recorded: dict[tuple[int, int], dict[float, float | None]] = defaultdict(dict)
    for stage, number, score in scores:
        if stage.startswith(TUNING):
            network, rate = stage.removeprefix(TUNING).split()
            recorded[int(network), number][float(rate)] = score
    pairs = [
        (network, loss)
        for network in range(len(request.networks))
        for loss in range(len(request.losses))
    ]
    return {
        pair: {
            rate: recorded[pair][rate]
            for rate in grid(request, recorded[pair])
            if rate in recorded[pair]
        }
        for pair in pairs
    }


def pending_of(
    request: ComparisonRequest, tunings: Tunings, network: int
) -> dict[float, list[int]]:
    """The trainings of tuning that come next with a network: rate -> positions of losses."""
    pending: dict[float, list[int]] = defaultdict(list)
    for loss in range(len(request.losses)):
        tried = tunings[network, loss]
        for rate in grid(request, tried):
            if rate not in tried:
                pending[rate].append(loss)
    return dict(pending)


def results_of(request: ComparisonRequest, rows: Sequence[Evaluation]) -> Results:
    """Derive the results from a comparison's evaluations."""
    tunings = tunings_of(request, [(row.stage, row.number, row.outcome["score"]) for row in rows])
    bodies = {row.number: row.outcome for row in rows if row.stage == CELL}
    outcomes: dict[tuple[int, str], dict[int, CellOutcome]] = defaultdict(dict)
    for cell in cells_of(request):
        if cell.number in bodies:
            outcome = CellOutcome.from_json(bodies[cell.number])
            outcomes[cell.network, cell.loss][cell.seed] = outcome
    tables = []
    for network, spec in enumerate(request.networks):
        losses = [
            _row(request, loss, outcomes[network, loss], tunings[network, number])
            for number, loss in enumerate(request.losses)
        ]
        tables.append(Table.of(request.metric, spec.model_dump(mode="json"), losses))
    told = (row.outcome.get("hold_out", "") for row in rows if row.stage.startswith(TUNING))
    return Results(request.metric, tables, next(told, ""))


def _row(
    request: ComparisonRequest, loss: str, outcomes: Mapping[int, CellOutcome], tried: Tried
) -> Row:
    best = best_of(tried, request.metric)
    rate = request.training.learning_rate if best is None else best
    return Row(loss, rate, outcomes, tried)
