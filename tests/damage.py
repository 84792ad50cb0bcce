"""What may happen to a file on its way: bits flip, ends are missing, somebody edits it, or means harm."""

import json
import os
import random
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ODD: Sequence[Any] = (
    None, True, -1, 0, 1, 0.5, 2**31, 2**63, 10**40, 1e308, -1e308, "", "..", "../../../etc/passwd",
    "/etc/passwd", "~nobody/x", "a" * 5000, "\u0000", "\u202e", "=cmd|' /C calc'!A0",
    "<img src=x onerror=alert(1)>", [], {}, [[]], [1, 2, 3], {"size": [30000, 30000], "counts": "1"},
)  # fmt: skip
"""Values that nobody expects where they are."""

LINES = (
    "",
    "..",
    "../../../../etc/passwd",
    "/etc/passwd",
    "a" * 5000,
    "\x00",
    "CON",
    "~/x",
    "*",
    "a/b/c/d",
)
"""Names in lists of names."""

NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
"""What sizes in headers become."""

STARTS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    b"GIF89a\xff\xff\xff\xff",
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xff\xff\x00\x00\xff\xff\x08\x00\x00\x00\x00",
    b"\x89HDF\r\n\x1a\n",
    b"MATLAB 5.0 MAT-file",
    b"PK\x03\x04",
    b"BM",
    b"II*\x00",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",
)
"""How files of other formats begin."""


def damage(folder: Path, draw: random.Random, *, pipes: bool = True) -> None:
    """Do something to one of the files below a folder; nothing where there is none left.

    Args:
        folder: The folder.
        draw: What is done.
        pipes: A file may become a pipe.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    if not files:
        return
    path = draw.choice(files)
    deeds = [*_DEEDS]
    if path.suffix == ".json":
        deeds += [_edit_json] * len(_DEEDS)  # what else is done to them makes no JSON, mostly
    if path.suffix == ".txt":
        deeds += [_edit_lines] * len(_DEEDS)
    if path.suffix == ".safetensors":
        deeds += [_edit_header] * len(_DEEDS)
    deed = draw.choice(deeds)
    (_cut if deed is _pipe and not pipes else deed)(path, draw)


def _flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 1, 4, 32)) if content else 0):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _number(path: Path, draw: random.Random) -> None:
    """A number somewhere in it becomes another one, most often among the first: a header's."""
    content = bytearray(path.read_bytes())
    form = draw.choice(("B", "<H", ">H", "<I", ">I"))
    value = draw.choice(NUMBERS) & (256 ** struct.calcsize(form) - 1)
    end = draw.choice((64, 512, len(content)))
    at = draw.randrange(max(1, min(end, len(content)) - 3))
    content[at : at + struct.calcsize(form)] = struct.pack(form, value)
    path.write_bytes(content)


def _cut(path: Path, draw: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content) + 1)])


def _grow(path: Path, draw: random.Random) -> None:
    content, at = path.read_bytes(), draw.randrange(path.stat().st_size + 1)
    path.write_bytes(content[:at] + draw.randbytes(draw.choice((1, 100, 10_000))) + content[at:])


def _repeat(path: Path, draw: random.Random) -> None:
    content = path.read_bytes()
    at, other = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    path.write_bytes(
        content[:other] + content[at:other] * draw.choice((1, 2, 50)) + content[other:]
    )


def _start(path: Path, draw: random.Random) -> None:
    content, start = path.read_bytes(), draw.choice(STARTS)
    path.write_bytes(start + content[len(start) if draw.random() < 0.5 else 0 :])


def _swap(path: Path, draw: random.Random) -> None:
    """It gets what is in another file beside it."""
    others = sorted(other for other in path.parent.parent.rglob("*") if other.is_file())
    shutil.copyfile(draw.choice(others), path.with_name("swapped"))
    path.with_name("swapped").replace(path)


def _remove(path: Path, _draw: random.Random) -> None:
    path.unlink()


def _turn_into_folder(path: Path, _draw: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path, draw: random.Random) -> None:
    """It becomes a link to itself, to nothing, out of the folder, or to what never ends."""
    path.unlink()
    path.symlink_to(
        draw.choice((path, path.with_name("nothing"), Path("/etc/hostname"), Path("/dev/zero")))
    )


def _pipe(path: Path, _draw: random.Random) -> None:
    """Nobody writes into it: who opens it waits for ever."""
    path.unlink()
    os.mkfifo(path)


def _copy(path: Path, draw: random.Random) -> None:
    """There is one more of it, under a name that is not quite its own."""
    name = draw.choice(
        (
            f"{path.stem} (1){path.suffix}",
            f".{path.name}",
            path.name.upper(),
            "a" * 200 + path.suffix,
        )
    )
    if not path.with_name(name).exists():
        shutil.copyfile(path, path.with_name(name))


_DEEDS: tuple[Callable[[Path, random.Random], None], ...] = (
    _flip, _flip, _number, _number, _number, _cut, _cut, _grow, _repeat, _start, _swap, _remove,
    _turn_into_folder, _link, _pipe, _copy,
)  # fmt: skip


def _edit_json(path: Path, draw: random.Random) -> None:
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    path.write_text(json.dumps(_edited(document, draw)), encoding="utf-8")


def _edited(document: Any, draw: random.Random) -> Any:
    """The document with one value changed, left out, repeated, or put somewhere else."""
    if isinstance(document, dict) and document and draw.random() < 0.95:
        key = draw.choice(sorted(document))
        if draw.random() < 0.1:
            return {name: value for name, value in document.items() if name != key}
        return document | {key: _edited(document[key], draw)}
    if isinstance(document, list) and document and draw.random() < 0.95:
        at = draw.randrange(len(document))
        match draw.randrange(10):
            case 0:
                return document[:at] + document[at + 1 :]
            case 1:
                return document + document[at : at + 1] * draw.choice((1, 1000))
        return [*document[:at], _edited(document[at], draw), *document[at + 1 :]]
    return draw.choice(ODD)


def _edit_lines(path: Path, draw: random.Random) -> None:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    at = draw.randrange(len(lines) + 1)
    odd = draw.choice([*LINES, *lines, "\ud800"])
    lines = [*lines[:at], odd, *lines[at + draw.randrange(2) :]]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))


def _edit_header(path: Path, draw: random.Random) -> None:
    """The JSON at the beginning of safetensors, and what is written as JSON inside of that."""
    content = path.read_bytes()
    try:
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + size])
        told = header.get("__metadata__", {})
        if told and draw.random() < 0.7:
            key = draw.choice(sorted(told))
            told[key] = json.dumps(_edited(json.loads(told[key]), draw))
        else:
            header = _edited(header, draw)
    except (ValueError, AttributeError, TypeError, struct.error, RecursionError):
        return
    written = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + content[8 + size :])
