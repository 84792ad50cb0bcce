"""``lossfit networks``: what can be trained."""

from api.cli.output.console import (
    DEFAULT_URL,
    AsJson,
    Url,
    connect,
    plain_errors,
    print_json,
    print_table,
)


@plain_errors
def networks(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All networks: those of lossfit, and those of packages installed beside the service."""
    with connect(url) as client:
        entries = client.networks.list()
    if as_json:
        print_json(entries)
        return
    rows = [
        (network.name, network.summary, network.source, network.package or "")
        for network in entries
    ]
    columns = ("Name", "What it is", "Source", "Package")
    print_table(columns, rows, prose=("What it is", "Source"), empty="There are no networks.")
