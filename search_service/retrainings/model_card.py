"""The model card of a retraining: what the weights are, how they came about, how to use them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from search_service.jobs import provenance
from search_service.pages.environment import CARDS
from search_service.pages.fact_rows import rows_of
from search_service.retrainings.request import RetrainingRequest
from search_service.store.tables import Dataset
from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from surrogate_zoo.metrics.titles import heading_of, scores_in
from surrogate_zoo.modes import MULTICLASS, MULTILABEL
from workers.tasks.base import Spec
from workers.tasks.instances import ClusteringSpec
from workers.tasks.networks import NetworkSpec
from workers.tasks.retraining import WEIGHTS

NAME: Final = "model-card.md"
_TOLD_ELSEWHERE: Final = {
    *("loss", "version", "versions", "scale", "loss_networks", "loss_network_specs"),
    *("dataset", "network", "priority"),
}
_NOT_A_PARAMETER: Final = {"schema", "name", "title", "provenance", "terms"}


def render(
    request: RetrainingRequest,
    dataset: Dataset,
    loss: Document,
    outcome: Mapping[str, Any],
    *,
    networks: Sequence[Mapping[str, Any]],
    job_id: str,
    weights_sha256: str,
) -> str:
    """The card, as Markdown with the front matter that model hubs read.

    The dataset is told by its name, report and fingerprint, without the path it had here.

    Args:
        request: What was asked for, versions filled in.
        dataset: What was trained and scored on.
        loss: The loss file's content.
        outcome: ``metrics`` and ``seconds`` of the retraining, and ``objects`` where some were made.
        networks: The frozen networks that the loss carried: kind, SHA-256, measures.
        job_id: The retraining's job.
        weights_sha256: Of the weights' file.
    """
    mode = dataset.source.get("mode", MULTICLASS)
    schedule = request.model_dump(mode="json", exclude=_TOLD_ELSEWHERE)
    return CARDS.get_template("model-card.md").render(
        request=request,
        dataset=dataset,
        mode=mode,
        shape="(classes, H, W), 0 and 1" if mode == MULTILABEL else "(H, W)",
        loss=loss,
        parameters=_parameters(request, loss),
        networks=[
            row for network in networks for row in rows_of(network["kind"], _measured(network))
        ],
        schedule=[row for name, value in schedule.items() for row in rows_of(name, value)],
        scores=[(name, _title(name), score) for name, score in outcome["metrics"].items()],
        seconds=outcome["seconds"],
        start=_start(request.network),
        inference=_arguments(request.inference),
        objects=_objects(outcome.get("objects", {})),
        size=dataset.source.get("size"),
        bands=dataset.report.get("bands"),
        versions=provenance.installed_versions(),
        licence=loss["provenance"].get("licence", provenance.LICENCE),
        job_id=job_id,
        weights_file=WEIGHTS,
        sha256=weights_sha256,
    )


def _parameters(request: RetrainingRequest, loss: Document) -> list[tuple[str, str]]:
    """Everything that a loss file says about the loss but where it comes from."""
    rows = _own(loss, "")
    for number, term in enumerate(loss.get("terms", ()), 1):
        name = term["loss"]["name"]
        rows += [(f"term {number}", f"{term['weight']:g} x {name}{_version(request, name)}")]
        rows += _own(term["loss"], f"term {number}: ")
    return rows


def _own(loss: Document, prefix: str) -> list[tuple[str, str]]:
    facts = [(name, value) for name, value in loss.items() if name not in _NOT_A_PARAMETER]
    return [(prefix + name, value) for fact in facts for name, value in rows_of(*fact)]


def _version(request: RetrainingRequest, name: str) -> str:
    """The version of a term; terms of a published sum have none of their own."""
    return f", version {request.versions[name]}" if name in request.versions else ""


def _start(network: NetworkSpec) -> str:
    """Weights of others that the training began with; a file without its path."""
    return network.weights or Path(network.weights_file or "").name


def _measured(network: Mapping[str, Any]) -> dict[str, Any]:
    return {"sha256": network["sha256"], **network["measures"]}


def _title(metric: str) -> str:
    return heading_of(metric) if scores_in([metric]) else "near the borders of classes"


def _arguments(spec: Spec) -> str:
    """Arguments of a spec that are not its defaults, as Python has them."""
    changed = spec.model_dump(exclude_defaults=True)
    return ", ".join(f"{name}={value!r}" for name, value in changed.items())


def _objects(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of objects; nothing where none were made."""
    if not told:
        return {}
    ways = {name: ClusteringSpec.model_validate(each) for name, each in told["clusterings"].items()}
    first = next(iter(ways.values()))
    return {
        "things": tuple(told["things"]),
        "first": f"ClusteringSpec({_arguments(first)})",
        "ways": [(name, _arguments(way) or "mean-shift") for name, way in ways.items()],
        "titles": [heading_of(name) for name in INSTANCE_SCORES],
        "rows": _rows(told["scores"]),
        "oracles": _rows(told["oracles"]),
        "tuning": told.get("tuning"),
    }


def _rows(scores: Mapping[str, Mapping[str, float]]) -> list[tuple[str, list[str]]]:
    """The scores of every way as texts, in the order of their table."""
    return [
        (name, [f"{own[score]:.4f}" if score in own else "" for score in INSTANCE_SCORES])
        for name, own in scores.items()
    ]
