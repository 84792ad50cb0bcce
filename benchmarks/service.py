"""The way to a running service: what benchmarks submit, and what they read of it.

    LOSSFIT_DATASET_ROOTS='["/data"]' lossfit serve --home service &

Jobs are durable there: a benchmark that is started again with the same ``--out`` and the same options
finds the jobs of its first run and goes on where that ended.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.cli.output.watching import follow
from api.client.client import Client
from api.client.jobs import Jobs
from benchmarks import tasks
from search_service.comparisons.content import results_from
from search_service.comparisons.results import Results

URL = "http://127.0.0.1:8000"


def connect(url: str) -> Client:
    """A client of the service at ``url``; a context manager."""
    return Client(url)


def register(client: Client, kind: str, root: Path, size: Sequence[int]) -> str:
    """Register a dataset of :data:`benchmarks.tasks.DATASETS`, unless that was done before.

    Args:
        client: The service; its ``LOSSFIT_DATASET_ROOTS`` must name a folder around ``root``.
        kind: Name in :data:`benchmarks.tasks.DATASETS`.
        root: Folder of the dataset.
        size: Height and width that images are read at.

    Returns:
        Its name on the service.
    """
    height, width = size
    name = f"{kind}-{height}x{width}"
    if name not in {dataset.name for dataset in client.datasets.list()}:
        client.datasets.register(name=name, source=tasks.DATASETS[kind](root, size))
    return name


def finish(jobs: Jobs[Any], bodies: Mapping[str, dict[str, Any]], out: Path) -> Iterator[str]:
    """Submit jobs all at once, wait for each, and fetch its files into ``out/<name>``.

    Args:
        jobs: The collection, such as ``client.comparisons``.
        bodies: Name -> request.
        out: Folder of the benchmark; with the name it makes the idempotency key.

    Yields:
        The name of each job that is over.
    """
    submitted = {
        name: jobs.submit(body, key=f"{out.resolve()}-{jobs.path}-{name}").id
        for name, body in bodies.items()
    }
    for name, job_id in submitted.items():
        follow(jobs, job_id, name)
        jobs.download_all(job_id, out / name)
        yield name


def read_results(folder: Path) -> Results:
    """The results of a comparison whose files are in ``folder``."""
    content = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    return results_from(content)
