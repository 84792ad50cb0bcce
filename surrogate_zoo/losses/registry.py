"""Every loss of the zoo by name, and the one way to turn a name or a file into a module.

Importing this loads no torch; building a loss does.
"""

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surrogate_zoo.errors import InputError, LossFileError
from surrogate_zoo.losses.document import (
    Document,
    check_document,
    read_loss_file,
    signed,
    sum_document,
)
from surrogate_zoo.losses.entries import HANDMADE, SUMS
from surrogate_zoo.losses.entry import LossEntry
from surrogate_zoo.losses.published import (
    PUBLISHED_METRICS,
    naive_document,
    published_document,
)
from surrogate_zoo.losses.scales import SCALES
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.needs import CLASS_PIXELS, Needs
from surrogate_zoo.registry import Registry
from surrogate_zoo.sums import is_sum, parse_sum, sum_name

if TYPE_CHECKING:
    from torch import nn

    from surrogate_zoo.processes import Processes


_LI = "Li et al., Auto Seg-Loss, ICLR 2021"

_PUBLISHED = tuple(
    LossEntry(
        f"asl-{name}-voc",
        f"Auto Seg-Loss ({METRICS[name].title})",
        f"Surrogate of {METRICS[name].title} with the parameters its authors searched on PASCAL VOC.",
        f"{_LI}, Table 2",
        partial(published_document, name),
    )
    for name in PUBLISHED_METRICS
)

_NAIVE = tuple(
    LossEntry(
        f"naive-{metric.name}",
        f"Naive {metric.title} surrogate",
        f"{metric.title} with probabilities in place of labels and products in place of logic.",
        metric.source,
        partial(naive_document, metric.name),
    )
    for metric in METRICS.values()
)


def weighted_sum(expression: str, *, name: str | None = None, title: str | None = None) -> Document:
    """Make the document of a weighted sum of built-in losses, each with its scale.

    Args:
        expression: For example ``0.5*cross-entropy+0.5*asl-miou-voc``.
        name: Its name in the zoo; made from the expression if not given.
        title: A line for people; the expression if not given.

    Raises:
        UnknownNameError: A term is no built-in loss.
        InputError: The expression is no weighted sum.
    """
    terms = [(weight, LOSSES[term].document()) for weight, term in parse_sum(expression)]
    return sum_document(name or sum_name(expression), terms, title=title or expression)


def _literature_sum(expression: str, name: str, title: str) -> Document:
    """The sum of the terms' literature forms, with a scale of its own."""
    terms = [
        (weight, signed({**LOSSES[term].document(), "scale": 1.0}))
        for weight, term in parse_sum(expression)
    ]
    return sum_document(name, terms, title=title, scale=SCALES[name])


_SUMS = tuple(
    LossEntry(name, title, summary, source, partial(_literature_sum, terms, name, title))
    for name, title, summary, source, terms in SUMS
)

LOSSES = Registry("loss", (*HANDMADE, *_SUMS, *_NAIVE, *_PUBLISHED))
"""All built-in losses by name."""


def load_loss(
    source: str | Path | Mapping[str, Any],
    *,
    num_classes: int,
    facts: Mapping[str, Any] | None = None,
    process_group: "Processes" = None,
    **overrides: Any,
) -> "nn.Module":
    """Build a loss to train with.

    Args:
        source: The name of a built-in loss (a key of :data:`LOSSES`), a weighted sum of some
            (``0.5*cross-entropy+0.5*asl-miou-voc``), the path of a downloaded loss file, or its
            content.
        num_classes: C of the logits; 1 is binary with one channel, two classes by a sigmoid.
        facts: What is known about the data set (see :mod:`surrogate_zoo.needs`); each goes to the
            losses that ask for it, and to no other.
        process_group: Who holds parts of the batch: a group of torch.distributed, ``"world"`` for all
            its processes, or None for this one alone. See ``SurrogateLoss.process_group``.
        **overrides: Options that replace those of the document: ``mode`` (``multiclass``, or ``multilabel``
            for C channels that are on or off each by itself), ``class_weights``, ``class_power`` and
            ``reduction`` of those that take them, ``ignore_index``, ``tolerance``,
            ``exclude_background``, ``as_released`` of a surrogate; ``ignore_index`` and the entry's
            parameters of a handmade loss; ``ignore_index`` of a weighted sum. ``scale`` of any
            replaces the document's: 1.0 is the metric's or the literature's own form, which
            ``as_released`` gives by itself, and :func:`surrogate_zoo.losses.scale.scale_for` measures
            the one for C classes. A sum's terms keep their own.

    Returns:
        A module; ``forward(logits (N, C, H, W) float, target (N, H, W) integer) -> scalar``, or of
        volumes (N, C, D, H, W), and as further keyword arguments the inputs that :func:`needs_of`
        tells. A target may be (N, 1, H, W); of a multilabel it is (N, C, H, W), 0 and 1.

    Raises:
        UnknownNameError: No built-in loss of that name, and no such file.
        LossFileError: The file or content is not a valid loss document.
        InputError: A parameter is out of range, or a loss network is missing or does not fit.
    """
    loss = _build(_document(source), num_classes, facts or {}, overrides)
    setattr(loss, "process_group", process_group)  # noqa: B010 - no attribute of nn.Module
    return loss


def needs_of(source: str | Path | Mapping[str, Any]) -> Needs:
    """Tell what a loss needs beyond logits and target; ``source`` as for :func:`load_loss`."""
    document = _document(source)
    if document["kind"] == "sum":
        return Needs.union(needs_of(term["loss"]) for term in document["terms"])
    own = LOSSES[document["loss"]].needs if document["kind"] == "handmade" else Needs()
    options = document["parameters" if document["kind"] == "handmade" else "options"]
    counted = (CLASS_PIXELS,) if options.get("class_power") else ()
    return Needs.union((own, Needs(facts=counted)))


def checked(document: Mapping[str, Any]) -> Document:
    """Return a loss file's content if it is one that a loss can be built from.

    Beside what :func:`surrogate_zoo.losses.document.check_document` looks at: handmade losses are there,
    and their parameters in range.

    Raises:
        LossFileError: It is not, which the message says why.
    """
    kept = check_document(dict(document))
    for part in [term["loss"] for term in kept["terms"]] if kept["kind"] == "sum" else [kept]:
        if part["kind"] == "handmade":
            try:
                LOSSES[part["loss"]].check(part["parameters"])
            except InputError as error:
                raise LossFileError(str(error)) from error
    return kept


def _document(source: str | Path | Mapping[str, Any]) -> Document:
    if isinstance(source, Mapping):
        return checked(source)
    if isinstance(source, str) and source in LOSSES:
        return LOSSES[source].document()
    if isinstance(source, str) and not source.endswith(".json") and not _exists(source):
        # Raises, with the known names, where it is neither.
        return weighted_sum(source) if is_sum(source) else LOSSES[source].document()
    return checked(read_loss_file(source))


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # longer than a file's name may be
        return False


def _build(
    document: Document, num_classes: int, facts: Mapping[str, Any], overrides: Mapping[str, Any]
) -> "nn.Module":
    from surrogate_zoo.losses.scaled import scaled  # noqa: PLC0415  (loads torch)

    build = {"surrogate": _surrogate, "handmade": _handmade, "sum": _sum}[document["kind"]]
    said = {"mode": document["mode"]} if "mode" in document else {}
    rest = {name: value for name, value in (said | dict(overrides)).items() if name != "scale"}
    return scaled(build(document, num_classes, facts, rest), document, overrides)


def _surrogate(
    document: Document,
    num_classes: int,
    facts: Mapping[str, Any],
    overrides: Mapping[str, Any],
) -> "nn.Module":
    from surrogate_zoo.losses.surrogate import SurrogateLoss  # noqa: PLC0415  (loads torch)

    curves = document["control_points"]
    flat = (
        [value for name in METRICS[document["metric"]].curves for value in curves[name]]
        if curves
        else None
    )
    options = {"family": document["family"], **document["options"], **overrides}
    if options.get("class_power") and CLASS_PIXELS in facts:
        options.setdefault(CLASS_PIXELS, facts[CLASS_PIXELS])
    try:
        return SurrogateLoss(document["metric"], flat, num_classes=num_classes, **options)
    except TypeError as error:
        raise LossFileError(f"A surrogate takes no such option: {error}.") from error


def _handmade(
    document: Document, num_classes: int, facts: Mapping[str, Any], overrides: Mapping[str, Any]
) -> "nn.Module":
    entry = LOSSES[document["loss"]]
    module, _, name = entry.built_by.partition(":")
    build = getattr(import_module(module), name)
    parameters = {**entry.parameters, **document["parameters"], **overrides}
    asked = (*entry.needs.facts, *((CLASS_PIXELS,) if parameters.get("class_power") else ()))
    parameters |= {fact: facts[fact] for fact in asked if fact in facts and fact not in overrides}
    try:
        loss: nn.Module = build(num_classes=num_classes, **parameters)
    except TypeError as error:
        raise LossFileError(
            f"The loss {document['loss']!r} takes no such parameter: {error}."
        ) from error
    return loss


def _sum(
    document: Document, num_classes: int, facts: Mapping[str, Any], overrides: Mapping[str, Any]
) -> "nn.Module":
    from surrogate_zoo.losses.weighted_sum import Term, WeightedSum  # noqa: PLC0415  (loads torch)

    return WeightedSum(
        Term(
            term["weight"],
            _build(term["loss"], num_classes, facts, overrides),
            needs_of(term["loss"]).inputs,
        )
        for term in document["terms"]
    )
