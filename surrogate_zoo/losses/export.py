"""One Python file that holds a surrogate, or a weighted sum of several, and needs torch alone.

The file is made of this package's own source, module after module, so it computes the very same
bits. Needs no torch to make.
"""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import check_document
from surrogate_zoo.metrics.catalogue import METRICS

_PACKAGE = Path(__file__).parents[1]
_MODULES = (
    "errors", "registry", "processes", "metrics/sites", "metrics/metric", "metrics/catalogue",
    "curves/families", "curves/pointwise", "curves/curves",
    "metrics/windows", "metrics/class_maps", "metrics/probabilities", "metrics/maps", "metrics/logic",
    "modes", "batch", "labelling", "losses/parameters", "losses/declarations", "losses/class_weights",
    "losses/surrogate", "losses/weighted_sum", "losses/scaled",
)  # fmt: skip

_HEADER = '''"""{title}

A training loss for semantic segmentation, exported by lossfit (Apache-2.0). Needs torch alone.

    from {module} import load

    loss = load(num_classes=21)
    loss(logits, target).backward()  # logits (N, C, H, W) float, target (N, H, W) int64, 255 = void
"""
'''

_FOOTER = '''

DOCUMENT = json.loads({document!r})
"""The loss file that this was exported from; ``sha256`` covers it."""


def load(
    *, num_classes: int, process_group: Processes = None, **overrides: Any
) -> nn.Module:
    """Build the loss; ``overrides`` replace ``scale`` and options such as ``ignore_index``.

    ``process_group``: "world", or a group of torch.distributed, for the loss of the batch of all processes.
    """
    loss = _build(DOCUMENT, num_classes, overrides)
    setattr(loss, "process_group", process_group)
    return loss


def _build(document: dict[str, Any], num_classes: int, overrides: dict[str, Any]) -> nn.Module:
    said = {{"mode": document["mode"]}} if "mode" in document else {{}}
    rest = {{name: value for name, value in (said | overrides).items() if name != "scale"}}
    if document["kind"] == "surrogate":
        return scaled(_surrogate(document, num_classes, rest), document, overrides)
    terms = [
        Term(term["weight"], _build(term["loss"], num_classes, rest), ())
        for term in document["terms"]
    ]
    return scaled(WeightedSum(terms), document, overrides)


def _surrogate(
    document: dict[str, Any], num_classes: int, overrides: dict[str, Any]
) -> SurrogateLoss:
    curves = document["control_points"]
    names = METRICS[document["metric"]].curves
    flat = [value for name in names for value in curves[name]] if curves else None
    options = {{"family": document["family"], **document["options"], **overrides}}
    return SurrogateLoss(document["metric"], flat, num_classes=num_classes, **options)
'''


def python_source(document: Mapping[str, Any]) -> str:
    """Return the text of the file.

    Args:
        document: A loss file's content, of a surrogate or a weighted sum of surrogates.

    Raises:
        LossFileError: The document is not valid.
        InputError: A loss in it is handmade, or a metric comes from another package: it is built by
            more than this package.
    """
    checked = check_document(dict(document))
    for part in [term["loss"] for term in checked.get("terms", [{"loss": checked}])]:
        _check_part(part)
    imports: set[str] = {"import json", "from typing import Any"}
    bodies = [
        _split((_PACKAGE / f"{name}.py").read_text(encoding="utf-8"), imports) for name in _MODULES
    ]
    title = (checked["title"] or checked["name"]).replace("\\", "").replace('"', "'")
    return "".join(
        (
            _HEADER.format(title=title, module=checked["name"].replace("-", "_").replace(".", "_")),
            "\n" + "\n".join(sorted(imports)) + "\n",
            *(f"\n\n{body}\n" for body in bodies),
            _FOOTER.format(document=json.dumps(checked, allow_nan=False)),
        )
    )


def _check_part(document: Mapping[str, Any]) -> None:
    """Refuse what the modules of the file cannot build."""
    if document["kind"] != "surrogate":
        raise InputError(
            f"{document['name']!r} is a handmade loss; only surrogates can be exported as one Python "
            "file. Download the JSON file and use surrogate_zoo.load_loss."
        )
    package = METRICS[document["metric"]].package
    if package:
        raise InputError(
            f"The metric {document['metric']!r} comes from the package {package}, which one Python file "
            "cannot hold. Download the JSON file, install the package and use surrogate_zoo.load_loss."
        )


def _split(source: str, imports: set[str]) -> str:
    """Add a module's outside imports to ``imports`` and return the rest, without its docstring."""
    lines = source.splitlines()
    for index, node in enumerate(ast.parse(source).body):
        docstring = index == 0 and isinstance(node, ast.Expr)
        type_only = isinstance(node, ast.If)  # if TYPE_CHECKING
        registers = isinstance(node, ast.Expr) and isinstance(
            node.value, ast.Call
        )  # other packages
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not ast.unparse(node).startswith("from surrogate_zoo"):
                imports.add(ast.unparse(node))
        elif not (docstring or type_only or registers):
            continue
        lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or 0) - node.lineno + 1)
    return "\n".join(lines).strip()
