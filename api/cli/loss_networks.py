"""``lossfit loss-networks``: train the networks that some losses carry inside, list, download."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli import completion
from api.cli.assignments import Assignments, assigned
from api.cli.output.console import (
    DEFAULT_URL,
    AsJson,
    Url,
    connect,
    moment,
    out,
    plain_errors,
    print_json,
    print_table,
)
from api.cli.submit import Detach, Key, Seed, run
from surrogate_zoo.errors import InputError

if TYPE_CHECKING:
    from api.catalogue_schemas import LossNetworkView
    from api.client.client import Client

app = typer.Typer(
    help="Networks that some losses carry inside, trained on a dataset's masks.",
    no_args_is_help=True,
)

Kind = Annotated[
    Literal["edge", "inverse"],
    typer.Argument(help="edge (SEMEDA) or inverse (InverseForm)."),
]
DatasetName = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help="A registered dataset.", autocompletion=completion.datasets
    ),
]


@app.command()
@plain_errors
def train(
    kind: Kind,
    dataset: DatasetName = "shapes",
    *,
    seed: Seed = 0,
    assignments: Assignments = None,
    key: Key = None,
    detach: Detach = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Train a loss network on DATASET; retrainings on it take the newest from then on.

    Example: lossfit loss-networks train edge shapes --set network.iterations=1000
    """
    body = {"dataset": dataset, "network": {"kind": f"{kind}_network"}, "seed": seed}
    with connect(url) as client:
        title = f"{kind} network on {dataset}"
        body = assigned(body, assignments)
        run(
            client, client.loss_networks, body, key=key, detach=detach, title=title, as_json=as_json
        )


@app.command(name="list")
@plain_errors
def list_networks(
    dataset: DatasetName = "shapes", as_json: AsJson = False, url: Url = DEFAULT_URL
) -> None:
    """The loss networks of DATASET, the newest first."""
    from api.cli.output.event_lines import measured, plain

    with connect(url) as client:
        networks = list(client.datasets.loss_networks(dataset))
    if as_json:
        print_json(networks)
        return
    rows = [
        (
            plain(network.kind),
            measured(network.measures),
            str(network.seed),
            moment(network.created_at),
            network.sha256,
        )
        for network in networks
    ]
    columns = ("Kind", "Measured", "Seed", "Created", "SHA-256")
    print_table(
        columns,
        rows,
        prose=("Measured", "Created", "SHA-256"),
        empty=f"Dataset {dataset!r} has no loss networks yet.",
    )


@app.command()
@plain_errors
def download(
    kind: Kind,
    dataset: DatasetName = "shapes",
    *,
    output: Annotated[
        Path | None, typer.Option(help="The file; KIND_network.safetensors here if not given.")
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(help="Which one, by its SHA-256 or how that begins; the newest by default."),
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Download the weights of a loss network, for one's own training with ``load_loss``."""
    with connect(url) as client:
        network = _choose(client, f"{kind}_network", dataset, sha256)
        target = output or Path(f"{network.kind}.safetensors")
        path = client.datasets.download_loss_network(dataset, network.sha256, target)
    out.print(str(path), highlight=False, soft_wrap=True)


def _choose(client: "Client", kind: str, dataset: str, sha256: str | None) -> "LossNetworkView":
    begins = (sha256 or "").lower()
    networks = client.datasets.loss_networks(dataset)
    found = [each for each in networks if each.kind == kind and each.sha256.startswith(begins)]
    if begins and len({each.sha256 for each in found}) > 1:
        raise InputError(f"{len(found)} networks begin with {sha256!r}: write more of it.")
    if found:
        return found[0]
    such = "" if sha256 is None else f" with SHA-256 {sha256}"
    raise InputError(
        f"Dataset {dataset!r} has no {kind.replace('_', ' ')}{such}; "
        f"'lossfit loss-networks train {kind.removesuffix('_network')} {dataset}' trains one."
    )
