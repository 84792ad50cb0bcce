r"""What each part of the standard search brings: searches that lack one, on images unseen.

    LOSSFIT_DATASET_ROOTS='["/data"]' lossfit serve --home service &
    python -m benchmarks.ablation --root /data/camvid --out ablation --metrics miou bf1 --processes 2

These searches, by the service, each with as many candidates on the same proxy task:

- ``all``: the standard search, for all of ``--metrics`` at once;
- ``images``: the same with a hold-out set that is cut image by image; ``whole``: with whole networks as
  proxies; ``single``: without sums of losses; ``raceless``: the best trials of ``all`` by their scores, as a
  search without a race publishes;
- for each metric ``paper``: PPO2 over curves, as the paper has it; ``scaled``: the same with every candidate
  brought to the norm of cross entropy's gradient; ``rated``: the same with the learning rate searched too.

What they found, the surrogate with straight curves (whose tuned learning rate makes it the control "start
times a factor") and cross entropy are then compared as ``benchmarks.transfer`` does it: rates tuned on a
hold-out set of the training split, whole networks, the validation split. Prints and writes
``ablation.md``. A second run with the same ``--out`` goes on where the first ended.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from api.client.client import Client
from benchmarks import searches, service, transfer
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.metrics.targets import Target

ALL = "all"
RACELESS = "raceless"
RATES = (0.1, 10.0)


def main() -> None:
    """Run what is missing and write the tables."""
    arguments = parse()
    with service.connect(arguments.url) as client:
        dataset = service.register(client, arguments.dataset, arguments.root, arguments.size)
        asked = requests(arguments, dataset)
        for name in service.finish(client.searches, asked, arguments.out):
            print(f"{name} is over", flush=True)
        losses = {metric: compared(asked, metric) for metric in arguments.metrics}
        publish_best(client, arguments, asked[ALL])
        documents = {name: document_of(client, name) for names in losses.values() for name in names}
    costs = [searches.cost(name, arguments.out / name / "trials.csv") for name in asked]
    text = transfer.compare(arguments, losses, documents) + "\n".join(["", *costs, ""])
    (arguments.out / "ablation.md").write_text(text, encoding="utf-8")
    print(text)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = searches.options("Compare searches that lack one part of the standard one.")
    transfer.add_options(parser)
    arguments = parser.parse_args(words)
    arguments.networks = [arguments.network]
    return arguments


def requests(arguments: argparse.Namespace, dataset: str) -> dict[str, dict[str, Any]]:
    """The searches, by their names."""
    [standard, *curves] = searches.searches(arguments, dataset).values()
    ways = {
        ALL: standard,
        "images": standard | {"hold_out": {"groups": None}},
        "whole": standard | {"frozen_encoder": False},
        "single": standard | {"space": {"name": "zoo", "mixtures": False}},
    }
    for metric, paper in zip(arguments.metrics, curves, strict=True):
        ways |= {
            f"paper-{metric}": paper,
            f"scaled-{metric}": paper | {"space": {"name": "curves", "scaled": True}},
            f"rated-{metric}": paper
            | {"space": {"name": "curves", "scaled": True, "rates": RATES}},
        }
    alone = f"-{arguments.metrics[0]}" if len(arguments.metrics) == 1 else ""
    return {
        name: body | {"name": name if "metric" in body else f"{name}{alone}"}
        for name, body in ways.items()
    }


def compared(asked: Mapping[str, Mapping[str, Any]], metric: str) -> list[str]:
    """Names of the losses that are compared for a metric."""
    found = [
        name if "metric" in body else f"{name}-{metric}"
        for name, body in asked.items()
        if body.get("metric", metric) == metric
    ]
    return [*found, f"{RACELESS}-{metric}", f"naive-{metric}", searches.BASE]


def publish_best(client: Client, arguments: argparse.Namespace, body: Mapping[str, Any]) -> None:
    """Publish the trials of the standard search that scored highest, one for each metric."""
    key = f"{arguments.out.resolve()}-{client.searches.path}-{ALL}"
    job = client.searches.submit(body, key=key)
    scored = [trial for trial in client.searches.trials(job.id) if trial.ending == "trained"]
    for metric in arguments.metrics:
        target = Target(metric)
        best = max(scored, key=lambda trial: (target.score(trial.metrics) or 0.0, -trial.number))
        client.searches.publish(job.id, best.number, f"{RACELESS}-{metric}")


def document_of(client: Client, name: str) -> Document:
    """A loss's content: of the zoo, or as the service has it."""
    return LOSSES[name].document() if name in LOSSES else client.losses.get(name).document


if __name__ == "__main__":
    main()
