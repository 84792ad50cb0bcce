"""Whatever is given as a path, it is one below a root or refused in a sentence."""

from pathlib import Path

import pytest

from search_service.catalogue.folders import allowed_path
from surrogate_zoo.errors import InputError


def allowed(text: str, root: Path) -> Path:
    return allowed_path(text, [root], content="datasets", variable="LOSSFIT_DATASET_ROOTS")


def test_a_path_below_a_root_is_given_in_full(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert allowed(f"{tmp_path}/link/../link", tmp_path) == tmp_path / "real"
    assert allowed(f"{tmp_path}/not-there", tmp_path) == tmp_path / "not-there"


@pytest.mark.parametrize("text", ["/etc", "..", "", "/", "~"])
def test_what_lies_outside_is_refused_with_the_remedy(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"lies outside .* set LOSSFIT_DATASET_ROOTS"):
        allowed(text, tmp_path / "data")


@pytest.mark.parametrize(
    "text", ["~nobody-of-that-name/x", "{root}/loop", "{root}/" + 5000 * "x", "a\0b"]
)
def test_what_cannot_be_a_path_is_refused_and_short(tmp_path: Path, text: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError) as told:
        allowed(text.format(root=tmp_path), tmp_path)
    assert len(str(told.value)) < 500
