"""``lossfit samplers``: what may propose the candidates of a search."""

from typing import TYPE_CHECKING

from api.cli.output.console import (
    DEFAULT_URL,
    AsJson,
    Url,
    connect,
    plain_errors,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from api.catalogue_schemas import SamplerView


@plain_errors
def samplers(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All samplers, for --set sampler.name=NAME, with their options and defaults."""
    with connect(url) as client:
        entries = client.samplers.list()
    if as_json:
        print_json(entries)
        return
    rows = [(sampler.name, sampler.summary, _defaults(sampler)) for sampler in entries]
    columns = ("Name", "Proposes", "Options")
    print_table(columns, rows, prose=("Proposes", "Options"), empty="There are no samplers.")


def _defaults(sampler: "SamplerView") -> str:
    return ", ".join(
        f"{option}={schema['default']}"
        for option, schema in sampler.options["properties"].items()
        if option != "name"
    )
