"""``/v1/networks``: the segmentation networks that can be trained."""

from fastapi import APIRouter

from api.schemas import Networks, NetworkView
from workers.networks.architectures import ARCHITECTURES

router = APIRouter(prefix="/networks", tags=["networks"])


@router.get("")
def list_networks() -> Networks:
    """All networks by the name that `network.architecture` takes; most take any encoder."""
    return Networks(items=[NetworkView.of(architecture) for architecture in ARCHITECTURES.values()])
