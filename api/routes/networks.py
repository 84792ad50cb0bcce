"""``/v1/networks``: the segmentation networks that can be trained."""

from fastapi import APIRouter

from api.catalogue_schemas import NetworkView
from api.schemas import Items
from workers.networks.architectures import ARCHITECTURES, Architecture

router = APIRouter(prefix="/networks", tags=["networks"])


@router.get("")
def list_networks() -> Items[NetworkView]:
    """All networks by the name that `network.architecture` takes; most take any encoder."""
    return Items(items=[_view(architecture) for architecture in ARCHITECTURES.values()])


def _view(architecture: Architecture) -> NetworkView:
    return NetworkView(
        name=architecture.name,
        summary=architecture.summary,
        source=architecture.source,
        package=architecture.package or None,
    )
