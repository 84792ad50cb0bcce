"""What tells a loss network that a request names, for people. Needs nothing that is not of Python."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def mark_of(network: str | Mapping[str, Any]) -> str:
    """What tells a network that was named: the first 16 digits of its SHA-256, or of its training's."""
    if not isinstance(network, str):
        network = hashlib.sha256(json.dumps(network, sort_keys=True).encode()).hexdigest()
    return network[:16]


def plain(kind: str) -> str:
    """A kind of loss network as people write it."""
    return kind.replace("_", " ")
