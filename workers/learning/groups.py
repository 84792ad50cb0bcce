"""Which images belong together, by what the owner of a dataset says: a pattern, a file, or blocks."""

import csv
import re
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import refuse
from workers.datasets.files import DatasetFolder, without_ending
from workers.tasks.datasets import DatasetSource
from workers.tasks.file_sources import FilesSource
from workers.tasks.hold_out import Blocks, GroupFile, Pattern

MOST_CHARACTERS = 128
"""Of a name that a pattern is looked for in."""

MOST_SECONDS = 10.0
"""That a pattern may take over all names."""


def grouped(
    names: Sequence[str], groups: Pattern | GroupFile | Blocks, source: DatasetSource
) -> tuple[NDArray[np.int64], str]:
    """Group images by what the owner says.

    Args:
        names: Names of the N images in the split's order.
        groups: How.
        source: Whose images they are.

    Returns:
        (N,) number of each image's group, counted from 0 in the split's order, and how they were found
        in a few words.

    Raises:
        DatasetError: A name has no group, the file of groups cannot be read, or there are fewer images
            than blocks.
    """
    if isinstance(groups, Blocks):
        if groups.blocks > len(names):
            raise DatasetError(
                f"{len(names)} training images are too few for {groups.blocks} blocks."
            )
        return np.arange(len(names)) * groups.blocks // len(names), "contiguous blocks"
    if isinstance(groups, Pattern):
        return _numbered(by_pattern(names, groups.pattern)), f"groups by {groups.pattern!r}"
    return _numbered(by_file(names, groups.file, source)), f"groups by {groups.file}"


def by_pattern(names: Sequence[str], pattern: str) -> list[str]:
    """The group of each name: the first group of ``pattern``, or its whole match.

    Raises:
        DatasetError: A name does not match or is too long, or matching takes too long.
    """
    expression = re.compile(pattern)
    until = time.monotonic() + MOST_SECONDS
    found = []
    for name in names:
        if len(name) > MOST_CHARACTERS:
            raise DatasetError(
                f"The name {name!r} has more than the {MOST_CHARACTERS} characters that a pattern is "
                'looked for in; name the groups in a file instead: {"file": "groups.csv"}.'
            )
        match = expression.search(name)
        group = match and match[1 if expression.groups else 0]
        if group is None:
            raise DatasetError(f"The pattern {pattern!r} finds no group in the name {name!r}.")
        if time.monotonic() > until:
            raise DatasetError(f"The pattern {pattern!r} takes too long; make it simpler.")
        found.append(group)
    return found


def by_file(names: Sequence[str], file: str, source: DatasetSource) -> list[str]:
    """The group of each name by a CSV file of names and groups below the dataset's folder.

    A byte order mark, an image's ending after a name, a line of headings and names of other splits do
    no harm.

    Raises:
        DatasetError: The dataset has no folder, the file is not there, lies outside of it or cannot be
            read, or names are missing (lists ten of them and their number) or have two groups.
    """
    if not isinstance(source, FilesSource):
        raise DatasetError("A generated dataset has no folder, and so no file of groups.")
    path = DatasetFolder(source.root).file(file)
    pairs: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = [row for row in csv.reader(lines) if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"{path} cannot be read as a file of names and groups: {error}."
        ) from error
    for row in rows:
        if len(row) != 2:
            raise DatasetError(
                f"{path} has the line {','.join(row)!r}; it wants a name and a group."
            )
        name, group = without_ending(row[0].strip()), row[1].strip()
        if pairs.setdefault(name, group) != group:
            raise DatasetError(f"{path} has {name!r} in two groups, {pairs[name]!r} and {group!r}.")
    refuse([f"{path} has no group for {name!r}." for name in names if not pairs.get(name)])
    return [pairs[name] for name in names]


def _numbered(groups: Sequence[str]) -> NDArray[np.int64]:
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return np.array([numbers[group] for group in groups], dtype=np.int64)
