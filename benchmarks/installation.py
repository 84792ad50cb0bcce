"""What ``pip install lossfit`` costs beside torch: seconds, megabytes, and seconds until it is imported.

``python -m benchmarks.installation [--python PYTHON]``: in an empty virtual environment that has
torch, made now (some gigabytes, removed afterwards) unless one's Python is given. Bytecode that pip
compiles counts; megabytes are those of the files, 10^6 bytes. The imports are medians of five fresh
interpreters; lossfit imports torch only when it is needed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
BOUNDS = {"seconds": 30.0, "megabytes": 200.0, "import": 2.0}


def megabytes(folder: Path) -> float:
    """Size of all files in a folder, in 10^6 bytes; a link counts as nothing."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def seconds(*command: str | Path) -> float:
    """Wall time of a command that must succeed, run away from the checkout."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, cwd=tempfile.gettempdir())
    return time.perf_counter() - begun


def made(folder: Path) -> Path:
    """The Python of a new virtual environment that has torch alone."""
    seconds(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    print(f"torch: {seconds(python, '-m', 'pip', 'install', '--quiet', 'torch'):.1f} s to install")
    return python


def measure(python: Path) -> None:
    """Install lossfit beside torch and print the figures."""
    packages = python.parents[1]
    before = megabytes(packages)
    pip = (python, "-m", "pip", "install", "--quiet", "--constraint", CHECKOUT / "constraints.txt")
    figures = {"seconds": seconds(*pip, CHECKOUT), "megabytes": megabytes(packages) - before}
    statement = "from lossfit import load_loss"
    runs = [seconds(python, "-c", statement) for _ in range(5)]
    figures["import"] = statistics.median(runs)
    print("| | measured | bound |\n|---|---|---|")
    for name, figure in figures.items():
        print(f"| {name} | {figure:.1f} | {BOUNDS[name]:.0f} |")
    torch = statistics.median(seconds(python, "-c", "import torch") for _ in range(5))
    print(f"\nimport torch alone: {torch:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="of an environment that has torch alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments.python or made(Path(folder)))


if __name__ == "__main__":
    main()
