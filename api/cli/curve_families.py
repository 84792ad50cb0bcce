"""``lossfit curve-families``: what a search may shape its surrogate with."""

import json

from rich.table import Table

from api.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors


@plain_errors
def curve_families(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All curve families, for --set family=NAME, with the constraints that each keeps."""
    with connect(url) as client:
        found = client.get("/v1/curve-families")["items"]
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("Name", "Curves", "Segments", "Truth table", "Monotone", "Parameters")
    for family in found:
        box = f"{family['low']:g} to {family['high']:g}" if family["bounded"] else "any"
        table.add_row(
            family["name"],
            family["summary"],
            str(family["segments"] or "the metric's"),
            "yes" if family["truth_table"] else "no",
            "yes" if family["monotone"] else "no",
            box,
        )
    out.print(table)
