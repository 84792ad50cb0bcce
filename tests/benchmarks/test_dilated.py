"""The benchmark of dilated convolutions times both ways, whole and behind an encoder."""

from benchmarks.dilated import milliseconds, rows
from tests.workers.networks.rows import spec_of


def test_a_network_has_two_rows() -> None:
    spec = spec_of("DeepLabV3Plus").model_dump(mode="json")
    cells = [row.split(" | ") for row in rows("x", spec, (32, 64), repeats=1)]
    assert [row[1:3] for row in cells] == [
        ["32x64", "whole"],
        ["32x64", "behind a frozen encoder"],
    ]
    assert all(float(row[-1].removesuffix(" |")) > 0 for row in cells)


def test_works_are_taken_in_turn() -> None:
    taken: list[int] = []
    found = milliseconds([lambda: taken.append(0), lambda: taken.append(1)], 2)
    assert taken == [0, 1] * 3
    assert len(found) == 2
