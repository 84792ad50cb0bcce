"""``/docs``: the description of all routes by Swagger UI, which the package fastapi-swagger brings."""

from importlib.resources import files
from pathlib import Path
from typing import Final

import fastapi_swagger.resources as bundle
from fastapi import APIRouter
from fastapi.responses import FileResponse

from surrogate_zoo.errors import NotFoundError

router = APIRouter(include_in_schema=False)

_PAGE: Final = Path(__file__).parents[1] / "page"
_BUNDLE: Final = Path(str(files(bundle)))
_FILES: Final = {
    "reference.js": _PAGE / "reference.js",
    "swagger-ui-bundle.js": _BUNDLE / "swagger-ui-bundle.js",
    "swagger-ui.css": _BUNDLE / "swagger-ui.css",
}
_HEADERS: Final = {  # it styles its elements one by one, and draws its icons from data
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


@router.get("/docs")
def reference() -> FileResponse:
    """The page."""
    return FileResponse(_PAGE / "reference.html", headers=_HEADERS)


@router.get("/docs/{name}")
def file(name: str) -> FileResponse:
    """What it consists of."""
    if name not in _FILES:
        raise NotFoundError(f"/docs has no file {name!r}.")
    return FileResponse(_FILES[name], headers=_HEADERS)
