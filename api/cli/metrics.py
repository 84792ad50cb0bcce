"""``lossfit metrics``: what a search can aim at."""

import json

from rich.table import Table

from api.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors


@plain_errors
def metrics(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All metrics: those of lossfit, and those of packages installed beside the service."""
    with connect(url) as client:
        found = client.get("/v1/metrics")["items"]
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("Name", "Measures", "Parameters", "Package")
    for metric in found:
        table.add_row(
            metric["name"], metric["summary"], str(metric["parameters"]), metric["package"] or ""
        )
    out.print(table)
