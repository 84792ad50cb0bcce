"""One Python file that holds a loss, or a weighted sum of several, and needs torch alone where it can.

The file is made of this package's own source (:mod:`surrogate_zoo.losses.extraction`), so it computes the
very same bits. Needs no torch to make.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from textwrap import indent
from typing import Any, Final

from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.distance_maps import MAPS
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.extraction import Extraction
from surrogate_zoo.losses.registry import LOSSES, checked, needs_of
from surrogate_zoo.losses.sources import import_block, packages_of
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.needs import Needs

_IMPORTS: Final = """import json
from typing import Any
from torch import nn
from surrogate_zoo.losses.scaled import scaled
from surrogate_zoo.processes import Processes
"""

_HEADER: Final = '''"""{title}

A training loss for semantic segmentation, exported by lossfit (Apache-2.0). Needs {packages}.

    from {module} import load

    loss = load({arguments})
    loss(logits, target{inputs}).backward()  # logits (N, C, H, W) float, target (N, H, W) int64, 255 = void
"""
'''

_LOAD: Final = '''DOCUMENT: dict[str, Any] = json.loads({document!r})
"""The loss file that this was exported from; ``sha256`` covers it."""


def load(
    *,
    num_classes: int,
    facts: dict[str, Any] | None = None,
    process_group: Processes = None,
    **overrides: Any,
) -> nn.Module:
    """Build the loss; ``overrides`` replace ``scale`` and options such as ``ignore_index``.

    ``facts``: what is known of the data: {facts}.
    ``process_group``: "world", or a group of torch.distributed, for the loss of the batch of all processes.
    """
    loss = _built(DOCUMENT, num_classes, facts or {{}}, overrides)
    loss.process_group = process_group
    return loss


def _built(
    document: dict[str, Any], num_classes: int, facts: dict[str, Any], overrides: dict[str, Any]
) -> nn.Module:
    said = {{"mode": document["mode"]}} if "mode" in document else {{}}
    rest = {{name: value for name, value in (said | overrides).items() if name != "scale"}}
{build}
    return scaled(loss, document, overrides)
'''

_SURROGATE: Final = """

def _surrogate(
    document: dict[str, Any], num_classes: int, facts: dict[str, Any], overrides: dict[str, Any]
) -> nn.Module:
    curves = document["control_points"]
    names = METRICS[document["metric"]].curves
    flat = [value for name in names for value in curves[name]] if curves else None
    options = {"family": document["family"], **document["options"], **overrides}
    if options.get("class_power") and "class_pixels" in facts:
        options.setdefault("class_pixels", facts["class_pixels"])
    return SurrogateLoss(document["metric"], flat, num_classes=num_classes, **options)
"""

_HANDMADE: Final = '''

CLASSES: dict[str, tuple[type[nn.Module], dict[str, Any], tuple[str, ...], tuple[str, ...]]] = {{
{entries}}}
"""Of each loss: its class, its defaults, the facts that it asks for and the inputs that it takes."""


def _handmade(
    document: dict[str, Any], num_classes: int, facts: dict[str, Any], overrides: dict[str, Any]
) -> nn.Module:
    build, defaults, asked, _ = CLASSES[document["loss"]]
    parameters = {{**defaults, **document["parameters"], **overrides}}
    if parameters.get("class_power"):
        asked = (*asked, "class_pixels")
    given = {{fact: facts[fact] for fact in asked if fact in facts and fact not in overrides}}
    return build(num_classes=num_classes, **parameters, **given)
'''

_SUM: Final = """

def _sum(
    document: dict[str, Any], num_classes: int, facts: dict[str, Any], overrides: dict[str, Any]
) -> nn.Module:
    return WeightedSum(
        Term(
            term["weight"],
            _built(term["loss"], num_classes, facts, overrides),
            {inputs},
        )
        for term in document["terms"]
    )
"""

_CURVES: Final = """

vars(METRICS["{metric}"])["curves"] = {curves}  # those that its function asks for
"""

_UNCALLED: Final = (
    ("Metric", "curves"),
    *(
        (f"{kind}Family", name)
        for kind in ("Curve", "Bezier", "Linear")
        for name in ("start", "control_points")
    ),
)
"""Methods that a search calls, and what is written as ``_CURVES``."""

_SURROGATE_IMPORTS: Final = """from surrogate_zoo.losses.surrogate import SurrogateLoss
from surrogate_zoo.metrics.catalogue import METRICS
"""
_SUM_IMPORTS: Final = "from surrogate_zoo.losses.weighted_sum import Term, WeightedSum\n"


def python_source(document: Mapping[str, Any]) -> str:
    """Return the text of the file.

    Args:
        document: A loss file's content, of any loss or weighted sum.

    Raises:
        LossFileError: The document is not valid.
        InputError: A metric comes from another package: it is built by more than this package.
    """
    kept = checked(document)
    parts = [term["loss"] for term in kept["terms"]] if kept["kind"] == "sum" else [kept]
    for part in parts:
        _check_metric(part)
    needs = needs_of(kept)
    imports, program = _program(kept, parts, needs)
    extraction = Extraction(_tables(parts, needs), _UNCALLED)
    extraction.follow(f"{imports}\n{program}")
    text = f"{import_block(extraction.outside)}\n\n\n{extraction.text()}\n\n\n{program}"
    return f"{_header(kept, needs, packages_of(text))}\n{text}"


def _check_metric(document: Document) -> None:
    """Refuse a metric that another package brings."""
    package = METRICS[document["metric"]].package if document["kind"] == "surrogate" else ""
    if package:
        raise InputError(
            f"The metric {document['metric']!r} comes from the package {package}, which one Python file "
            "cannot hold. Download the JSON file, install the package and use surrogate_zoo.load_loss."
        )


def _program(document: Document, parts: Sequence[Document], needs: Needs) -> tuple[str, str]:
    """What builds the loss: the imports that it has here, and its text."""
    kinds = {document["kind"], *(part["kind"] for part in parts)}
    imports, text = _IMPORTS, ""
    if "surrogate" in kinds:
        imports, text = imports + _SURROGATE_IMPORTS, text + _SURROGATE
        metrics = sorted({part["metric"] for part in parts if part["kind"] == "surrogate"})
        text += "".join(
            _CURVES.format(metric=name, curves=tuple(METRICS[name].curves)) for name in metrics
        )
    if "handmade" in kinds:
        names = sorted({part["loss"] for part in parts if part["kind"] == "handmade"})
        imports += "".join(_import_of(name) for name in names)
        text += _HANDMADE.format(entries=indent("".join(map(_entry, names)), " " * 4))
    if "sum" in kinds:
        of_handmade = 'CLASSES[term["loss"]["loss"]][3]'
        inputs = of_handmade if "handmade" in kinds else "()"
        if {"handmade", "surrogate"} <= kinds:
            inputs = f'{of_handmade} if term["loss"]["kind"] == "handmade" else ()'
        imports, text = imports + _SUM_IMPORTS, text + _SUM.format(inputs=inputs)
    told = ", ".join(needs.facts) or "none is asked for"
    load = _LOAD.format(
        document=json.dumps(document, allow_nan=False), facts=told, build=_dispatch(kinds)
    )
    return imports, load + text


def _dispatch(kinds: Collection[str]) -> str:
    """The lines that build a part of the document by its kind."""
    if len(kinds) == 1:
        return f"    loss = _{next(iter(kinds))}(document, num_classes, facts, rest)"
    table = ", ".join(f'"{kind}": _{kind}' for kind in sorted(kinds))
    return (
        f'    build = {{{table}}}[document["kind"]]\n'
        "    loss = build(document, num_classes, facts, rest)"
    )


def _import_of(loss: str) -> str:
    module, _, name = LOSSES[loss].built_by.partition(":")
    return f"from {module} import {name}\n"


def _entry(loss: str) -> str:
    entry = LOSSES[loss]
    name = entry.built_by.partition(":")[2]
    facts, inputs = tuple(entry.needs.facts), tuple(entry.needs.inputs)
    return f"{loss!r}: ({name}, {dict(entry.parameters)!r}, {facts!r}, {inputs!r}),\n"


def _tables(parts: Sequence[Document], needs: Needs) -> dict[str, Collection[str]]:
    """What is kept of each registry."""
    surrogates = [part for part in parts if part["kind"] == "surrogate"]
    families = {part["family"] for part in surrogates}
    return {
        "METRICS": {part["metric"] for part in surrogates},
        "CURVE_FAMILIES": families,
        "SHAPES": {
            CURVE_FAMILIES[part["family"]].shape for part in surrogates if part["control_points"]
        },
        "MAPS": set(needs.inputs) & MAPS.keys(),
        "KINDS": set(needs.loss_networks),
    }


def _header(document: Document, needs: Needs, packages: Collection[str]) -> str:
    title = (document["title"] or document["name"]).replace("\\", "").replace('"', "'")
    standard = {"torch", *sorted(_INSTALLED.intersection(packages))}
    return _HEADER.format(
        title=title,
        module=document["name"].replace("-", "_").replace(".", "_"),
        packages=_listed(sorted(standard, key=lambda name: (name != "torch", name))),
        arguments=", ".join(["num_classes=21", *_facts_of(needs)]),
        inputs="".join(f", {name}={name}" for name in needs.inputs),
    )


_INSTALLED: Final = frozenset({"numpy", "scipy", "safetensors"})
"""What losses import beside torch and the standard library."""


def _facts_of(needs: Needs) -> list[str]:
    given = ", ".join(f"{fact!r}: ..." for fact in needs.facts)
    return [f"facts={{{given}}}"] if given else []


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} alone"
    return f"{', '.join(names[:-1])} and {names[-1]}"
