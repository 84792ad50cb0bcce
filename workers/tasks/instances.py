"""How objects are made of what a network predicts, as a frozen value; pydantic alone."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from workers.tasks.base import Seed, Spec

Method = Literal["mean-shift", "threshold", "components", "watershed", "border"]

RADII: Mapping[Method, float] = MappingProxyType(
    {"mean-shift": 1.5, "threshold": 1.0, "watershed": 10.0}
)
"""Radius of every method that has one, unless another is asked for."""

MOST_RADIUS = 1000.0

EMBEDDED: frozenset[Method] = frozenset({"mean-shift", "threshold"})
"""Methods that need embeddings; the others look at predicted classes alone."""

BORDER = 2
"""Label of the class border in the layouts that have one: background, nucleus, border."""


class ClusteringSpec(Spec):
    """How the pixels of predicted thing classes become objects.

    Two methods group embeddings (De Brabandere et al., 2017), each class on its own: ``mean-shift``
    around the mean that a drawn pixel shifts to, ``threshold`` around the drawn pixel itself. Their
    definition is in ``workers.instances.grouping``. Where the discriminative loss is 0 and its
    delta_d > 2 delta_v, both find the true objects with any radius in [2 delta_v, 2 delta_d - 2 delta_v].
    The radius unless another is given is right for delta_v = 0.5 and delta_d = 1.5: delta_d, and
    2 delta_v for ``threshold``; what is right on images depends on both and is tuned on held-out ones
    (``workers.instances.tuning``), that of ``watershed`` too, which cuts objects apart where it is small.

    Three methods are rivals that need no embeddings: ``components``, pixels of a class that touch,
    diagonally too; ``watershed``, components cut along the valleys of their distance transform; and
    ``border``, for networks that predict a border class: components of the one thing class, and each
    border pixel given to the nearest of them.

    Attributes:
        method: One of these.
        radius: Of ``mean-shift`` and ``threshold``, the distance of embeddings (Euclidean) up to which
            pixels belong together. Of ``watershed``, the distance in whole pixels up to which a peak
            of the distance transform hides a lower one. None for the methods that have none.
        within: Of ``mean-shift`` and ``threshold``: pixels of a class belong together in the whole
            ``image``, or only inside ``components`` of the class's pixels.
        merge: Of ``mean-shift``: pixels that shift close to an earlier object's centre join it, as in
            scikit-learn, instead of being small objects of their own.
        min_pixels: Smaller objects are left out, their pixels belong to no object.
        seed: Of the drawn pixels, together with the image's own number.
        border: Of ``border``, the label of that class; None for the other methods.
    """

    method: Method = "mean-shift"
    radius: Annotated[float, Field(gt=0, le=MOST_RADIUS)] | None = None
    within: Literal["image", "components"] = "image"
    merge: bool = False
    min_pixels: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1
    seed: Seed = 0
    border: Annotated[int, Field(ge=0, le=254)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        filled: dict[str, Any] = dict(given)
        method = filled.get("method", "mean-shift")
        if filled.get("radius") is None and isinstance(method, str):
            filled["radius"] = RADII.get(method)  # type: ignore[call-overload]  # any text so far
        if filled.get("border") is None and method == "border":
            filled["border"] = BORDER
        return filled

    @model_validator(mode="after")
    def _says_nothing_in_vain(self) -> Self:
        if self.radius is not None and self.method not in RADII:
            raise ValueError(f"{self.method} has no radius: leave it out")
        if self.method == "watershed" and self.radius != int(self.radius or 0):
            raise ValueError("the radius of watershed is in whole pixels, such as 10")
        if self.within == "components" and self.method not in EMBEDDED:
            raise ValueError(f"within belongs to mean-shift and threshold, not to {self.method}")
        if self.merge and self.method != "mean-shift":
            raise ValueError(f"merge belongs to mean-shift, not to {self.method}")
        if self.border is not None and self.method != "border":
            raise ValueError(f"border is a label for the method border, not for {self.method}")
        return self
