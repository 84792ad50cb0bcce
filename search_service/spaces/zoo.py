"""The zoo as a search space: which loss, with which parameters, beside how much of another, at which rate.

A point is a kind of loss and, for that kind alone, values of its own parameters; so a search can pick a
handmade loss as well as bend a metric's curves, or add two losses that are good alone. No torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Final

import numpy as np

from search_service.spaces.kinds import CROSS_ENTROPY, SHARE, LossKind
from search_service.spaces.rates import RATES
from search_service.spaces.space import Draft, Theta, joint_target
from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.losses.dimensions import Dimension
from surrogate_zoo.losses.document import Document, handmade_document, surrogate_document
from surrogate_zoo.losses.drafts import in_mode, sum_draft
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.published import PUBLISHED_METRICS, published_document
from surrogate_zoo.losses.registry import LOSSES, needs_of
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.modes import MULTICLASS, MULTILABEL
from surrogate_zoo.needs import CLASS_IMAGE_PIXELS, CLASS_PIXELS

SECOND: Final = Dimension("second", 0.1, 0.9)
"""Weight of the second loss of a sum of two; the first has the rest. Both have the same gradient's norm."""

EVEN: Final = 0.5
_AND: Final = " + "

POWER: Final = Dimension("class_power", 0.0, 1.0)
"""Exponent of the weights of classes by their inverse frequency; 0 is without."""

_COUNTED = {CLASS_PIXELS, CLASS_IMAGE_PIXELS}
_FIRST: Final = 2
"""A theta's entries are the kind, the rate, and then those of the kind."""


_Start = tuple[int, Theta]
"""A kind's number and one of its starts."""


@dataclass(frozen=True)
class ZooSpace:
    """All losses that need logits and target alone, the surrogates of the metrics, and sums of two of them.

    A theta is the number of a kind, the factor on the learning rate, and the kind's own parameters: its
    length differs between kinds.

    Attributes:
        metrics: What is searched for: metrics, or weighted sums of some, each with a winner.
        family: Curve family of the surrogates of these metrics.
        segments: Segments a curve; None takes the family's or the metric's own.
        losses: Names of the handmade losses that take part; None takes all.
        rates: Least and largest factor on the learning rate.
        mixtures: Whether losses may stand beside cross entropy, and beside each other.
        mode: Of the logits, which candidates say: ``multiclass`` or ``multilabel``. Losses that weigh
            classes which exclude each other take no part in the latter.
        weights: Whether a kind that takes weights of classes has :data:`POWER` among its parameters.
        options: Options of the surrogates, such as ``tolerance``.
        priors: Points that are tried after the portfolio's own, each at its own rate.
    """

    metrics: tuple[str, ...]
    family: str = "bezier"
    segments: int | None = None
    losses: tuple[str, ...] | None = None
    rates: tuple[float, float] = RATES
    mixtures: bool = True
    options: Mapping[str, Any] | None = None
    priors: tuple[Theta, ...] = ()
    weights: bool = False
    mode: str = MULTICLASS

    def __post_init__(self) -> None:
        """Refuse unknown metrics, families and losses."""
        strange = sorted(set(self.losses or ()) - set(handmade_losses()))
        if strange:
            raise UnknownNameError(
                "loss that takes logits and target alone", strange[0], handmade_losses()
            )
        _ = self.kinds

    @cached_property
    def target(self) -> Target:
        """All metrics that are searched for, each once."""
        return joint_target(self.metrics)

    @cached_property
    def kinds(self) -> tuple[LossKind, ...]:
        """The kinds, cross entropy first, and behind them the sums of two."""
        return (*self.singles, *self._sums.values())

    @cached_property
    def singles(self) -> tuple[LossKind, ...]:
        """The kinds that are no sums of two others, cross entropy first."""
        own = self.target.metrics
        others = [name for name in PUBLISHED_METRICS if name not in own]
        handmade = [
            name
            for name in handmade_losses()
            if name == CROSS_ENTROPY or self.losses is None or name in self.losses
        ]
        if self.mode == MULTILABEL:
            others = [name for name in others if METRICS[name].multilabel != "none"]
            handmade = [name for name in handmade if not needs_of(name).facts]
        return (
            *(self._handmade(name) for name in handmade),
            *(self._surrogate(name) for name in own),
            *(self._published(name) for name in others),
        )

    def portfolio(self, rates: Sequence[float]) -> list[Theta]:
        """What a search tries first: every start of every kind at each of these rates, then the priors.

        A rate outside of the space's is taken as the end that it is past.
        """
        low, high = self.rates
        starts: list[Theta] = [
            (float(number), min(max(rate, low), high), *start)
            for number, kind in enumerate(self.singles)
            for start in kind.starts
            for rate in rates
        ]
        return list(dict.fromkeys((*starts, *self.priors)))

    def couples(self, thetas: Sequence[Theta]) -> list[Theta]:
        """Even sums of two of these points at the mean of their rates; see ``PortfolioSpace``.

        Of points that the portfolio holds, by their kinds and parameters: others have no sum here.
        """
        found = [
            theta
            for later, second in enumerate(thetas)
            for first in thetas[:later]
            if (theta := self._couple(first, second)) is not None
        ]
        return list(dict.fromkeys(found))

    def kind(self, theta: Sequence[float]) -> LossKind:
        """The kind of a theta.

        Raises:
            InputError: There is no such kind.
        """
        number = theta[0] if len(theta) else -1
        if not float(number).is_integer() or not 0 <= number < len(self.kinds):
            raise InputError(
                f"theta must begin with the number of a kind, 0..{len(self.kinds) - 1}."
            )
        return self.kinds[int(number)]

    def parts(self, theta: Sequence[float]) -> tuple[int, Theta]:
        """See :class:`search_service.spaces.space.PortfolioSpace`."""
        return int(theta[0]), tuple(theta[1:])

    def joined(self, kind: int, point: Sequence[float]) -> Theta:
        """See :class:`search_service.spaces.space.PortfolioSpace`."""
        return (float(kind), *point)

    def group(self, theta: Sequence[float]) -> str:
        """The name of the theta's kind."""
        return self.kind(theta).name

    def handmade(self, theta: Sequence[float]) -> bool:
        """Whether its kind is a loss of the literature."""
        return self.kind(theta).handmade

    def candidate(self, theta: Sequence[float]) -> Draft:
        """See :class:`search_service.spaces.space.Space`."""
        draft = self.kind(theta).candidate(theta[1:])
        return replace(draft, loss=in_mode(draft.loss, self.mode))

    def named(self, theta: Sequence[float]) -> dict[str, Any]:
        """``loss`` and ``rate``, and the kind's own parameters."""
        kind = self.kind(theta)
        return {"loss": kind.name} | dict(zip(kind.names, theta[1:], strict=True))

    def plain(self, theta: Sequence[float]) -> bool:
        """Whether it is a handmade loss just as the literature has it, at whatever rate."""
        kind = self.kind(theta)
        return kind.handmade and tuple(theta[_FIRST:]) in kind.starts

    def _couple(self, first: Theta, second: Theta) -> Theta | None:
        """The even sum of two points; None where they have none."""
        rate = float(np.sqrt(first[1] * second[1]))
        one, other = sorted((_start_of(first), _start_of(second)))
        if one == (0, ()):
            kind = self.singles[other[0]]
            return (float(other[0]), rate, *other[1][:-1], EVEN) if kind.mixes else None
        places = {pair: place for place, pair in enumerate(self._sums)}
        place = places.get((one, other))
        return None if place is None else (float(len(self.singles) + place), rate, EVEN)

    @cached_property
    def _sums(self) -> dict[tuple[_Start, _Start], LossKind]:
        """The sums of two different kinds but cross entropy, each as one of its starts has it."""
        starts = [
            (number, start)
            for number, kind in enumerate(self.singles)
            for start in kind.starts
            if kind.mixes
        ]
        return {
            (one, other): self._sum(one, other)
            for one, other in combinations(starts, 2)
            if one[0] != other[0]
        }

    def _sum(self, one: _Start, other: _Start) -> LossKind:
        parts = [self.singles[number].made(start) for number, start in (one, other)]
        names = [self._label(start) for start in (one, other)]

        def make(own: Theta) -> Document:
            weights = (1 - own[0], own[0])
            title = " and ".join(part["title"] or part["name"] for part in parts)
            return sum_draft("sum", list(zip(weights, parts, strict=True)), title=title)

        return LossKind(
            _AND.join(names), self.target, False, (self._rate, SECOND), ((EVEN,),), make
        )

    def _label(self, start: _Start) -> str:
        """What a start is called in a sum's name."""
        kind = self.singles[start[0]]
        return kind.name if start[1] == kind.starts[0] else f"published {kind.name}"

    @property
    def _rate(self) -> Dimension:
        return Dimension("rate", *self.rates, log=True)

    def _handmade(self, name: str) -> LossKind:
        entry = LOSSES[name]
        searched = () if entry.make else entry.searched
        if self.weights and not entry.make and POWER.name in entry.takes.names:
            searched = (*searched, POWER)
        start = tuple(float(entry.parameters.get(each.name, 0.0)) for each in searched)

        def make(own: Theta) -> Document:
            if not searched:
                return entry.document()
            values = {each.name: value for each, value in zip(searched, own, strict=True)}
            parameters = dict(entry.parameters) | values
            return handmade_document(name, name, parameters, title=entry.title)

        alone = name == CROSS_ENTROPY or entry.make is not None
        return self._with_share(name, searched, (start,), make, handmade=True, alone=alone)

    def _surrogate(self, metric: str) -> LossKind:
        curves = ParameterSpace(metric, self.family, self.segments)
        low, high = curves.low.tolist(), curves.high.tolist()
        searched = tuple(map(Dimension, curves.names, low, high))
        starts = [tuple(np.clip(curves.start, curves.low, curves.high).tolist())]
        starts += _published_start(curves)
        weighs = self.weights and METRICS[metric].multilabel != "none"
        if weighs:
            searched = (*searched, POWER)
            starts = [(*start, 0.0) for start in starts]

        def make(own: Theta) -> Document:
            points, power = (own[:-1], {POWER.name: own[-1]}) if weighs else (own, {})
            return surrogate_document(
                f"surrogate-{metric}",
                metric,
                curves.control_points(points),
                family=self.family,
                options={**(self.options or {}), **power},
            )

        return self._with_share(
            f"surrogate-{metric}", searched, tuple(starts), make, handmade=False, alone=False
        )

    def _published(self, metric: str) -> LossKind:
        """The published surrogate of a metric that is not searched for: it may serve the others."""
        name = f"asl-{metric}-voc"
        document = published_document(metric)

        def make(_: Theta) -> Document:
            points = document["control_points"]
            return surrogate_document(name, metric, points, options=self.options)

        return self._with_share(name, (), ((),), make, handmade=False, alone=False)

    def _with_share(
        self,
        name: str,
        searched: tuple[Dimension, ...],
        starts: tuple[Theta, ...],
        make: Callable[[Theta], Document],
        *,
        handmade: bool,
        alone: bool,
    ) -> LossKind:
        mixes = self.mixtures and not alone
        return LossKind(
            name,
            self.target,
            handmade,
            (self._rate, *searched, *((SHARE,) if mixes else ())),
            tuple((*start, 0.0) if mixes else start for start in starts),
            make,
        )


def called(named: Mapping[str, Any]) -> str:
    """What a point is called in a sentence: ``lovasz``, with its part of cross entropy, or a sum of two.

    Args:
        named: As :meth:`ZooSpace.named` tells it.
    """
    name = str(named.get("loss", "the searched loss"))
    if (second := named.get(SECOND.name)) is not None:
        one, other = name.split(_AND)
        return f"{1 - second:.2g} {one}{_AND}{second:.2g} {other}"
    share = named.get(CROSS_ENTROPY, 0.0)
    return f"{name} with {share:.2g} of cross entropy" if share else name


def handmade_losses() -> tuple[str, ...]:
    """Names of the losses of the literature that need logits and target alone, cross entropy first."""
    surrogates = ("naive-", "asl-")
    return tuple(name for name in LOSSES if not name.startswith(surrogates) and _needs_little(name))


def _needs_little(name: str) -> bool:
    needs = needs_of(name)
    return not needs.inputs and set(needs.facts) <= _COUNTED


def _published_start(curves: ParameterSpace) -> list[Theta]:
    """The published parameters, where they are of this family and number of segments."""
    try:
        document = published_document(curves.metric)
        points = curves.theta(document["control_points"])
    except (KeyError, InputError):
        return []
    return [tuple(points.tolist())]


def _start_of(theta: Theta) -> _Start:
    """Its kind's number and its own parameters."""
    return int(theta[0]), tuple(theta[_FIRST:])
