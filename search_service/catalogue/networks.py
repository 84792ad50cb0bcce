"""Which networks a request may ask for. Needs no torch."""

from pathlib import Path
from typing import TypeVar

from search_service.comparisons.request import ComparisonRequest
from search_service.retrainings.request import RetrainingRequest
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from surrogate_zoo.errors import InputError
from workers.networks.architectures import ARCHITECTURES
from workers.tasks.networks import NetworkSpec

Request = TypeVar("Request", SearchRequest, RetrainingRequest, ComparisonRequest)


def admitted(settings: Settings, request: Request) -> Request:
    """Return a request with its files of weights in full, as far as this machine can tell.

    Encoder and options are checked by the worker that builds the network.

    Raises:
        UnknownNameError: There is no such architecture.
        InputError: A file of weights is not there, or lies outside ``settings.weights_roots``
            (after symlinks).
    """
    if isinstance(request, ComparisonRequest):
        networks = tuple(_admitted(settings, network) for network in request.networks)
        return request.model_copy(update={"networks": networks})
    return request.model_copy(update={"network": _admitted(settings, request.network)})


def _admitted(settings: Settings, network: NetworkSpec) -> NetworkSpec:
    _ = ARCHITECTURES[network.architecture]
    if network.weights_file is None:
        return network
    return network.model_copy(update={"weights_file": str(_within(settings, network.weights_file))})


def _within(settings: Settings, name: str) -> Path:
    path = Path(name).expanduser().resolve()
    allowed = [folder.expanduser().resolve() for folder in settings.weights_roots]
    if not any(path.is_relative_to(folder) for folder in allowed):
        raise InputError(
            f"{name} lies outside the folders that weights may be in "
            f"({', '.join(map(str, allowed)) or 'none'}): set LOSSFIT_WEIGHTS_ROOTS on the service."
        )
    if not path.is_file():
        raise InputError(f"There is no file of weights at {path}.")
    return path
