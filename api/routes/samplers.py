"""``/v1/samplers``: what may propose the candidates of a search."""

from typing import get_args

from fastapi import APIRouter

from api.schemas import Samplers, SamplerView
from search_service.samplers.specs import SamplerSpec

router = APIRouter(prefix="/samplers", tags=["samplers"])


@router.get("")
def list_samplers() -> Samplers:
    """All samplers by the name that `sampler.name` takes, with their options."""
    specs = get_args(get_args(SamplerSpec)[0])
    return Samplers(items=[SamplerView.of(spec) for spec in specs])
