"""``lossfit samplers``: what may propose the candidates of a search."""

from rich.table import Table

from api.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors, print_json


@plain_errors
def samplers(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All samplers, for --set sampler.name=NAME, with their options and defaults."""
    with connect(url) as client:
        entries = client.samplers.list()
    if as_json:
        print_json(entries)
        return
    table = Table("Name", "Proposes", "Options")
    for sampler in entries:
        defaults = [
            f"{option}={schema['default']}"
            for option, schema in sampler.options["properties"].items()
            if option != "name"
        ]
        table.add_row(sampler.name, sampler.summary, ", ".join(defaults))
    out.print(table)
