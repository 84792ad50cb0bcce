"""Which machines fail what they are given, so that nothing more is sent there. Knows no Ray."""

import threading

from workers.tasks.failures import Failure

PACKS = 3  # different packs that a node fails in a row before it is set aside
COUNTED: tuple[Failure, ...] = ("lost", "memory", "stuck", "unexpected")
"""Failures that may be the node's."""


class NodeHealth:
    """What failed on each node since something succeeded there; every method from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: dict[str, dict[str, str]] = {}
        self._aside: dict[str, str] = {}

    def succeeded(self, node: str) -> None:
        """Something ended well there."""
        with self._lock:
            self._failed.pop(node, None)

    def failed(self, node: str, pack: str, failure: Failure, reason: str) -> bool:
        """A pack failed there; whether the node has failed enough different ones to be set aside."""
        if failure not in COUNTED:
            return False
        with self._lock:
            packs = self._failed.setdefault(node, {})
            packs[pack] = reason
            return len(packs) >= PACKS and node not in self._aside

    def set_aside(self, node: str) -> None:
        """Send nothing more there."""
        with self._lock:
            reasons = list(self._failed.get(node, {}).values())
            self._aside[node] = f"{len(reasons)} packs failed in a row: {'; '.join(reasons[-1:])}"

    @property
    def aside(self) -> dict[str, str]:
        """Those that are set aside, and why."""
        with self._lock:
            return dict(self._aside)
