"""The card of a loss: what it is, what it needs and where it comes from, for people and model hubs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from surrogate_zoo.losses.document import Document, scale_of
from surrogate_zoo.losses.registry import LOSSES, checked, needs_of

FILE: Final = "loss.json"
"""Name of a loss file that lies beside its card."""

CARD: Final = "README.md"
"""Name of a card: what model hubs show."""


def card(document: Mapping[str, Any]) -> str:
    """The card of a loss as Markdown, with the front matter that model hubs read.

    Args:
        document: A loss file's content.

    Raises:
        LossFileError: It is none.
    """
    return "\n".join(_lines(checked(document))) + "\n"


def _lines(document: Document) -> Iterator[str]:
    licence = document["provenance"].get("licence")
    yield "---"
    yield "library_name: lossfit"
    yield "tags: [loss-function, semantic-segmentation, lossfit]"
    if licence:
        yield f"license: {json.dumps(str(licence).lower())}"
    yield "---"
    yield ""
    yield f"# {document['name']}"
    yield ""
    yield document["title"] or "A loss for semantic segmentation."
    yield ""
    yield from _table(document)
    yield ""
    yield "## Train with it"
    yield ""
    yield "```python"
    yield "from lossfit import load_loss"
    yield ""
    yield f'loss = load_loss("{FILE}", num_classes=21)'
    yield "loss(logits, target).backward()  # (N, C, H, W) float, (N, H, W) int64, 255 = void"
    yield "```"
    yield ""
    yield from _needed(document)
    yield "## Where it comes from"
    yield ""
    yield "````json"
    yield json.dumps(document["provenance"], indent=2, ensure_ascii=False)
    yield "````"


def _table(document: Document) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    yield f"| kind | {document['kind']} |"
    yield f"| scale | {scale_of(document):g} |"
    yield f"| sha256 | `{document['sha256']}` |"
    terms = document.get("terms", [{"weight": None, "loss": document}])
    for term in terms:
        loss = term["loss"]
        if term["weight"] is not None:
            yield f"| term | {term['weight']:g} x {loss['name']} |"
        for name, value in _own(loss):
            yield f"| {name} | {value} |"


def _own(loss: Document) -> Iterator[tuple[str, str]]:
    """What a loss that is no sum is made of."""
    if loss["kind"] == "surrogate":
        yield "metric", loss["metric"]
        yield "curves", loss["family"]
        yield from ((name, json.dumps(value)) for name, value in loss["options"].items())
        return
    entry = LOSSES[loss["loss"]]
    yield "loss", entry.title
    yield "source", entry.source
    values = {**entry.parameters, **loss["parameters"]}
    yield from ((name, json.dumps(value)) for name, value in values.items())


def _needed(document: Document) -> Iterator[str]:
    needs = needs_of(document)
    if needs.inputs:
        yield f"Its call takes {', '.join(needs.inputs)} as keyword arguments, too."
        yield ""
    if needs.facts:
        yield f"`load_loss` takes {', '.join(needs.facts)} of the dataset, too."
        yield ""
