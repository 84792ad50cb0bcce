"""Random damage to all files that people bring: whatever is done to them, they are read or refused.

``python -m tests.fuzzing [--seconds 600] [--seed 0] [--memory-gb 4]``: takes datasets of every layout, loss
files, archives of losses and files of weights by turns, damages one to three of their files, and lets the
product read them, in child processes with a limit on memory and time. What is neither read nor refused by an
error of the product's own is told with its number, which is its seed: ``--case NUMBER`` repeats it. Prints
one line of JSON; ends with 1 where anything was found. Linux alone.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from surrogate_zoo.errors import LossfitError
from surrogate_zoo.loss_networks import storage
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.losses import exchange
from surrogate_zoo.losses.registry import LOSSES, load_loss
from surrogate_zoo.needs import INVERSE_NETWORK
from tests.damage import damage
from tests.workers.datasets.layouts.rows import ROWS
from workers.datasets.bounded import DECODES_TO_MORE
from workers.datasets.reports.report import describe
from workers.networks.weights import load_encoder

SECONDS = 20.0  # a case, on a machine that is busy
BATCH = 25  # cases of a child
_GIB = 2**30

Read = Callable[[], object]
"""Reads what may be damaged."""


@dataclass(frozen=True)
class Subject:
    """Files that people bring.

    Attributes:
        write: Writes sound ones into an empty folder, and gives what reads them from there.
        bounded: The service reads them in a child of its own, which may come to the end of its memory.
        pipes: Pipes are refused; else who names one waits for who writes into it, as everywhere.
    """

    write: Callable[[Path], Read]
    bounded: bool = False
    pipes: bool = True


@dataclass
class Report:
    """What came of it.

    Attributes:
        seconds: How long it went on.
        cases: How many there were.
        read: How many of them were read all the same, by subject.
        refused: How many were refused, by subject.
        grown_mib: The most memory that a child had on top of what it began with, MiB.
        slowest: Seconds of the case that took longest.
        found: What was neither read nor refused: number of the case, subject and error.
    """

    seconds: float = 0.0
    cases: int = 0
    read: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    grown_mib: int = 0
    slowest: float = 0.0
    found: list[str] = field(default_factory=list)


def _dataset(layout: str, folder: Path) -> Read:
    source = ROWS[layout].write(folder).source
    return lambda: describe(source)


def _loss_file(name: str, folder: Path) -> Read:
    path = folder / "loss.json"
    path.write_text(json.dumps(LOSSES[name].document()), encoding="utf-8")
    return lambda: load_loss(path, num_classes=3)


def _archive(name: str, folder: Path) -> Read:
    packed = [exchange.Packed(LOSSES[one].document()) for one in ("dice", "asl-bf1-voc")]
    exchange.write(folder / name, packed)
    return lambda: exchange.read(folder / name)


class _Encoded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def _encoder(folder: Path) -> Read:
    network = _Encoded()
    path = folder / "weights.safetensors"
    save_file(network.encoder.state_dict(), path)
    return lambda: load_encoder(network, str(path))


def _loss_network(folder: Path) -> Read:
    path = folder / "inverse.safetensors"
    kind = INVERSE_NETWORK
    network = InverseNetwork(side=16)
    storage.save(network, path, kind=kind, parameters={"side": 16}, provenance={})
    return lambda: storage.load(kind, path)


SUBJECTS: Mapping[str, Subject] = {
    **{
        f"dataset {layout}": Subject(partial(_dataset, layout), layout in DECODES_TO_MORE)
        for layout in ROWS
    },
    **{
        f"loss file {name}": Subject(partial(_loss_file, name), pipes=False)
        for name in ("dice", "asl-bf1-voc", "cross-entropy-discriminative")
    },
    "losses in an archive": Subject(partial(_archive, "losses.zip")),
    "losses in a folder": Subject(partial(_archive, "losses")),
    "weights of an encoder": Subject(_encoder),
    "weights of a loss network": Subject(_loss_network),
}
"""What is damaged, by what it is called."""


class Late(BaseException):
    """A case took longer than :data:`SECONDS`."""


class Bench:
    """Sound files of every subject, written once, and a place where copies of them are damaged.

    Args:
        folder: An empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._place, self._sound = folder / "place", folder / "sound"
        self._reads: dict[str, Read] = {}
        for number, (name, subject) in enumerate(SUBJECTS.items()):
            shutil.rmtree(self._place, ignore_errors=True)
            self._place.mkdir()
            self._reads[name] = subject.write(self._place)
            shutil.copytree(self._place, self._sound / str(number))

    def case(self, number: int) -> tuple[str, bool]:
        """Damage files as a number says, and read them: of what subject they were, whether they were read.

        Raises:
            Exception: They were neither read nor refused.
        """
        draw = random.Random(number)  # noqa: S311 - no secret
        index = number % len(SUBJECTS)
        name = list(SUBJECTS)[index]
        shutil.rmtree(self._place)
        shutil.copytree(self._sound / str(index), self._place)
        for _ in range(draw.randint(1, 3)):
            damage(self._place, draw, pipes=SUBJECTS[name].pipes)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._reads[name]()
        except LossfitError:
            return name, False
        except MemoryError:
            if not SUBJECTS[name].bounded:
                raise
            return name, False
        return name, True


@contextmanager
def _in_time(seconds: float) -> Iterator[None]:
    def late(_number: int, _frame: FrameType | None) -> None:
        raise Late(f"it took longer than {seconds:g} s")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _child(bench: Bench, first: int, memory: int, pipe: int) -> None:
    """Do some cases, and write a line for each: before it its number, after it what came of it."""
    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (own + memory, own + memory))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with os.fdopen(pipe, "w", buffering=1) as out:
        for number in range(first, first + BATCH):
            print(json.dumps({"begun": number}), file=out)
            began, told = time.monotonic(), ""
            name, was_read = list(SUBJECTS)[number % len(SUBJECTS)], False
            try:
                with _in_time(SECONDS):
                    _, was_read = bench.case(number)
            except (Exception, Late) as error:  # noqa: BLE001 - which is what is looked for
                at = traceback.extract_tb(error.__traceback__)[-1]
                told = f"{type(error).__name__}: {str(error)[:200]} ({at.filename}:{at.lineno})"
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            line = {"case": number, "subject": name, "read": was_read, "error": told}
            line |= {"mib": (most - before) // 1024, "seconds": time.monotonic() - began}
            print(json.dumps(line), file=out)


def _batch(bench: Bench, first: int, memory: int, report: Report) -> None:
    """Let a child do some cases, and note what it tells, and how it ended."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(bench, first, memory, writing)
        os._exit(0)
    os.close(writing)
    begun = first
    with os.fdopen(reading) as lines:
        for line in lines:
            told = json.loads(line)
            begun = told.get("begun", begun)
            if "case" in told:
                _note(report, told)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        subject = list(SUBJECTS)[begun % len(SUBJECTS)]
        report.found.append(f"{begun}, {subject}: the process died ({status})")


def _note(report: Report, told: dict[str, Any]) -> None:
    report.cases += 1
    report.grown_mib = max(report.grown_mib, told["mib"])
    report.slowest = max(report.slowest, told["seconds"])
    if told["error"]:
        report.found.append(f"{told['case']}, {told['subject']}: {told['error']}")
    else:
        counts = report.read if told["read"] else report.refused
        counts[told["subject"]] = counts.get(told["subject"], 0) + 1


def fuzz(seconds: float, seed: int, memory: int) -> Report:
    """Damage and read files for so long."""
    report, began, first = Report(), time.monotonic(), seed
    with tempfile.TemporaryDirectory(prefix="lossfit-fuzz-") as folder:
        bench = Bench(Path(folder))
        while time.monotonic() - began < seconds:
            _batch(bench, first, memory, report)
            first += BATCH
    report.seconds = round(time.monotonic() - began, 1)
    report.slowest = round(report.slowest, 2)
    return report


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    parser.add_argument("--memory-gb", type=float, default=4.0, help="of one child")
    parser.add_argument("--case", type=int, help="repeat this one alone, in this process")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.case is not None:
        with tempfile.TemporaryDirectory(prefix="lossfit-fuzz-") as folder:
            print(Bench(Path(folder)).case(options.case))  # noqa: T201
        return
    report = fuzz(options.seconds, options.seed, round(options.memory_gb * _GIB))
    print(json.dumps(asdict(report)))  # noqa: T201
    sys.exit(1 if report.found else 0)


if __name__ == "__main__":
    main()
