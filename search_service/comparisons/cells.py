"""The grid of a comparison: one cell is one retraining."""

from dataclasses import dataclass
from itertools import product

from search_service.comparisons.request import ComparisonRequest


@dataclass(frozen=True)
class Cell:
    """One retraining of a comparison.

    Attributes:
        number: Its position in the grid.
        network: Position of the network in the request.
        loss: Name of the loss.
        seed: Its seed.
    """

    number: int
    network: int
    loss: str
    seed: int


def cells_of(request: ComparisonRequest) -> list[Cell]:
    """The grid, seed by seed: a comparison that is cancelled has every loss before it has repeats."""
    seeds = range(request.seed, request.seed + request.seeds)
    grid = product(seeds, range(len(request.networks)), request.losses)
    return [Cell(number, network, loss, seed) for number, (seed, network, loss) in enumerate(grid)]
