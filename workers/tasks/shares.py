"""The part of one process in a training that several share: what it is told by the pool."""

from dataclasses import dataclass

from surrogate_zoo.errors import InputError


@dataclass(frozen=True)
class Share:
    """One process's part in a shared training.

    Attributes:
        rank: Number of the process, 0 for the one that looks, stops and writes.
        world: How many there are.
        host: Address of the machine of rank 0, as the others reach it.
        port: Where rank 0 listens for them.
    """

    rank: int
    world: int
    host: str
    port: int


def check_devices(devices: int, workers: int) -> None:
    """Refuse a training that wants more workers at once than there are.

    Args:
        devices: How many it asks for.
        workers: How many the service keeps up.

    Raises:
        InputError: They are too few.
    """
    if devices > workers:
        raise InputError(
            f"The training asks for {devices} devices, and the service has {workers} workers: ask for "
            f"fewer, or start the service with LOSSFIT_ACTORS={devices} where there is room for them."
        )
