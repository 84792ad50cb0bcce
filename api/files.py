"""Stored files as answers: whole or, with the header Range, in parts."""

from fastapi.responses import FileResponse

from api.dependencies import Responses, Service
from search_service import artifacts

FILE: Responses = {
    200: {
        "description": "The whole file.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {
        "description": "The asked range of bytes.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
}
"""What a route that answers with a file documents."""


def stored_file(parts: Service, sha256: str, name: str, media_type: str) -> FileResponse:
    """The file that is stored under a SHA-256, as a download of this name.

    Raises:
        NotFoundError: There is none.
        StorageError: It is damaged.
    """
    return FileResponse(
        artifacts.open_artifact(parts.settings.artifacts_root, sha256),
        media_type=media_type,
        filename=name,
        headers={"ETag": f'"{sha256}"'},
    )
