"""Whether Ray's own processes on this machine are there: no call of Ray tells in time, some never return."""

import socket
import threading
from collections.abc import Callable

import ray

from workers.cluster.calls import this_node

LOOK = 2.0  # seconds between two looks
TIMES = 2  # looks in a row that find a process gone
PATIENCE = 5.0  # seconds to answer a connection


class RayWatch:
    """Looks in a thread of its own, while it is open, whether raylet and GCS take connections."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._lost: str | None = None
        self._thread = threading.Thread(target=self._look, name="ray-watch", daemon=True)

    def open(self) -> None:
        """Begin to look; this process must be connected to Ray."""
        address = ray.get_runtime_context().gcs_address
        host, _, port = address.rpartition(":")
        (raylet,) = (
            node["RayletSocketName"]
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["NodeID"] == this_node()
        )
        self._asked = {
            f"The GCS of Ray at {address} is gone.": lambda: _answers((host, int(port))),
            "Ray's node on this machine is gone.": lambda: _answers(raylet),
        }
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._over.set()

    @property
    def lost(self) -> str | None:
        """Why nothing can be done with this Ray any more; None while it is well."""
        return self._lost

    def _look(self) -> None:
        gone: dict[str, int] = dict.fromkeys(self._asked, 0)
        while not self._over.wait(LOOK):
            for reason, answers in self._asked.items():
                gone[reason] = 0 if answers() else gone[reason] + 1
                if gone[reason] >= TIMES:
                    self._lost = reason
                    return

    _asked: dict[str, Callable[[], bool]]


def _answers(address: str | tuple[str, int]) -> bool:
    """Whether somebody listens; who is only slow counts as there."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as asking:
        asking.settimeout(PATIENCE)
        try:
            asking.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
