"""Every Python block and every command of README and guide, run as written on a live service."""

import os
import sys
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.docs.conftest import Live
from tests.docs.pages import EXAMPLES, blocks_of, pages
from tests.docs.sessions import Session

RUN = ("python", "sh")
SHOWN = ("json", "toml", "nginx", "{eval-rst}", "{include} ../CONTRIBUTING.md")
"""Languages of blocks that are no commands."""

LIBRARIES = ("lightning", "optuna", "ray-tune")
"""Pages of the guide about other libraries, which warn as they like."""

SERVES = "stays until it is stopped; these pages are run against a service that was started so"
INSTALLS = "installs; CI installs the package before it runs these pages"
ADDS = "installs a package, and the service has to be started anew"
NOT_RUN = {
    ("README.md", "make quickstart"): "makes an environment of its own and searches for minutes; "
    "CI runs it as a step of its own",
    ("README.md", "pip install ."): INSTALLS,
    (
        "docs/guide/searches.md",
        "lossfit search miou shapes --preset quick",
    ): "sixty proxies take minutes; the next command is the same with a dozen",
    (
        "docs/guide/searches.md",
        "lossfit search macc shapes --preset quick --set family=linear --set segments=4 "
        "--name macc-linear \\",
    ): "the first search of this page with another family",
    (
        "docs/guide/searches.md",
        "lossfit search miou+bf1 shapes --preset quick --set sampler.name=tpe "
        "--set sampler.trials=4 \\",
    ): "the next one searches for both metrics too",
    ("README.md", "lossfit serve"): SERVES,
    (
        "CONTRIBUTING.md",
        "make install",
    ): "makes an environment of its own; CI runs each as a step of its own",
    ("CONTRIBUTING.md", ".venv/bin/python -m pytest -m slow tests/docs"): "would run itself",
    (
        "docs/guide/cluster.md",
        "POSTGRES_PASSWORD=... LOSSFIT_TOKEN=... RAY_AUTH_TOKEN=... docker compose up --build",
    ): "needs Docker",
    ("docs/guide/cluster.md", "ray start --head --port 6379"): "needs several machines",
    ("docs/guide/datasets.md", "LOSSFIT_DATASET_ROOTS='[\"/data\"]' lossfit serve"): SERVES,
    (
        "docs/guide/datasets.md",
        "lossfit datasets check /data/mine --classes background,leaf,stem",
    ): "the folder is yours",
    (
        "docs/guide/datasets.md",
        "lossfit datasets add fields /data/fields --classes ground,crop --set bands=6",
    ): "the folder is yours",
    **{
        ("docs/guide/overlapping.md", f"lossfit datasets add {name}"): "the folder is yours"
        for name in (
            "cells /data/cells --classes background,cell --set 'labels={\"255\": 1}' --set mode=binary",
            "ultrasound /data/busi --classes background,tumour --set mode=binary \\",
            "scans /data/scans --classes organ,lesion \\",
            "export /data/export --layout coco --set mode=multilabel \\",
        )
    },
    (
        "docs/guide/failures.md",
        "lossfit datasets add trial-run --layout dry-run \\",
    ): "it would take the place of a real search",
    ("docs/guide/first-steps.md", "python3 -m venv .venv"): INSTALLS,
    ("docs/guide/first-steps.md", "lossfit serve"): SERVES,
    (
        "docs/guide/first-steps.md",
        "lossfit search macc shapes --preset quick",
    ): "40 proxies take minutes; the next command is the same with four",
    (
        "docs/guide/losses.md",
        "python -m benchmarks.losses --rounds 15",
    ): "times every loss for minutes",
    ("docs/guide/metrics.md", "pip install ./examples/own_metric"): ADDS,
    ("docs/guide/networks.md", "pip install ./examples/own_network"): ADDS,
    (
        "docs/guide/operation.md",
        """export LOSSFIT_OWNER_LIMITS='{"*": {"jobs": 1, "hours": 100}, "ada": {"jobs": 4}}'""",
    ): SERVES,
    (
        "docs/guide/operation.md",
        "export LOSSFIT_TOKEN=... LOSSFIT_ROOT_PATH=/lossfit",
    ): SERVES,
    (
        "docs/guide/operation.md",
        "lossfit jobs delete JOB --dry-run",
    ): "needs a service of one's own",
    ("docs/guide/service.md", "lossfit serve"): SERVES,
    (
        "docs/guide/team.md",
        "docker build -f docker/Dockerfile.service -t registry.example.org/lossfit-service:0.1.0 .",
    ): "needs Docker and a registry",
    **{
        ("docs/guide/team.md", f"kubectl {first}"): "needs a Kubernetes cluster"
        for first in (
            "create namespace lossfit",
            "apply --kustomize deploy/kubernetes/base",
            "apply --kustomize deploy/kubernetes/autoscaling",
        )
    },
    (
        "docs/guide/team.md",
        "lossfit tokens add prometheus --owner prometheus --scope read > /etc/prometheus/lossfit.token",
    ): "needs a service of one's own",
    (
        "docs/guide/service.md",
        "lossfit tokens add ada-laptop --owner ada --days 90",
    ): "changes a service of one's own",
    (
        "docs/guide/service.md",
        'curl -H "Authorization: Bearer $LOSSFIT_TOKEN" http://127.0.0.1:8000/v1/audit',
    ): "needs a token",
    ("docs/guide/service.md", "lossfit backup service.tar"): "needs a service of one's own",
    ("docs/guide/service.md", "pip install '.[s3]'"): "needs credentials of an object store",
    ("examples/own_metric/README.md", "pip install ./examples/own_metric"): ADDS,
    ("examples/own_network/README.md", "pip install ./examples/own_network"): ADDS,
    ("examples/papers/README.md", "import json"): "trains for days on a GPU",
}
"""(page, first line of a block) -> why it cannot be run, as the comment before the block says."""


def test_what_is_not_run_is_listed_here() -> None:
    listed = {
        (page, block.first): block.not_run
        for page in pages(EXAMPLES)
        for block in blocks_of(page)
        if block.not_run
    }
    assert listed == NOT_RUN


@pytest.mark.parametrize("page", pages(EXAMPLES))
def test_a_block_says_what_language_it_is(page: str) -> None:
    assert {block.language for block in blocks_of(page)} <= {*RUN, *SHOWN}


def runnable(page: str) -> bool:
    return any(block.language in RUN and not block.not_run for block in blocks_of(page))


def runs() -> list[ParameterSet]:
    """The pages with something to run."""
    warn = [pytest.mark.filterwarnings("ignore")]
    return [
        pytest.param(page, marks=warn if Path(page).stem in LIBRARIES else [])
        for page in pages(EXAMPLES)
        if runnable(page)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", runs())
def test_a_page_runs_as_written(
    page: str, live: Live, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if page == "docs/guide/ray-tune.md":
        request.getfixturevalue("local_ray")  # Tune would start one, and tests start theirs
    folder = tmp_path / "page"
    folder.mkdir()
    # curl reports an error's document as a success unless it is told otherwise.
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CURL_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "LOSSFIT_URL": f"http://{live.address}",
    }
    elsewhere = {"127.0.0.1:8000": live.address, "/data/": f"{live.data}/"}
    with Session(page, folder, elsewhere, environment) as session:
        for block in blocks_of(page):
            if block.language in RUN and not block.not_run:
                session.run(block)
