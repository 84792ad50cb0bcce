"""Fixtures for every folder: one Ray and one MLflow for the whole run, the folder of real images."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
DEADLINE = 600.0
"""Seconds after which what a test waits for counts as hanging. A machine that does other work beside
may take minutes for what takes a second on a quiet one, so no shorter wait says that something broke;
a test that waits in vain ends here, before pytest's own limit ends the whole process."""


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One Ray on this machine for the whole test run; a WorkerPool without address uses it."""
    import ray

    from workers.cluster.calls import connect

    assert connect(None, cpus=4), "another Ray was connected before the tests"
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Tracking URI of an MLflow store in a file; its tables are made when it is first used."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture(scope="session")
def real_datasets() -> Path:
    """Folder of real images: LOSSFIT_DATASETS, else ../shared/datasets beside the checkout."""
    folder = Path(os.environ.get("LOSSFIT_DATASETS", CHECKOUT.parent / "shared" / "datasets"))
    if not folder.is_dir():
        pytest.skip(f"no real images in {folder}; set LOSSFIT_DATASETS to their folder")
    return folder
