"""``lossfit tokens``: who may use the service of this machine."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from api.cli.output.console import moment, out, plain_errors, print_table, say
from search_service.access.callers import Scope

app = typer.Typer(
    help="Tokens of the service on this machine; it asks for them once LOSSFIT_TOKEN is set.",
    no_args_is_help=True,
)

TokenName = Annotated[str, typer.Argument(metavar="NAME", help="What the token is called.")]
Home = Annotated[
    Path | None,
    typer.Option(envvar="LOSSFIT_HOME", help="Folder of the service's database."),
]


@app.command(name="add")
@plain_errors
def add_token(
    name: TokenName,
    owner: Annotated[str, typer.Option(help="Whose jobs it makes and sees.")],
    scope: Annotated[
        Scope,
        typer.Option(
            help="`read` looks, `submit` makes and steers the owner's jobs, `admin` everybody's."
        ),
    ] = "submit",
    days: Annotated[
        int | None, typer.Option(help="Days until it expires; never by default.")
    ] = None,
    home: Home = None,
) -> None:
    """Make a token, and print it: it is kept nowhere and cannot be shown again."""
    from api.cli.serving import token_store

    out.print(token_store.add(home, name, owner, scope, days), highlight=False, soft_wrap=True)
    say(f"{owner} may now use the service with it, as LOSSFIT_TOKEN (scope {scope}).")


@app.command(name="list")
@plain_errors
def list_tokens(home: Home = None) -> None:
    """All tokens; what they say themselves is not kept."""
    from api.cli.serving import token_store

    rows = [
        (
            token.name,
            token.owner,
            token.scope,
            state,
            moment(token.created_at),
            _or_never(token.expires_at),
        )
        for token, state in token_store.listed(home)
    ]
    columns = ("name", "owner", "scope", "state", "made", "expires")
    print_table(columns, rows, empty="There are no tokens. 'lossfit tokens add' makes one.")


@app.command(name="revoke")
@plain_errors
def revoke_token(name: TokenName, home: Home = None) -> None:
    """End a token at once; the jobs of its owner stay."""
    from api.cli.serving import token_store

    token_store.revoke(home, name)
    say(f"{name} is revoked.")


def _or_never(time: datetime | None) -> str:
    return "never" if time is None else moment(time)
