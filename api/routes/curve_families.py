"""``/v1/curve-families``: the curves that a search may shape its surrogate with."""

from fastapi import APIRouter

from api.catalogue_schemas import CurveFamilyView
from api.schemas import Items
from surrogate_zoo.curves.families import CURVE_FAMILIES

router = APIRouter(prefix="/curve-families", tags=["curve families"])


@router.get("")
def list_curve_families() -> Items[CurveFamilyView]:
    """All families by the name that `family` takes, with the constraints that each keeps."""
    return Items(
        items=[CurveFamilyView.model_validate(family) for family in CURVE_FAMILIES.values()]
    )
