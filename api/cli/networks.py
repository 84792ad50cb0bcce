"""``lossfit networks``: what can be trained."""

import json

from rich.table import Table

from api.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors


@plain_errors
def networks(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All networks: those of lossfit, and those of packages installed beside the service."""
    with connect(url) as client:
        found = client.get("/v1/networks")["items"]
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("Name", "What it is", "Source", "Package")
    for network in found:
        table.add_row(
            network["name"], network["summary"], network["source"], network["package"] or ""
        )
    out.print(table)
