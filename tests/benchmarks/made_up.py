"""Results of a comparison with scores that tests choose."""

from collections.abc import Mapping, Sequence

from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.results import Table
from search_service.comparisons.row import Row

NETWORK = {"architecture": "Unet", "encoder": "resnet18"}


def table(metric: str, scores: Mapping[str, Mapping[str, Sequence[float]]]) -> Table:
    """A table by ``metric``, of loss -> score -> values by seed; the rate of each loss is 0.3."""
    rows = []
    for loss, values in scores.items():
        by_seed = [
            dict(zip(values, of_seed, strict=True))
            for of_seed in zip(*values.values(), strict=True)
        ]
        cells = [CellOutcome(0.3, metrics[metric], metrics=metrics) for metrics in by_seed]
        rows.append(Row(loss, 0.3, dict(enumerate(cells)), {0.1: 0.2, 0.3: 0.4}))
    return Table.of(metric, NETWORK, rows)
