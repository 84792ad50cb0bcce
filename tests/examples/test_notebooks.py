"""The notebooks of examples/: each runs from top to bottom, and what the repository holds is of its code."""

import re
from pathlib import Path

import pytest

from tests.examples.notebooks import NOTEBOOKS, SOURCE, checksum_of, code_of, outputs_of, read, run

MOST_BYTES = 150_000
PLACE = re.compile(
    r"(?<![\w.:/])/(home|root|tmp|var|usr|opt|work|mnt|Users|private)/|site-packages"
)
"""What a path of somebody's machine has in it."""

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["1-first-search", "2-own-images", "3-compare"]


@each
def test_its_outputs_are_those_of_its_code(path: Path) -> None:
    notebook = read(path)
    cells = code_of(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert notebook.metadata[SOURCE] == checksum_of(notebook), "'make notebooks' runs it again"


@each
def test_it_is_small_and_tells_nothing_of_the_machine_that_ran_it(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES
    found = {match[0] for match in PLACE.finditer(path.read_text(encoding="utf-8"))}
    assert found == set()
    kinds = {kind for output in outputs_of(read(path)) for kind in output.get("data", {})}
    assert "image/png" in kinds, "people look before they read"


@pytest.mark.slow  # 15 to 40 s of processor time each
@each
def test_it_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    notebook = run(path, tmp_path)
    warned = [output.text for output in outputs_of(notebook) if output.get("name") == "stderr"]
    assert warned == []
    shown = [[output.output_type for output in cell.outputs] for cell in code_of(notebook)]
    held = [[output.output_type for output in cell.outputs] for cell in code_of(read(path))]
    assert shown == held
