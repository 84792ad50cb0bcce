r"""What each part of the standard search brings: searches that lack one, on images unseen.

    LOSSFIT_DATASET_ROOTS='["/data"]' lossfit serve --home service &
    python -m benchmarks.ablation --root /data/camvid --out ablation --metrics miou bf1

All by the service. For every metric these searches, each with as many candidates on the same proxy task:

- ``all``: the standard search;
- ``paper``: PPO2 over curves, as the paper has it; ``scaled``: the same with every candidate brought to
  the norm of cross entropy's gradient; ``rated``: the same with the learning rate searched too;
- ``images``: the standard search with a hold-out set that is cut image by image;
- ``raceless``: the best trial of ``all`` by its score, as a search without a race publishes;
- ``whole``: the standard search with whole networks as proxies.

Their losses, the surrogate with straight curves (whose tuned learning rate makes it the control "start
times a factor") and cross entropy are then compared as in ``benchmarks.searches``: rates tuned on a
hold-out set of the training split, whole networks, the validation split. Prints and writes
``ablation.md``. A second run with the same ``--out`` goes on where the first ended.
"""

import argparse
import json
from typing import Any

from api.client.client import Client
from benchmarks import searches, service, tasks
from search_service.comparisons.results import Table

ALL = "all"
RACELESS = "raceless"
RATES = (0.1, 10.0)


def main() -> None:
    """Run what is missing and write the tables."""
    arguments = searches.parse()
    with service.connect(arguments.url) as client:
        dataset = service.register(client, arguments.dataset, arguments.root, arguments.size)
        asked = {
            name: body
            for metric in arguments.metrics
            for name, body in requests(arguments, dataset, metric).items()
        }
        for name in service.finish(client.searches, asked, arguments.out):
            print(f"{name} is over", flush=True)
        for metric in arguments.metrics:
            _publish_best(client, arguments, asked, metric)
        bodies = {metric: comparison(arguments, dataset, metric) for metric in arguments.metrics}
        tables: dict[str, Table] = {}
        for metric in service.finish(client.comparisons, bodies, arguments.out):
            [tables[metric]] = service.read_results(arguments.out / metric).tables
    costs = [searches.cost(name, arguments.out / name / "trials.csv") for name in asked]
    lines = searches.report(tables, {metric: named(ALL, metric) for metric in tables})
    text = "\n".join([f"{tasks.circumstances()}.", *lines, "", *costs]) + "\n"
    (arguments.out / "ablation.md").write_text(text, encoding="utf-8")
    print(text)


def named(way: str, metric: str) -> str:
    """Name of the loss that a way of searching finds for a metric."""
    return f"{way}-{metric}"


def requests(arguments: argparse.Namespace, dataset: str, metric: str) -> dict[str, dict[str, Any]]:
    """The searches for a metric, by the name of the loss that each publishes."""
    alone = argparse.Namespace(**(vars(arguments) | {"metrics": [metric]}))
    standard, curves = searches.searches(alone, dataset).values()
    scaled = {"space": {"name": "curves", "scaled": True}}
    rated = {"space": {"name": "curves", "scaled": True, "rates": RATES}}
    ways = {
        ALL: standard,
        "paper": curves,
        "scaled": curves | scaled,
        "rated": curves | rated,
        "images": standard | {"hold_out": {"groups": None}},
        "whole": standard | {"frozen_encoder": False},
    }
    return {named(way, metric): body | {"name": named(way, metric)} for way, body in ways.items()}


def comparison(arguments: argparse.Namespace, dataset: str, metric: str) -> dict[str, Any]:
    """The comparison by a metric of what its searches found."""
    found = [*requests(arguments, dataset, metric), named(RACELESS, metric)]
    rivals: dict[str, list[str]] = {name: [] for name in arguments.metrics}
    body = searches.comparisons(arguments, dataset, rivals)[metric]
    return body | {"losses": [*found, f"naive-{metric}", searches.BASE], "rankseg": False}


def _publish_best(
    client: Client, arguments: argparse.Namespace, asked: dict[str, dict[str, Any]], metric: str
) -> None:
    """Publish the trial of the standard search that scored highest."""
    name = named(ALL, metric)
    job = client.searches.submit(
        asked[name], key=f"{arguments.out.resolve()}-{client.searches.path}-{name}"
    )
    scored = [trial for trial in client.searches.trials(job.id) if trial.ending == "trained"]
    best = max(scored, key=lambda trial: (trial.score or 0.0, -trial.number))
    client.searches.publish(job.id, best.number, named(RACELESS, metric))
    told = {"search": name, "trial": best.number}
    (arguments.out / f"{named(RACELESS, metric)}.json").write_text(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
