"""Examines a dataset in a process of its own, with limits on memory and time.

Formats such as MATLAB's, HDF5 and COCO's JSON hold far more than they weigh, and no header tells how much:
whoever reads them for a service does so where they can take nothing else along. What was examined within
the limits and has not changed since is read by workers as it is.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from surrogate_zoo.errors import DatasetError
from workers.datasets.reports.report import DatasetReport, Examination, Progress, examine
from workers.tasks.datasets import DatasetSource
from workers.tasks.file_sources import SplitFiles

DECODES_TO_MORE: frozenset[str] = frozenset({"coco", "coco-panoptic", "nyu-mat", "voc-sbd"})
"""Layouts whose files may decode to more than their headers tell."""

_SOURCES: TypeAdapter[DatasetSource] = TypeAdapter(DatasetSource)
_GIGABYTE = 10**9
_NO_MEMORY = ("MemoryError", "can't start new thread", "Cannot allocate memory")
_TAIL = 200  # characters of what a child that died has written


@dataclass(frozen=True)
class Limits:
    """What reading a dataset may take.

    Attributes:
        memory_gb: Gigabytes of memory.
        seconds: Seconds.
    """

    memory_gb: float = 8.0
    seconds: float = 3600.0


def examine_bounded(
    source: DatasetSource, limits: Limits, on_progress: Progress = lambda _done, _total: None
) -> Examination:
    """As :func:`workers.datasets.reports.report.examine`; in a child where the layout may decode to much.

    A dataset that takes more than the limits has one fault, which says so.
    """
    if source.layout not in DECODES_TO_MORE:
        return examine(source, on_progress)
    with tempfile.TemporaryDirectory(prefix="lossfit-examine-") as folder:
        result, log = Path(folder) / "examination.json", Path(folder) / "log"
        memory = str(round(limits.memory_gb * _GIGABYTE))
        command = [sys.executable, "-m", __name__, memory, str(result)]
        with (
            log.open("wb") as written,
            subprocess.Popen(  # noqa: S603  our own interpreter and module
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=written, text=True
            ) as child,
        ):
            late = threading.Timer(limits.seconds, child.kill)
            late.start()
            try:
                _follow(child, source, on_progress)
                status = child.wait()
            finally:
                in_time = late.is_alive()
                late.cancel()
                child.kill()
        if status == 0:
            return _read(result.read_bytes())
        if not in_time:
            return _too_much(source, f"took longer than {limits.seconds:g} s")
        told = log.read_text(errors="replace")
        if status < 0 or any(sign in told for sign in _NO_MEMORY):
            return _too_much(source, f"took more than {limits.memory_gb:g} GB of memory")
        return _too_much(source, f"failed: {' '.join(told.strip()[-_TAIL:].split())}")


def _follow(child: "subprocess.Popen[str]", source: DatasetSource, on_progress: Progress) -> None:
    """Hand the source over, and pass on what the child tells until it is done."""
    assert child.stdin is not None  # noqa: S101 - both are pipes
    assert child.stdout is not None  # noqa: S101
    with suppress(BrokenPipeError):
        child.stdin.write(source.model_dump_json())
        child.stdin.close()
    for line in child.stdout:
        done, total = line.split()
        on_progress(int(done), int(total))


def _too_much(source: DatasetSource, what: str) -> Examination:
    root = getattr(source, "root", source.layout)
    advice = "Look for a file in it that is not what it seems, or raise the limits of the service."
    return Examination(None, (f"Reading {root} {what}. {advice}",))


def _read(text: bytes) -> Examination:
    body = json.loads(text)
    report = body["report"]
    return Examination(
        None if report is None else DatasetReport.model_validate(report),
        tuple(body["faults"]),
        {split: SplitFiles.model_validate(files) for split, files in body["files"].items()},
    )


def main() -> None:
    """Examine the source on standard input: ``python -m workers.datasets.bounded BYTES RESULT``."""
    memory, result = int(sys.argv[1]), Path(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    source = _SOURCES.validate_json(sys.stdin.buffer.read())
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries print
    try:
        found = examine(source, lambda done, total: print(done, total, file=told))
    except DatasetError as error:
        found = Examination(None, error.faults)
    body = {
        "report": None if found.report is None else found.report.model_dump(mode="json"),
        "faults": found.faults,
        "files": {split: files.model_dump(mode="json") for split, files in found.files.items()},
    }
    result.write_text(json.dumps(body), encoding="utf-8")


if __name__ == "__main__":
    main()
