"""Examines a dataset in a process of its own, with limits on memory and time.

Formats such as MATLAB's, HDF5 and COCO's JSON hold far more than they weigh, and no header tells how much:
whoever reads them for a service does so where they can take nothing else along. What was examined within
the limits and has not changed since is read by workers as it is.
"""

import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from surrogate_zoo.errors import DatasetError
from workers.datasets.report import DatasetReport, Examination, examine
from workers.tasks.datasets import DatasetSource, SplitFiles

DECODES_TO_MORE: frozenset[str] = frozenset({"coco", "coco-panoptic", "nyu-mat", "voc-sbd"})
"""Layouts whose files may decode to more than their headers tell."""

_SOURCES: TypeAdapter[DatasetSource] = TypeAdapter(DatasetSource)
_GIGABYTE = 10**9
_NO_MEMORY = (b"MemoryError", b"can't start new thread", b"Cannot allocate memory")
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


def examine_bounded(source: DatasetSource, limits: Limits) -> Examination:
    """As :func:`workers.datasets.report.examine`; in a child where the layout may decode to much.

    A dataset that takes more than the limits has one fault, which says so.
    """
    if source.layout not in DECODES_TO_MORE:
        return examine(source)
    with tempfile.TemporaryDirectory(prefix="lossfit-examine-") as folder:
        result = Path(folder) / "examination.json"
        memory = str(round(limits.memory_gb * _GIGABYTE))
        try:
            child = subprocess.run(  # noqa: S603  our own interpreter and module
                [sys.executable, "-m", __name__, memory, str(result)],
                input=source.model_dump_json().encode(),
                capture_output=True,
                timeout=limits.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _too_much(source, f"took longer than {limits.seconds:g} s")
        if child.returncode == 0:
            return _read(result.read_bytes())
        if child.returncode < 0 or any(sign in child.stderr for sign in _NO_MEMORY):
            return _too_much(source, f"took more than {limits.memory_gb:g} GB of memory")
        last = child.stderr.decode(errors="replace").strip()[-_TAIL:]
        return _too_much(source, f"failed: {' '.join(last.split())}")


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
    try:
        found = examine(source)
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
