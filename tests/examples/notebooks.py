"""The notebooks of examples/, run from top to bottom; ``make notebooks`` writes what they put out."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from matplotlib import font_manager  # noqa: F401 - who imports it first on a machine is told to wait
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.conftest import CHECKOUT, DEADLINE

NOTEBOOKS = sorted(CHECKOUT.glob("examples/notebooks/*.ipynb"))

SOURCE = "source_sha256"
"""In the metadata of a notebook: the checksum of the code that its outputs are of."""


def read(path: Path) -> NotebookNode:
    """A notebook, checked against the schema of notebooks."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_of(notebook: NotebookNode) -> list[NotebookNode]:
    """Its cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """What its cells put out, one after the other."""
    for cell in code_of(notebook):
        yield from cell.outputs


def checksum_of(notebook: NotebookNode) -> str:
    """Of its code, cell by cell."""
    sources = "\0".join(cell.source for cell in code_of(notebook))
    return hashlib.sha256(sources.encode()).hexdigest()


def run(path: Path, folder: Path) -> NotebookNode:
    """Run a notebook in a kernel of its own, and return it with its outputs.

    Args:
        path: The notebook; the file stays as it is.
        folder: The kernel's working folder, and of IPython's own files.

    Raises:
        CellExecutionError: A cell raises; the message holds it and what it raised.
        CellTimeoutError: A cell does not come to its end.
    """
    notebook = read(path)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=DEADLINE,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,  # else how many outputs there are is a matter of speed
    )
    # Settings of somebody's service are none of the notebook's.
    outside = {name: text for name, text in os.environ.items() if not name.startswith("LOSSFIT_")}
    paths = f"{CHECKOUT}{os.pathsep}{outside.get('PYTHONPATH', '')}"
    ours = {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    client.execute(env=outside | ours)
    notebook.metadata.language_info = {"name": "python"}
    notebook.metadata[SOURCE] = checksum_of(notebook)
    return notebook


def main() -> None:
    """Write all of them anew."""
    for path in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(run(path, Path(folder)), path)


if __name__ == "__main__":
    main()
