"""The space that a search walks in."""

from collections.abc import Sequence
from typing import TypeAlias

from search_service.searches.request import SearchRequest
from search_service.searches.space_specs import CurvesSpec, MarginsSpec, ZooSpec
from search_service.spaces.curves import CurveSpace
from search_service.spaces.margins import MarginSpace
from search_service.spaces.space import Theta, joint_target
from search_service.spaces.zoo import ZooSpace, handmade_losses
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.registry import needs_of
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.metric import check_multilabel
from surrogate_zoo.modes import MULTILABEL
from workers.tasks.instances import ClusteringSpec

SearchSpace: TypeAlias = CurveSpace | ZooSpace | MarginSpace


def space_of(
    request: SearchRequest, companion: Document | None = None, priors: Sequence[Theta] = ()
) -> SearchSpace:
    """The space of a search: curves of its metrics' surrogates, the zoo, or margins of embeddings.

    Args:
        request: What was asked for.
        companion: The loss file's content of its companion, for candidates that hold it.
        priors: Points of the zoo that are tried too.

    Raises:
        UnknownNameError: No such metric, curve family or loss.
        InputError: The metric is no weighted sum or has no meaning of a multi-label, metrics do not agree
            which way is better, curves have too few segments, or NSGA-II is given a single metric.
    """
    target = joint_target(request.objectives)
    if request.labels == MULTILABEL:
        for name in target.metrics:
            check_multilabel(METRICS[name], as_released=False)
    options = request.scoring.model_dump(exclude_defaults=True, exclude={"clustering"})
    if isinstance(request.space, CurvesSpec):
        return CurveSpace(
            _parameters(request),
            request.loss_name,
            title_of(request),
            options,
            companion,
            request.space.rates,
            request.space.scaled,
            request.labels,
        )
    if isinstance(request.space, MarginsSpec):
        return MarginSpace(
            request.objectives,
            request.space.widths,
            request.space.rates,
            request.scoring.clustering or ClusteringSpec(),
            request.space.radius,
        )
    return ZooSpace(
        request.objectives,
        request.family,
        request.segments,
        _losses(request, request.space),
        request.space.rates,
        request.space.mixtures,
        options,
        tuple(priors),
        request.space.class_weights,
        request.labels,
    )


def _losses(request: SearchRequest, space: ZooSpec) -> tuple[str, ...] | None:
    """The handmade losses that take part; where the user's code trains, those whose counts are told."""
    if not request.is_external:
        return space.losses
    told = set(request.facts)
    lacking = {name: set(needs_of(name).facts) - told for name in handmade_losses()}
    for name in space.losses or ():
        if lacking.get(name):
            counts = ", ".join(sorted(lacking[name]))
            raise InputError(
                f"The loss {name} needs {counts} of your data: tell them, or leave it out."
            )
    return space.losses or tuple(name for name in lacking if not lacking[name])


def title_of(request: SearchRequest, metric: str | None = None) -> str:
    """The line for people of a loss that was searched for ``metric``, or for all that was asked for."""
    title = f"Searched for {metric or request.metric} on {request.dataset}"
    return title + (f" beside {request.companion}" if request.companion else "")


def _parameters(request: SearchRequest) -> ParameterSpace:
    """The curves and, for NSGA-II, the weights of the metrics' surrogates in the loss.

    Without the weights, all candidates would stand near one point of the trade-off.
    """
    several = request.sampler.seeks_trade_off
    parameters = ParameterSpace(request.metric, request.family, request.segments)
    if several and len(parameters.target.metrics) == 1:
        raise InputError(
            f"The sampler {request.sampler.name} searches the trade-off between metrics, and "
            f"{request.metric!r} is one: join several with +, such as miou+bf1, or take another sampler."
        )
    return ParameterSpace(request.metric, request.family, request.segments, mixed=several)
