"""The one allow-list: which paths a caller may have the service read."""

from collections.abc import Sequence
from pathlib import Path

from surrogate_zoo.errors import InputError


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
    path = Path(text).expanduser().resolve()
    allowed = [root.expanduser().resolve() for root in roots]
    if not any(path.is_relative_to(root) for root in allowed):
        raise InputError(
            f"{text} lies outside the folders that {content} may be in "
            f"({', '.join(map(str, allowed)) or 'none'}): set {variable} on the service."
        )
    return path
