"""Which networks a request may ask for. Needs no torch."""

from pathlib import Path
from typing import TypeVar

from search_service.requests import RetrainingRequest, SearchRequest
from search_service.settings import Settings
from surrogate_zoo.errors import InputError
from workers.architectures import ARCHITECTURES

Request = TypeVar("Request", SearchRequest, RetrainingRequest)


def admitted(settings: Settings, request: Request) -> Request:
    """Return a request with its file of weights in full, as far as this machine can tell.

    Encoder and options are checked by the worker that builds the network.

    Raises:
        UnknownNameError: There is no such architecture.
        InputError: The file of weights is not there, or lies outside ``settings.weights_roots``
            (after symlinks).
    """
    network = request.network
    _ = ARCHITECTURES[network.architecture]
    if network.weights_file is None:
        return request
    path = str(_within(settings, network.weights_file))
    return request.model_copy(update={"network": network.model_copy(update={"weights_file": path})})


def _within(settings: Settings, name: str) -> Path:
    path = Path(name).expanduser().resolve()
    allowed = [folder.expanduser().resolve() for folder in settings.weights_roots]
    if not any(path.is_relative_to(folder) for folder in allowed):
        raise InputError(
            f"{name} lies outside the folders that weights may be in "
            f"({', '.join(map(str, allowed)) or 'none'}): set SEGLOSS_WEIGHTS_ROOTS on the service."
        )
    if not path.is_file():
        raise InputError(f"There is no file of weights at {path}.")
    return path
