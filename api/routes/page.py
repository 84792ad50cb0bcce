"""The page at ``/``: the jobs, a search's scores while it runs, its figures afterwards.

Static files; it reads ``/v1``. ``/#searches/{id}`` opens a job.
"""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse

router = APIRouter(include_in_schema=False)

_FILES: Final = Path(__file__).parents[1] / "page"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@router.get("/")
def page() -> FileResponse:
    """The page."""
    return FileResponse(_FILES / "index.html", headers=_HEADERS)


@router.get("/page.css")
def style() -> FileResponse:
    """Its style."""
    return FileResponse(_FILES / "page.css", headers=_HEADERS)


@router.get("/page.js")
def script() -> FileResponse:
    """Its script."""
    return FileResponse(_FILES / "page.js", headers=_HEADERS, media_type="text/javascript")


@router.get("/chart.js")
def chart() -> FileResponse:
    """What draws a search's scores."""
    return FileResponse(_FILES / "chart.js", headers=_HEADERS, media_type="text/javascript")
