"""``lossfit workers``: who trains on the service, and what they do."""

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
def workers(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """The service's workers, and whether they train."""
    with connect(url) as client:
        seen = client.workers.list()
    if as_json:
        print_json(seen)
        return
    rows = [
        (
            worker.host or "",
            "" if worker.pid is None else str(worker.pid),
            worker.device or "",
            "" if worker.threads is None else str(worker.threads),
            worker.state,
        )
        for worker in seen
    ]
    columns = ("Host", "Process", "Device", "Threads", "State")
    print_table(
        columns, rows, empty="There are no workers: no controller runs, or it has just begun."
    )
