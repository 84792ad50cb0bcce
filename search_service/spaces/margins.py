"""Margins, weights and width of instance embeddings as a search space. No torch.

A point is a sum of cross entropy, which learns the classes, and the discriminative loss (De Brabandere
et al., 2017), which learns the embeddings, together with the width of these and the learning rate. The
radius that objects are found with belongs to the margins: a candidate is scored with its own.

Theta holds a share in 0..1 for every parameter, on the parameter's own scale, so that samplers of boxes
and the portfolio see the same numbers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from search_service.spaces.rates import RATES
from search_service.spaces.space import Draft, Theta, joint_target
from search_service.spaces.widths import WIDTHS
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.dimensions import Dimension
from surrogate_zoo.losses.document import Document, handmade_document, sum_document
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.metrics.targets import Target
from workers.tasks.instances import ClusteringSpec

MARGINS: Final = (
    Dimension("delta_v", 0.1, 2.5, log=True),
    Dimension("ratio", 1.5, 6.0, log=True),
    Dimension("beta", 0.1, 10.0, log=True),
    Dimension("gamma", 1e-5, 0.1, log=True),
    Dimension("weight", 0.1, 10.0, log=True),
)
"""What is searched of the loss: delta_v; delta_d by delta_v; the weights of L_dist and of L_reg where
that of L_var is 1; and the weight of the whole beside cross entropy. The paper's are half-way in each.

Where the loss is 0, clustering is exact for ratios above 2; smaller ones are searched too, since on
images the loss never is.
"""

MEAN_SHIFT: Final = ClusteringSpec()

PAPERS: Final = "paper's margins"
SEARCHED: Final = "searched margins"

_DISCRIMINATIVE: Final = "discriminative"
_DIGITS: Final = 6
"""Values have so many digits: what is told is what is trained with, and the paper's are as it has them."""


@dataclass(frozen=True)
class MarginSpace:
    """Margins, weights and width of embeddings, and the learning rate; one box, all of it shares.

    Attributes:
        metrics: What is searched for: scores of objects, or weighted sums with some, each with a winner.
        widths: Channels of the embeddings that are tried, ascending; a single one is no parameter.
        rates: Least and largest factor on the learning rate.
        clustering: How objects are found, but for the radius.
        radius: What every candidate is clustered with; None takes the one that fits to its margins,
            as :func:`fitting_radius` tells.
    """

    metrics: tuple[str, ...]
    widths: tuple[int, ...] = WIDTHS
    rates: tuple[float, float] = RATES
    clustering: ClusteringSpec = MEAN_SHIFT
    radius: float | None = None

    @cached_property
    def target(self) -> Target:
        """All scores that are searched for, each once."""
        return joint_target(self.metrics)

    @property
    def parameters(self) -> tuple[Dimension, ...]:
        """What the shares are of, in their order; the width is one more before them where it is searched."""
        return (Dimension("rate", *self.rates, log=True), *MARGINS)

    @property
    def names(self) -> tuple[str, ...]:
        """One name a parameter."""
        width = ("width",) if len(self.widths) > 1 else ()
        return (*width, *(parameter.name for parameter in self.parameters))

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        return len(self.names)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The box of shares."""
        return tuple(Dimension(name, 0.0, 1.0) for name in self.names)

    @property
    def low(self) -> NDArray[np.float64]:
        """Lower corner of the box, shape (dimension,)."""
        return np.zeros(self.dimension)

    @property
    def high(self) -> NDArray[np.float64]:
        """Upper corner of the box, shape (dimension,)."""
        return np.ones(self.dimension)

    @property
    def bounded(self) -> bool:
        """Theta must lie in the box."""
        return True

    @property
    def start(self) -> NDArray[np.float64]:
        """The paper's setting with the middle width, at the schedule's own rate, shape (dimension,)."""
        return np.array(self._papers(self.widths[len(self.widths) // 2], 1.0))

    @property
    def kinds(self) -> tuple["MarginSpace"]:
        """All of it is of one kind."""
        return (self,)

    def portfolio(self, rates: Sequence[float]) -> list[Theta]:
        """The paper's setting with every width at each of these rates, as far as the box holds them."""
        return list(
            dict.fromkeys(self._papers(width, rate) for width in self.widths for rate in rates)
        )

    def couples(self, thetas: Sequence[Theta]) -> list[Theta]:  # noqa: ARG002
        """None: margins make no sums."""
        return []

    def parts(self, theta: Sequence[float]) -> tuple[int, Theta]:
        """See :class:`search_service.spaces.space.PortfolioSpace`."""
        return 0, tuple(theta)

    def joined(self, kind: int, point: Sequence[float]) -> Theta:  # noqa: ARG002 - there is one kind
        """See :class:`search_service.spaces.space.PortfolioSpace`."""
        return tuple(point)

    def named(self, theta: Sequence[float]) -> dict[str, Any]:
        """What the shares stand for, and the radius; ``delta_d`` in place of its ratio to ``delta_v``.

        Raises:
            InputError: See :meth:`candidate`.
        """
        self._check(theta)
        shares = tuple(theta[-len(self.parameters) :])
        width = self._width(theta[0]) if len(self.widths) > 1 else self.widths[0]
        values = {p.name: _value(p, s) for p, s in zip(self.parameters, shares, strict=True)}
        rate, delta_v, ratio = (values.pop(name) for name in ("rate", "delta_v", "ratio"))
        margins = {"delta_v": delta_v, "delta_d": _rounded(delta_v * ratio)}
        radius = fitting_radius(self.clustering, margins) if self.radius is None else self.radius
        return {"rate": rate, "width": width, **margins, **values, "radius": radius}

    def candidate(self, theta: Sequence[float]) -> Draft:
        """What a theta stands for; its loss needs no scale, for at the logits it is cross entropy.

        Raises:
            InputError: It has another length, or leaves the box.
        """
        named = self.named(theta)
        clustering = self.clustering.model_copy(update={"radius": named["radius"]})
        return Draft(_loss(named), named["rate"], named["width"], clustering)

    def plain(self, theta: Sequence[float]) -> bool:
        """Whether margins and weights are the paper's, with whichever width, at whatever rate."""
        named = self.named(theta)
        return all(named[name] == value for name, value in _papers_values().items())

    def handmade(self, theta: Sequence[float]) -> bool:
        """As :meth:`plain`: nothing else is of the literature."""
        return self.plain(theta)

    def group(self, theta: Sequence[float]) -> str:
        """Whether the margins are the paper's, and the width."""
        margins = PAPERS if self.plain(theta) else SEARCHED
        return f"{margins}, width {self.named(theta)['width']}"

    def _papers(self, width: int, rate: float) -> Theta:
        """The paper's setting; a rate outside of the box is taken as the end that it is past."""
        paper = _papers_values()
        values = {**paper, "ratio": paper["delta_d"] / paper["delta_v"], "rate": rate}
        shares = [_share(parameter, values[parameter.name]) for parameter in self.parameters]
        place = (self.widths.index(width) + 0.5) / len(self.widths)
        return (*((place,) if len(self.widths) > 1 else ()), *shares)

    def _width(self, share: float) -> int:
        """Every width has an equal part of the range."""
        return self.widths[min(int(share * len(self.widths)), len(self.widths) - 1)]

    def _check(self, theta: Sequence[float]) -> None:
        if len(theta) != self.dimension:
            raise InputError(f"theta must have {self.dimension} numbers, not {len(theta)}.")
        for dimension, share in zip(self.dimensions, theta, strict=True):
            if not dimension.holds(share):
                raise InputError(
                    f"{dimension.name} must be a share of its range in [0, 1], not {share}."
                )


def fitting_radius(clustering: ClusteringSpec, margins: Mapping[str, float]) -> float:
    """The radius that belongs to ``delta_v`` and ``delta_d``.

    Where the loss is 0 and delta_d > 2 delta_v, objects are found exactly with it: ``threshold`` looks
    2 delta_v far, the most by which two pixels of an object are apart; ``mean-shift`` delta_d far, half
    of what the means of two objects are apart.
    """
    if clustering.method == "threshold":
        return _rounded(2 * margins["delta_v"])
    return margins["delta_d"]


def _papers_values() -> dict[str, float]:
    """Margins and weights as the paper has them, cross entropy beside them one to one."""
    parameters = _defaults()
    return {n: parameters[n] for n in ("delta_v", "delta_d", "beta", "gamma")} | {"weight": 1.0}


def _defaults() -> dict[str, Any]:
    parameters: dict[str, Any] = LOSSES[_DISCRIMINATIVE].document()["parameters"]
    return parameters


def _loss(named: Mapping[str, Any]) -> Document:
    """The sum; its terms' scales are 1 as in the literature."""
    searched = {name: named[name] for name in ("delta_v", "delta_d", "beta", "gamma")}
    title = LOSSES[_DISCRIMINATIVE].title
    parameters = _defaults() | {"alpha": 1.0} | searched
    embeddings = handmade_document(_DISCRIMINATIVE, _DISCRIMINATIVE, parameters, title=title)
    terms = [(1.0, LOSSES["cross-entropy"].document()), (named["weight"], embeddings)]
    return sum_document("margins", terms)


def _value(parameter: Dimension, share: float) -> float:
    """The value at a share of a logarithmic range."""
    value = _rounded(parameter.low * (parameter.high / parameter.low) ** share)
    return min(max(value, parameter.low), parameter.high)


def _share(parameter: Dimension, value: float) -> float:
    """Where a value lies in a logarithmic range; the nearest end where it lies outside."""
    share = math.log(value / parameter.low) / math.log(parameter.high / parameter.low)
    return min(max(share, 0.0), 1.0)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
