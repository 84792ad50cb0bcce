"""``lossfit samplers``: what may propose the candidates of a search."""

import json

from rich.table import Table

from api.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors


@plain_errors
def samplers(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All samplers, for --set sampler.name=NAME, with their options and defaults."""
    with connect(url) as client:
        found = client.get("/v1/samplers")["items"]
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("Name", "Proposes", "Options")
    for sampler in found:
        options = {
            name: schema["default"]
            for name, schema in sampler["options"]["properties"].items()
            if name != "name"
        }
        told = ", ".join(f"{name}={value}" for name, value in options.items())
        table.add_row(sampler["name"], sampler["summary"], told)
    out.print(table)
