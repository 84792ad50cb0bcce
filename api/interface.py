"""The REST interface as a file under version control, so that a change of it is seen: ``make openapi``."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from api.app import create_app
from search_service.settings import Settings


def described() -> dict[str, Any]:
    """The OpenAPI document of a service without a token, whatever version it is of."""
    with tempfile.TemporaryDirectory() as home:
        document = create_app(Settings(home=Path(home), token=None, root_path="")).openapi()
    document["info"]["version"] = "v1"
    return document


def as_text(document: dict[str, Any]) -> str:
    """The document as the file holds it."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(as_text(described()), encoding="utf-8")
