"""``lossfit curve-families``: what a search may shape its surrogate with."""

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
def curve_families(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All curve families, for --set family=NAME, with the constraints that each keeps."""
    with connect(url) as client:
        families = client.curve_families.list()
    if as_json:
        print_json(families)
        return
    rows = [
        (
            family.name,
            family.summary,
            str(family.segments or "the metric's"),
            "yes" if family.truth_table else "no",
            "yes" if family.monotone else "no",
            f"{family.low:g} to {family.high:g}" if family.bounded else "any",
        )
        for family in families
    ]
    columns = ("Name", "Curves", "Segments", "Truth table", "Monotone", "Range")
    prose = ("Curves", "Segments", "Truth table")
    print_table(columns, rows, prose=prose, empty="There are no curve families.")
