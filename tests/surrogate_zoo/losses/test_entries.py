"""The entries of handmade losses: every parameter has its default in one place, and says it."""

import inspect
from importlib import import_module

import pytest
import torch

from surrogate_zoo import LOSSES, load_loss
from surrogate_zoo.errors import LossFileError
from surrogate_zoo.losses.document import handmade_document
from surrogate_zoo.losses.entries import HANDMADE
from surrogate_zoo.losses.entry import LossEntry
from surrogate_zoo.needs import CLASS_IMAGE_PIXELS, CLASS_PIXELS, EDGE_NETWORK, INVERSE_NETWORK

every_entry = pytest.mark.parametrize("entry", HANDMADE, ids=lambda entry: entry.name)
NO_PARAMETERS = {
    *("num_classes", "ignore_index"),
    *(CLASS_PIXELS, CLASS_IMAGE_PIXELS, EDGE_NETWORK, INVERSE_NETWORK),
}

SHARED = {
    name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
    for name, default in (
        ("class_weights", None),
        ("class_power", 0.0),
        ("reduction", inspect.Parameter.empty),  # loss files say it
    )
}


def arguments(entry: LossEntry) -> dict[str, inspect.Parameter]:
    """The constructor's own keyword arguments, without what every loss or the data set gives."""
    module, _, name = entry.built_by.partition(":")
    built = getattr(import_module(module), name)
    own = {
        name: argument
        for name, argument in inspect.signature(built).parameters.items()
        if name not in NO_PARAMETERS and argument.kind is not inspect.Parameter.VAR_KEYWORD
    }
    return own | {name: SHARED[name] for name in built.shared}


@every_entry
def test_a_default_stands_in_the_entry_or_in_the_constructor(entry: LossEntry) -> None:
    taken = arguments(entry)
    required = {n for n, argument in taken.items() if argument.default is inspect.Parameter.empty}
    assert required <= entry.parameters.keys() <= taken.keys()
    for name in entry.parameters.keys() - required:
        assert entry.parameters[name] != taken[name].default, name


def test_a_loss_file_may_leave_parameters_out() -> None:
    logits, target = torch.randn(1, 3, 4, 4), torch.randint(3, (1, 4, 4))
    short = handmade_document("mine", "focal-tversky", {"alpha": 0.5})
    full = handmade_document("mine", "focal-tversky", {"alpha": 0.5, "beta": 0.7, "exponent": 0.75})
    values = [load_loss(document, num_classes=3)(logits, target) for document in (short, full)]
    assert values[0] == values[1]
    assert LOSSES["focal-tversky"].document()["parameters"] == {
        "alpha": 0.3,
        "beta": 0.7,
        "exponent": 0.75,
        "reduction": "batch",
    }


def test_a_parameter_that_a_loss_does_not_take_is_named() -> None:
    document = handmade_document("mine", "dice", {"gamma": 1.0})
    with pytest.raises(LossFileError, match=r"dice: .* no parameter 'gamma': it takes smooth, sq"):
        load_loss(document, num_classes=3)
    with pytest.raises(LossFileError, match=r"'dice' takes no such parameter: .*'gamma'"):
        load_loss("dice", num_classes=3, gamma=1.0)
