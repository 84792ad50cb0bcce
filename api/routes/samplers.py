"""``/v1/samplers``: what may propose the candidates of a search."""

from typing import get_args

from fastapi import APIRouter
from pydantic import BaseModel

from api.catalogue_schemas import SamplerView
from api.schemas import Items
from search_service.samplers.specs import SamplerSpec

router = APIRouter(prefix="/samplers", tags=["samplers"])


@router.get("")
def list_samplers() -> Items[SamplerView]:
    """All samplers by the name that `sampler.name` takes, with their options."""
    specs = get_args(get_args(SamplerSpec)[0])
    return Items(items=[_view(spec) for spec in specs])


def _view(spec: type[BaseModel]) -> SamplerView:
    name = str(spec.model_fields["name"].default)
    summary = (spec.__doc__ or "").strip().partition("\n")[0]
    return SamplerView(name=name, summary=summary, options=spec.model_json_schema())
