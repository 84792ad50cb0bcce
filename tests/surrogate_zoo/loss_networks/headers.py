"""What a file of a loss network says about itself, read past the code that is tested."""

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open


def header_of(path: Path) -> dict[str, Any]:
    """Kind, parameters and provenance."""
    with safe_open(path, framework="pt") as file:
        header: dict[str, Any] = json.loads(file.metadata()["lossfit"])
    return header
