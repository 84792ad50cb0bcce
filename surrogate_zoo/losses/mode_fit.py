"""Which losses fit to logits of a mode, told from their documents alone. Needs no torch."""

from collections.abc import Mapping
from typing import Any

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.registry import LOSSES, needs_of
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.metric import check_multilabel
from surrogate_zoo.modes import MULTILABEL
from surrogate_zoo.needs import BOUNDARY_LOGITS, EMBEDDINGS, INSTANCES, SEEDINESS

_OF_EXCLUDING_CLASSES = {BOUNDARY_LOGITS, EMBEDDINGS, INSTANCES, SEEDINESS}
"""Inputs that tell classes and objects apart which exclude each other."""


def check_mode(document: Mapping[str, Any], mode: str) -> None:
    """Check that a loss can be trained with where a pixel may carry so many classes.

    Args:
        document: A loss file's content.
        mode: ``multiclass``, binary too, or ``multilabel``.

    Raises:
        InputError: It says to be of multi-labels and the mode is another, or it is made for classes that
            exclude each other and the mode is ``multilabel``.
    """
    name = document.get("name", "")
    if mode == MULTILABEL:
        if why := _no_multilabel(document):
            raise InputError(f"The loss {name!r} takes no multi-labels: {why}.")
    elif document.get("mode") == MULTILABEL:
        raise InputError(
            f"The loss {name!r} is of multi-labels, and the dataset has one class a pixel: take another "
            "loss, or a dataset with mode=multilabel."
        )


def _no_multilabel(document: Mapping[str, Any]) -> str:
    """Why a loss takes no multi-labels; empty where it does."""
    if document["kind"] == "sum":
        every = (_no_multilabel(term["loss"]) for term in document["terms"])
        return next((why for why in every if why), "")
    needs = needs_of(document)
    if needs.loss_networks or _OF_EXCLUDING_CLASSES & {*needs.inputs}:
        return "what it learns from are the borders and objects of classes that exclude each other"
    if document["kind"] == "handmade":
        counted = LOSSES[document["loss"]].needs.facts
        return "it weighs classes that exclude each other; take class_weights" if counted else ""
    try:
        check_multilabel(METRICS[document["metric"]], bool(document["options"].get("as_released")))
    except InputError as error:
        return str(error).rstrip(".")
    return ""
