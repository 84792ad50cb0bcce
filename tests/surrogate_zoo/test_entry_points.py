"""Entry points are found once each, whatever else looks for packages."""

import sys
from importlib.metadata import Distribution, DistributionFinder, PathDistribution
from pathlib import Path

import pytest

from surrogate_zoo.entry_points import installed, package_of


class Another:
    """A second finder of packages, as importlib-metadata adds one."""

    def find_spec(self, *_: object) -> None:
        return None

    def find_distributions(self, context: DistributionFinder.Context) -> list[Distribution]:
        folders = [Path(folder) for folder in context.path]
        return [
            PathDistribution(metadata)
            for folder in folders
            for metadata in folder.glob("*.dist-info")
        ]


def test_entry_points_come_by_package_and_name_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, points in (("b-b", "two = b:x\none = b:y"), ("a", "one = a:x")):
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[lossfit.tests]\n{points}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Another()])
    found = [(package_of(point), point.name) for point in installed("lossfit.tests")]
    assert found == [("a", "one"), ("b-b", "one"), ("b-b", "two")]
    assert installed("lossfit.nothing") == []
