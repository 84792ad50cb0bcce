"""A whole service, as ``lossfit serve`` starts it, and the folder that pages call ``/data``."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from api.client.client import Client
from api.client.errors import ServiceError
from tests.conftest import CHECKOUT, DEADLINE
from tests.docs.waiting import until
from tests.workers.datasets import folders
from tests.workers.datasets.layouts import rows

CLASSES = 3


@dataclass(frozen=True)
class Live:
    """A running service.

    Attributes:
        address: ``host:port``.
        data: What its users call ``/data``.
    """

    address: str
    data: Path


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home, data = tmp_path_factory.mktemp("service"), tmp_path_factory.mktemp("data")
    write_datasets(data)
    address = f"127.0.0.1:{free_port()}"
    settings = {"LOSSFIT_DATASET_ROOTS": json.dumps([str(data)])}
    command = [sys.executable, "-m", "lossfit", "serve", "--home", str(home)]
    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", address.split(":")[1]],
            cwd=CHECKOUT,
            env=os.environ | settings,
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: is_ready(f"http://{address}"), "the service")
            yield Live(address, data)
        finally:
            process.terminate()
            process.wait(DEADLINE)


def is_ready(url: str) -> bool:
    with Client(url) as client:
        try:
            return not client.health.ready().warnings
        except ServiceError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_datasets(root: Path) -> None:
    """The datasets that pages register: small ones, in the layouts that they name."""
    for name in ("mine", "leaves"):
        write_folder(root / name)
    write_cells(root / "cells")
    folders.segnet(root / "camvid")
    rows.voc(root / "VOCdevkit" / "VOC2012")


def write_folder(root: Path, count: int = 24, side: int = 64) -> None:
    """Squares of three classes under noise."""
    for index in range(count):
        random = np.random.default_rng(index)
        mask = np.kron(random.integers(0, CLASSES, (4, 4)), np.ones((side // 4, side // 4)))
        noise = random.integers(0, 64, (side, side, 3))
        folders.save(root / "masks" / f"{index:02d}.png", mask.astype(np.uint8))
        folders.save(
            root / "images" / f"{index:02d}.png", (80 * mask[..., None] + noise).astype(np.uint8)
        )


def write_cells(root: Path, count: int = 24, side: int = 64) -> None:
    """Bright discs on dark ground, some of which touch; a label image numbers them."""
    rows_of, columns = np.mgrid[:side, :side]
    for index in range(count):
        random = np.random.default_rng(index)
        numbers = np.zeros((side, side), dtype=np.uint8)
        for number in range(1, 9):
            row, column = random.integers(6, side - 6, 2)
            numbers[np.hypot(rows_of - row, columns - column) < random.integers(4, 9)] = number
        bright = 40 + 120 * (numbers > 0)[..., None] + random.integers(0, 40, (side, side, 3))
        folders.save(root / "instances" / f"{index:02d}.png", numbers)
        folders.save(root / "images" / f"{index:02d}.png", bright.astype(np.uint8))
    names = [f"{index:02d}" for index in range(count)]
    (root / "train.txt").write_text("\n".join(names[:18]))
    (root / "val.txt").write_text("\n".join(names[18:]))
