"""The page at ``/`` and the files that it consists of, below ``/page``.

Static files; the page reads ``/v1`` as any other client does. ``/#searches/{id}`` opens a job.
"""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi import Path as Parameter
from fastapi.responses import FileResponse

from surrogate_zoo.errors import NotFoundError

router = APIRouter(include_in_schema=False)

_FOLDER: Final = Path(__file__).parents[1] / "page"
_MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_FILES: Final = {
    path.relative_to(_FOLDER).as_posix(): path
    for path in sorted(_FOLDER.rglob("*"))
    if path.suffix in _MEDIA_TYPES
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

_READER: Final = (
    _HEADERS
    | {  # reports have their style and script in themselves, and an origin of their own
        "Content-Security-Policy": "sandbox allow-scripts allow-modals; default-src 'none'; "
        "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'",
        "X-Frame-Options": "SAMEORIGIN",
    }
)

Name = Annotated[str, Parameter(max_length=200)]


@router.get("/")
def page() -> FileResponse:
    """The page."""
    return FileResponse(_FOLDER / "index.html", headers=_HEADERS)


@router.get("/page/reader.html")
def reader() -> FileResponse:
    """The frame that a report is shown in; nothing there can reach the page or its token."""
    return FileResponse(_FOLDER / "reader.html", headers=_READER)


@router.get("/page/{name:path}")
def file(name: Name) -> FileResponse:
    """A script, a style or an icon of the page."""
    if name not in _FILES:
        raise NotFoundError(f"The page has no file {name!r}.")
    path = _FILES[name]
    return FileResponse(path, headers=_HEADERS, media_type=_MEDIA_TYPES[path.suffix])
