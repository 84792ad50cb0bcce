"""Which networks a request may ask for. Needs no torch."""

from search_service.catalogue.folders import allowed_path
from search_service.settings import Settings
from surrogate_zoo.errors import InputError
from workers.networks.encoders import check_encoder
from workers.tasks.networks import NetworkSpec


def checked(settings: Settings, network: NetworkSpec) -> NetworkSpec:
    """Return a network with the path of its file of weights in full.

    Options are checked by the worker that builds it, and the tag of an encoder's weights.

    Raises:
        UnknownNameError: There is no such architecture or encoder.
        InputError: The architecture needs an encoder or has none to choose, the file of weights is not
            there, or lies outside ``settings.weights_roots`` (after symlinks).
    """
    check_encoder(network)
    if network.weights_file is None:
        return network
    path = allowed_path(
        network.weights_file,
        settings.weights_roots,
        content="weights",
        variable="LOSSFIT_WEIGHTS_ROOTS",
    )
    if not path.is_file():
        raise InputError(f"There is no file of weights at {path}.")
    return network.model_copy(update={"weights_file": str(path)})
