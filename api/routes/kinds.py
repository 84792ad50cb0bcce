"""``/v1/kinds``: the kinds of jobs, and where their collections are."""

from fastapi import APIRouter

from api.schemas import Items, KindView
from search_service.kinds import KINDS

router = APIRouter(prefix="/kinds", tags=["kinds"])


@router.get("")
def list_kinds() -> Items[KindView]:
    """All kinds of jobs; the jobs of each are at `/v1/{path}`."""
    return Items(items=[KindView.model_validate(kind) for kind in KINDS.values()])
