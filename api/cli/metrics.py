"""``lossfit metrics``: what a search can aim at."""

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
def metrics(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All metrics: those of lossfit, and those of packages installed beside the service."""
    with connect(url) as client:
        entries = client.metrics.list()
    if as_json:
        print_json(entries)
        return
    rows = [
        (metric.name, metric.summary, str(metric.parameters), metric.package or "")
        for metric in entries
    ]
    columns = ("Name", "Measures", "Parameters", "Package")
    print_table(columns, rows, prose=("Measures",), empty="There are no metrics.")
