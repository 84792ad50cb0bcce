"""Which spaces a search may ask for; needs pydantic alone."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from search_service.jobs.fields import Name
from search_service.spaces.rates import RATES
from search_service.spaces.widths import WIDTHS
from workers.tasks.base import Spec

Factor = Annotated[float, Field(gt=0, le=1000)]


class CurvesSpec(Spec):
    """The paper's space: the curves of the metrics' surrogates.

    Attributes:
        scaled: Train every candidate with the norm of cross entropy's gradient, so that they differ in
            shape and not in the size of their steps; off in the paper. The loss that is published has
            that scale either way, and its provenance says where it was trained with 1.
        rates: Least and largest factor on the peak learning rate, which is then searched too; None
            leaves the rate as it is.
    """

    name: Literal["curves"] = "curves"
    scaled: bool = False
    rates: tuple[Factor, Factor] | None = None

    @model_validator(mode="after")
    def _rates_are_a_range(self) -> Self:
        check_rates(self.rates)
        return self


class ZooSpec(Spec):
    """The zoo: kinds of losses with their parameters, sums of two of them, and the rate.

    All candidates have the norm of cross entropy's gradient.

    Attributes:
        losses: Names of the handmade losses that take part, beside cross entropy; None takes all that
            need logits and target alone.
        rates: Least and largest factor on the peak learning rate.
        mixtures: Whether a loss may stand beside cross entropy, or another loss.
        class_weights: Whether weights of classes by their inverse frequency are searched too: their
            power, 0 to 1, is one more parameter of every loss that takes it.
    """

    name: Literal["zoo"] = "zoo"
    losses: tuple[Name, ...] | None = None
    rates: tuple[Factor, Factor] = RATES
    mixtures: bool = True
    class_weights: bool = False

    @model_validator(mode="after")
    def _rates_are_a_range(self) -> Self:
        check_rates(self.rates)
        return self


Width = Annotated[int, Field(ge=1, le=64)]


class MarginsSpec(Spec):
    """Margins of embeddings: those of the discriminative loss, its weights, their width, and the rate.

    Attributes:
        widths: Channels of the embeddings that are tried, ascending. Where it is not given and
            ``network.embedding`` is, that one alone.
        rates: Least and largest factor on the peak learning rate.
        radius: What the embeddings of every candidate are clustered with; None takes the radius that
            fits to a candidate's own margins: ``delta_d`` for mean-shift, 2 ``delta_v`` for threshold.
            Where it is not given and ``scoring.clustering.radius`` is, that one.
    """

    name: Literal["margins"] = "margins"
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)] = WIDTHS
    rates: tuple[Factor, Factor] = RATES
    radius: Annotated[float, Field(gt=0, le=1000)] | None = None

    @model_validator(mode="after")
    def _widths_ascend(self) -> Self:
        if list(self.widths) != sorted(set(self.widths)):
            raise ValueError("widths must ascend, each once")
        return self

    @model_validator(mode="after")
    def _rates_are_a_range(self) -> Self:
        check_rates(self.rates)
        return self


SpaceSpec = Annotated[CurvesSpec | ZooSpec | MarginsSpec, Field(discriminator="name")]


def check_rates(rates: tuple[float, float] | None) -> None:
    """Refuse a range that is none."""
    if rates is not None and rates[0] >= rates[1]:
        raise ValueError("rates must be (least, largest)")
