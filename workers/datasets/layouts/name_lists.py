"""Lists of names as tools write them: with byte order marks, columns, paths of other machines, endings."""

import codecs
import re
from collections import Counter
from pathlib import Path

from surrogate_zoo.errors import DatasetError
from workers.datasets.files import (
    IMAGE_ENDINGS,
    DatasetFolder,
    Listing,
    composed,
    without_ending,
)

LINES = re.compile(r"\r\n|\r|\n")
COLUMNS = (re.compile(r"\s*[\t,;]\s*"), re.compile(r"\s+"))

Names = dict[str, str]
"""Name of an image -> name of its mask, in the list's order; most often the same."""


def read_names(root: DatasetFolder, file: str, images: Listing, masks: Listing) -> Names:
    """Read the names listed one a line in ``file`` below ``root``.

    A line is a name, or the path of an image, with its ending or without, or that and a mask's in a
    second column. Paths may begin anywhere: the longest part counts that is a file in ``images``. What
    is none is kept as it stands, for whoever looks for the file to tell.

    A file that is missing, lies outside or is no text, lists nothing, or lists a name twice, is noted
    in ``root.faults``.
    """
    try:
        path = root.file(file)
        lines = [line.strip() for line in LINES.split(_text(path))]
    except DatasetError as error:
        root.note(error)
        return {}
    named = [_named(line, images, masks) for line in lines if line]
    if not named:
        root.note(DatasetError(f"{path} lists no names: the split is empty."))
    for name, times in Counter(name for name, _ in named).items():
        if times > 1:
            root.note(DatasetError(f"{path} lists {name!r} {times} times; leave one of them."))
    return dict(named)


def _text(path: Path) -> str:
    """What a file says, in UTF-8 or, where its byte order mark says so, in UTF-16."""
    try:
        content = path.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as a list of names: {error}.") from error


def _named(line: str, images: Listing, masks: Listing) -> tuple[str, str]:
    """The image's and the mask's name of one line."""
    whole = composed(without_ending(line.replace("\\", "/"), images.ending))
    if whole in images.files:
        return whole, whole
    for pattern in COLUMNS:
        columns = [column for column in pattern.split(line) if column]
        if len(columns) > 1 and _are_files(columns, images, masks):
            return _pair(columns, images, masks)
    found = images.resolve(line)
    if found is not None:
        return found, found
    first = next(iter(line.split()))
    if images.resolve(first) is not None:  # such as a class's column beside the names
        return _pair([first, ""], images, masks)
    return Path(whole).as_posix(), Path(whole).as_posix()


def _are_files(columns: list[str], images: Listing, masks: Listing) -> bool:
    """Whether the first two columns are an image and a mask."""
    image, mask = columns[:2]
    there = images.resolve(image) is not None and masks.resolve(mask) is not None
    return there or (_has_ending(image) and _has_ending(mask))


def _has_ending(text: str) -> bool:
    return text.lower().endswith(IMAGE_ENDINGS)


def _pair(columns: list[str], images: Listing, masks: Listing) -> tuple[str, str]:
    image, mask = columns[:2]
    name = images.resolve(image) or composed(without_ending(image.replace("\\", "/")))
    if not mask:
        return name, name
    return name, masks.resolve(mask) or composed(without_ending(mask.replace("\\", "/")))
