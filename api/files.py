"""Stored files as answers: whole or, with the header Range, in parts."""

from fastapi import Response
from fastapi.responses import FileResponse

from api.dependencies import Responses, Service
from search_service.store import artifacts

FILE: Responses = {
    200: {
        "description": "The whole file.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {
        "description": "The asked range of bytes.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "The file is the one that If-None-Match names."},
}
"""What a route that answers with a file documents."""


def stored_file(
    parts: Service, sha256: str, name: str, media_type: str, etags: str | None
) -> Response:
    """The file that is stored under a SHA-256, as a download of this name.

    Its ETag is the SHA-256. Several ranges come as ``multipart/byteranges``, more than a hundred
    as the whole file.

    Args:
        parts: The service.
        sha256: Of the file.
        name: Suggested to whoever saves it.
        media_type: Its media type.
        etags: The header If-None-Match. What the client has already is neither read nor sent.

    Raises:
        NotFoundError: There is none.
        StorageError: It is damaged.
    """
    headers = {"ETag": f'"{sha256}"'}
    if etags is not None and _names(etags, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    path = artifacts.open_artifact(parts.settings.artifacts_root, sha256)
    return FileResponse(path, media_type=media_type, filename=name, headers=headers)


def _names(etags: str, etag: str) -> bool:
    """Whether If-None-Match names an ETag, weakly compared (RFC 9110, section 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in etags.split(",")]
    return "*" in tags or etag in tags
