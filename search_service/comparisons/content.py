"""A comparison's results as JSON, and back: what ``comparison.json`` holds."""

from collections.abc import Mapping
from typing import Any

from search_service.comparisons.columns import Column
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.results import Results, Table
from search_service.comparisons.row import Row


def content_of(results: Results) -> dict[str, Any]:
    """All there is to know, as JSON. Learning rates keep every digit."""
    return {
        "metric": results.metric,
        "hold_out": results.hold_out,
        "networks": [
            {
                "network": dict(table.network),
                "columns": {column.name: column.title for column in table.columns},
                "lower_is_better": [c.name for c in table.scores if not c.higher_is_better],
                "losses": [_loss(table, row) for row in table.rows],
                "oracles": [_loss(table, row) for row in table.oracles],
                "standings": {column.name: _standings(table, column) for column in table.scores},
            }
            for table in results.tables
        ],
    }


def results_from(content: Mapping[str, Any]) -> Results:
    """The results that :func:`content_of` wrote; other entries beside them are left out."""
    metric = content["metric"]
    tables = [
        Table.of(
            metric,
            network["network"],
            [_row(loss) for loss in network["losses"]],
            [_row(oracle) for oracle in network.get("oracles", ())],
        )
        for network in content["networks"]
    ]
    return Results(metric, tables, content.get("hold_out", ""))


def _loss(table: Table, row: Row) -> dict[str, Any]:
    return {
        "loss": row.loss,
        "clustering": row.clustering,
        "learning_rate": row.learning_rate,
        "tuning": {repr(rate): score for rate, score in row.tuning.items()},
        "edge": table.edge(row),
        "rank": table.ranks.get(row.name),
        "seeds": {str(seed): outcome.to_json() for seed, outcome in row.outcomes.items()},
    }


def _row(body: Mapping[str, Any]) -> Row:
    return Row(
        body["loss"],
        body["learning_rate"],
        {int(seed): CellOutcome.from_json(outcome) for seed, outcome in body["seeds"].items()},
        {float(rate): score for rate, score in body["tuning"].items()},
        body.get("clustering"),
    )


def _standings(table: Table, column: Column) -> dict[str, dict[str, Any]]:
    return {
        loss: {
            "mean": standing.estimate.mean,
            "half_interval": standing.estimate.half,
            "to_best": None if standing.to_best is None else vars(standing.to_best),
            "p_holm": standing.p,
            "among_best": standing.among_best,
        }
        for loss, standing in table.standings(column).items()
    }
