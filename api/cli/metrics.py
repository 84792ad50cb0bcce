"""``lossfit metrics``: what a search can aim at."""

from rich.table import Table

from api.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors, print_json


@plain_errors
def metrics(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All metrics: those of lossfit, and those of packages installed beside the service."""
    with connect(url) as client:
        entries = client.metrics.list()
    if as_json:
        print_json(entries)
        return
    table = Table("Name", "Measures", "Parameters", "Package")
    for metric in entries:
        table.add_row(metric.name, metric.summary, str(metric.parameters), metric.package or "")
    out.print(table)
