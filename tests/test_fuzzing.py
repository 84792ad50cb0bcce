"""A short form of ``python -m tests.fuzzing``: what is damaged is read or refused."""

from pathlib import Path

from tests.fuzzing import SUBJECTS, Bench

FOUND = (49, 165, 1329, 1470)
"""Cases that were neither read nor refused once: links in a circle, torn HDF5, an archive that never ends."""


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    seen = [bench.case(number) for number in (*range(2 * len(SUBJECTS)), *FOUND)]
    assert {name for name, _ in seen} == set(SUBJECTS)
    outcomes = {was_read for _, was_read in seen}
    assert outcomes == {True, False}
