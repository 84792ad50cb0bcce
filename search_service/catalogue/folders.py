"""The one allow-list: which paths a caller may have the service read."""

from collections.abc import Sequence
from pathlib import Path

from surrogate_zoo.errors import InputError

_SHOWN = 200  # characters of a path in a message


def allowed_path(text: str, roots: Sequence[Path], *, content: str, variable: str) -> Path:
    """Return a path in full, symlinks followed, that lies in one of the folders that are allowed.

    Args:
        text: The path as a caller wrote it; ``~`` is the service's own home.
        roots: The folders.
        content: What lies there, for the message: ``datasets``.
        variable: The setting that names the folders, for the message.

    Raises:
        InputError: It lies outside all of them, or is no path.
    """
    if "\0" in text:
        raise InputError(f"The path of {content} must not hold a NUL character.")
    try:
        path = Path(text).expanduser().resolve()
        path.exists()  # looks at every part of it
    except (
        OSError,
        RuntimeError,
        ValueError,
    ) as error:  # an unknown user's ~, a loop, a name too long
        raise InputError(
            f"{_short(text)} cannot be the path of {content}: {_short(str(error))}."
        ) from error
    allowed = [root.expanduser().resolve() for root in roots]
    if not any(path.is_relative_to(root) for root in allowed):
        raise InputError(
            f"{_short(text)} lies outside the folders that {content} may be in "
            f"({', '.join(map(str, allowed)) or 'none'}): set {variable} on the service."
        )
    return path


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
