"""Every measurement that needs a GPU, in one go of under 25 minutes.

    python -m benchmarks.gpu [--out benchmarks/results/gpu] [--tiny]

Each part is a process of its own with a limit of time, so that one that fails or hangs costs no other: losses
against cross entropy, a training step in every way to run a pack, which losses run as CUDA graphs, networks
that find objects, and a whole search's worth of proxies. What each prints is written to ``<part>.md`` below
``--out``, with its command, device, versions, commit and date. ``--tiny`` runs it all on a CPU in tiny sizes.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import proxy_pack


@dataclass(frozen=True)
class Part:
    """One measurement.

    Attributes:
        words: What follows ``python -m`` on a GPU.
        tiny: On a CPU in a tiny size.
        seconds: Most that it may take.
    """

    words: Sequence[str]
    tiny: Sequence[str]
    seconds: int


TINY_LOSSES = ("--size", "1", "3", "20", "24", "--rounds", "1", "--backend", "eager")
TINY_SEARCH = ("--trials", "2", "--pack", "1", "--iterations", "2", "--minutes", "1")

PARTS: Mapping[str, Part] = {
    "losses": Part(
        ("benchmarks.gpu_losses", "--seconds", "240"),
        ("benchmarks.gpu_losses", "--device", "cpu", *TINY_LOSSES),
        300,
    ),
    "step": Part(
        ("benchmarks.gpu_step",),
        ("benchmarks.gpu_step", "--size", "tiny", "--packs", "1", "--steps", "1", "--warm", "1"),
        240,
    ),
    "losses-ran": Part(
        ("benchmarks.gpu_losses_ran",),
        ("benchmarks.gpu_losses_ran", "--steps", "1", "--losses", "dice"),
        120,
    ),
    "instances": Part(
        ("benchmarks.instance_speed", "--device", "cuda"),
        ("benchmarks.instance_speed", "--sizes", "32x64", "--repeats", "1", "--networks", "ENet"),
        180,
    ),
    "search": Part(
        ("benchmarks.gpu_search", "--minutes", "8"),
        ("benchmarks.gpu_search", "--size", "tiny", *TINY_SEARCH),
        600,
    ),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run all parts; the exit status is how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu"))
    parser.add_argument("--tiny", action="store_true", help="on a CPU, in tiny sizes")
    parser.add_argument("--parts", nargs="+", choices=sorted(PARTS), default=list(PARTS))
    arguments = parser.parse_args(words)
    if not arguments.tiny and not torch.cuda.is_available():
        parser.error("There is no GPU here; --tiny runs everything on a CPU in tiny sizes.")
    arguments.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cpu" if arguments.tiny else "cuda")
    facts = proxy_pack.facts(device)
    failed = 0
    for name in arguments.parts:
        part = PARTS[name]
        said, ended = run(part.tiny if arguments.tiny else part.words, part.seconds)
        failed += ended != "done"
        command = " ".join(("python -m", *(part.tiny if arguments.tiny else part.words)))
        (arguments.out / f"{name}.md").write_text(f"`{command}`: {facts}; {ended}\n\n{said}")
        print(f"{name}: {ended}", flush=True)
    return failed


def run(words: Sequence[str], seconds: int) -> tuple[str, str]:
    """What a part printed, and how it ended; one that takes too long keeps what it said so far."""
    began = time.perf_counter()
    command = [sys.executable, "-u", "-m", *words]
    quiet = {"KINETO_LOG_LEVEL": "99"}  # torch's profiler tells of every start and stop otherwise
    try:
        ended = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            env=os.environ | quiet,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return str(late.stdout or b"", "utf-8", "replace"), f"stopped after {seconds} s"
    if ended.returncode:
        return ended.stdout, f"failed with status {ended.returncode}"
    print(f"  ({time.perf_counter() - began:.0f} s)", flush=True)
    return ended.stdout, "done"


if __name__ == "__main__":
    sys.exit(main())
