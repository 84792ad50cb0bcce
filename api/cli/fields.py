"""``lossfit fields``: what ``--set`` takes."""

from typing import Annotated

import typer

from api.cli.output.console import AsJson, out, plain_errors, print_table
from surrogate_zoo.errors import InputError, meant

Request = Annotated[
    str,
    typer.Argument(
        metavar="REQUEST", help="search, retraining, comparison, loss-network or dataset."
    ),
]
Beginning = Annotated[
    str, typer.Argument(metavar="[FIELD]", help="Only this field and those below it.")
]


@plain_errors
def fields(request: Request = "search", field: Beginning = "", as_json: AsJson = False) -> None:
    """The fields of a request, for --set FIELD=VALUE: what they take, and what they are if left out.

    Example: lossfit fields retraining training
    """
    from api.cli.field_tree import fields_of, requests, schema_of
    from surrogate_zoo.errors import UnknownNameError

    if request not in requests():
        raise UnknownNameError("request", request, requests())
    if as_json:
        out.print_json(data=dict(schema_of(request)))
        return
    every = fields_of(request)
    rows = [row for row in every if not field or f"{row.path}.".startswith(f"{field}.")]
    if not rows:
        close = meant(field, [row.path for row in every])
        raise InputError(
            f"A {request} has no field {field!r}. {close or f'lossfit fields {request} lists them.'}"
        )
    columns = ("Field", "Takes", "Default", "What it is")
    told = [(row.path, row.takes, row.default, row.meaning) for row in rows]
    print_table(columns, told, prose=columns[1:], empty="")
