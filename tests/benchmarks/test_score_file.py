"""Scores in a file: added pack by pack, kept where a run is cut off."""

from functools import partial
from pathlib import Path

import pytest

from benchmarks.score_file import Scores, add, read


def scored(name: str, value: float) -> Scores:
    return {name: {"miou": value}}


def test_a_second_run_adds_to_what_the_first_one_left(tmp_path: Path) -> None:
    path = tmp_path / "out" / "scores.json"
    assert read(path) == {}
    first = add(path, [partial(scored, "a", 0.25)], 1)
    assert read(path) == first == {"a": {"miou": 0.25}}
    with pytest.raises(ZeroDivisionError):
        add(path, [partial(scored, "b", 0.5), partial(divmod, 1, 0)], 1)
    assert read(path) == first | scored("b", 0.5)
