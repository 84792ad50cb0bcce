"""``lossfit networks``: what can be trained."""

from rich.table import Table

from api.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors, print_json


@plain_errors
def networks(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All networks: those of lossfit, and those of packages installed beside the service."""
    with connect(url) as client:
        entries = client.networks.list()
    if as_json:
        print_json(entries)
        return
    table = Table("Name", "What it is", "Source", "Package")
    for network in entries:
        table.add_row(network.name, network.summary, network.source, network.package or "")
    out.print(table)
