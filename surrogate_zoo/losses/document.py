"""The loss file ``lossfit/loss/v1``: a JSON document that says everything about a loss, and a checksum.

A surrogate's document::

    {"schema": "lossfit/loss/v1", "kind": "surrogate", "name": "asl-miou-voc", "title": "...",
     "metric": "miou", "family": "bezier",
     "control_points": {"and": [u1, v1, ...], "or": [...]},
     "options": {"tolerance": 5}, "scale": 6.5, "provenance": {...}, "sha256": "..."}

``family`` is a name in :data:`surrogate_zoo.curves.families.CURVE_FAMILIES`, which says what its
control points are; they are empty for the naive surrogate. A handmade loss has ``"kind": "handmade"``,
``"loss"`` (its entry in :data:`surrogate_zoo.LOSSES`) and ``"parameters"`` in place of metric,
family, control points. A weighted sum has ``"kind": "sum"`` and ``"terms"``: objects with a
``"weight"`` above 0 and a ``"loss"``, the whole document of a surrogate or a handmade loss.

The value of a loss is ``scale``, a number above 0, times what its kind says; the one of a sum
multiplies the sum of its terms, each of which has its own. It gives the loss's gradient at the logits
the norm of cross entropy's (see :mod:`surrogate_zoo.losses.scale`). A file may leave it out: it is 1.

``mode``, if it is there, is ``multilabel``: the loss is of channels that are on or off each by itself (see
:mod:`surrogate_zoo.labelling`). Otherwise it is of one class a pixel, or, of one channel, of one class or
none: that is for who builds the loss to say. ``options`` of a surrogate and ``parameters`` of a handmade loss
may have ``class_weights``, ``class_power`` and ``reduction``.

The checksum covers the canonical body: the document without ``sha256``, as UTF-8 JSON with sorted keys
and no white space. Needs no torch.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.errors import InputError, LossFileError
from surrogate_zoo.losses.declarations import SHARED
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.modes import MODES, MULTICLASS
from surrogate_zoo.sums import NAME

SCHEMA = "lossfit/loss/v1"
MAX_BYTES = 16 * 2**20

Document = dict[str, Any]

_OPTIONS: dict[str, type] = {"tolerance": int, "exclude_background": bool, "as_released": bool}
_COMMON = {"schema", "kind", "name", "title", "provenance", "sha256"}
_OPTIONAL = {"scale", "mode"}
_FIELDS = {
    "surrogate": _COMMON | {"metric", "family", "control_points", "options"},
    "handmade": _COMMON | {"loss", "parameters"},
    "sum": _COMMON | {"terms"},
}


def surrogate_document(
    name: str,
    metric: str,
    control_points: Mapping[str, Sequence[float]],
    *,
    family: str = "bezier",
    title: str = "",
    options: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    scale: float = 1.0,
) -> Document:
    """Make the checked document of a surrogate.

    Args:
        name: Lower-case letters, digits, dots, dashes and underscores.
        metric: Name in :data:`surrogate_zoo.METRICS`.
        control_points: Flat absolute control points of every curve, as its family writes them;
            empty for the naive surrogate.
        family: Name of a curve family.
        title: A line for people.
        options: ``tolerance``, ``exclude_background``, ``as_released`` where they differ from the default.
        provenance: Where the control points come from: dataset, network, seeds, trials, versions, licence.
        scale: What ``1 - surrogate`` is multiplied by, > 0.

    Raises:
        InputError: Anything is out of range or unknown.
    """
    body = {
        "schema": SCHEMA,
        "kind": "surrogate",
        "name": name,
        "title": title,
        "metric": metric,
        "family": family,
        "control_points": {curve: [float(v) for v in row] for curve, row in control_points.items()},
        "options": dict(options or {}),
        "scale": scale,
        "provenance": dict(provenance or {}),
    }
    return check_document(signed(body))


def handmade_document(
    name: str, loss: str, parameters: Mapping[str, Any], *, title: str = "", scale: float = 1.0
) -> Document:
    """Make the checked document of a handmade loss, by its entry's name and parameters."""
    body = {
        "schema": SCHEMA,
        "kind": "handmade",
        "name": name,
        "title": title,
        "loss": loss,
        "parameters": dict(parameters),
        "scale": scale,
        "provenance": {},
    }
    return check_document(signed(body))


def sum_document(
    name: str,
    terms: Sequence[tuple[float, Mapping[str, Any]]],
    *,
    title: str = "",
    provenance: Mapping[str, Any] | None = None,
    scale: float = 1.0,
) -> Document:
    """Make the checked document of a weighted sum.

    Args:
        name: Lower-case letters, digits, dots, dashes and underscores.
        terms: Weight > 0 and document of every term; a term that is a sum itself is taken apart.
        title: A line for people.
        provenance: Where the sum comes from; each term has its own.
        scale: What the sum is multiplied by, > 0; each term has its own.
    """
    flat: list[dict[str, Any]] = []
    for weight, loss in terms:
        alone: list[dict[str, Any]] = [{"weight": 1.0, "loss": dict(loss)}]
        is_sum = loss["kind"] == "sum"
        inner = loss["terms"] if is_sum else alone
        factor = weight * scale_of(loss) if is_sum else weight
        flat += [{"weight": factor * term["weight"], "loss": term["loss"]} for term in inner]
    body = {
        "schema": SCHEMA,
        "kind": "sum",
        "name": name,
        "title": title,
        "terms": flat,
        "scale": scale,
        "provenance": dict(provenance or {}),
    }
    return check_document(signed(body))


def scale_of(document: Mapping[str, Any]) -> float:
    """The scale of a checked document; 1 where it says none."""
    return float(document.get("scale", 1.0))


def with_scale(document: Mapping[str, Any], scale: float) -> Document:
    """A checked document with another scale, > 0; the terms of a sum keep theirs.

    With 1 it is the metric's or the literature's own form.
    """
    return check_document(signed({**document, "scale": scale}))


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the bytes that the checksum covers: the body without ``sha256``, keys sorted, UTF-8."""
    body = {key: value for key, value in document.items() if key != "sha256"}
    return json.dumps(
        body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def signed(body: Mapping[str, Any]) -> Document:
    """Return ``body`` with the checksum of its canonical form.

    Raises:
        LossFileError: The body holds something that JSON cannot (NaN, infinity, objects).
    """
    try:
        # Through JSON and back, so that what is kept is what a file would hold (tuples become lists).
        kept = json.loads(canonical(body))
    except (TypeError, ValueError, UnicodeEncodeError) as error:
        raise LossFileError(f"A loss document must be plain JSON: {error}.") from error
    return {**kept, "sha256": hashlib.sha256(canonical(kept)).hexdigest()}


def check_document(document: object) -> Document:
    """Check a document from outside in full and return it.

    Raises:
        LossFileError: Another schema, fields missing or unknown, a wrong checksum, or control points
            that do not fit the metric.
    """
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        schema = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise LossFileError(
            f"Not a loss file: expected a JSON object with schema {SCHEMA!r}, found {schema!r}."
        )
    kind = document.get("kind")
    wanted = _FIELDS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        raise LossFileError(f"kind must be one of {sorted(_FIELDS)}, not {kind!r}.")
    if set(document) - _OPTIONAL != wanted:
        missing = sorted(wanted - set(document))
        extra = sorted(map(str, set(document) - wanted - _OPTIONAL))
        raise LossFileError(
            f"The loss file misses the fields {missing} and has the unknown fields {extra}."
        )
    if document["sha256"] != signed(document)["sha256"]:
        raise LossFileError(
            "The loss file's sha256 does not match its content: it was changed or cut off."
        )
    if not isinstance(document["name"], str) or not NAME.fullmatch(document["name"]):
        raise LossFileError(f"name must match {NAME.pattern}, not {document['name']!r}.")
    for name, kind_of in (("title", str), ("provenance", dict)):
        if not isinstance(document[name], kind_of):
            raise LossFileError(f"{name} must be a {kind_of.__name__}, not {document[name]!r}.")
    _check_scale(document)
    if document.get("mode", MULTICLASS) not in MODES:
        raise LossFileError(f"mode must be one of {sorted(MODES)}, not {document['mode']!r}.")
    _CHECKS[document["kind"]](document)
    return document


def _check_scale(document: Document) -> None:
    scale = document.get("scale", 1.0)
    if scale is None:
        raise LossFileError("scale is null: this is a draft, whose scale is still to be measured.")
    if not _is_number(scale) or scale <= 0:
        raise LossFileError(f"scale must be a number above 0, not {scale!r}.")


def _check_surrogate(document: Document) -> None:
    for name, kind in (
        ("metric", str),
        ("family", str),
        ("control_points", dict),
        ("options", dict),
    ):
        if not isinstance(document[name], kind):
            raise LossFileError(f"{name} must be a {kind.__name__}, not {document[name]!r}.")
    _check_options(document["options"])
    curves = document["control_points"]
    for name, row in curves.items():
        if not isinstance(row, list) or not all(_is_number(value) for value in row):
            raise LossFileError(f"control_points[{name!r}] must be a list of numbers.")
    try:
        family = CURVE_FAMILIES[document["family"]]
        segments = [family.check(name, row) for name, row in curves.items()]
        space = ParameterSpace(
            document["metric"], document["family"], segments[0] if segments else None
        )
        if curves:
            space.theta(curves)
    except InputError as error:
        raise LossFileError(str(error)) from error


def _check_options(options: Document) -> None:
    shared = {name: value for name, value in options.items() if name in SHARED.names}
    try:
        SHARED.check(**shared)
    except InputError as error:
        raise LossFileError(str(error)) from error
    for name, value in options.items():
        if name in shared:
            continue
        kind = _OPTIONS.get(name)
        if kind is None:
            raise LossFileError(
                f"There is no option {name!r}. Known: {', '.join(sorted((*_OPTIONS, *SHARED.names)))}."
            )
        if type(value) is not kind or (isinstance(value, int) and not 0 <= value <= 1024):
            raise LossFileError(
                f"Option {name!r} must be a {kind.__name__} (0..1024 if a number), not {value!r}."
            )


def _check_handmade(document: Document) -> None:
    if not isinstance(document["loss"], str) or not isinstance(document["parameters"], dict):
        raise LossFileError("loss must be a name and parameters an object.")


def _check_sum(document: Document) -> None:
    terms = document["terms"]
    if not isinstance(terms, list) or not terms:
        raise LossFileError("terms must be a list of at least one weight and loss.")
    for term in terms:
        if not isinstance(term, dict) or set(term) != {"weight", "loss"}:
            raise LossFileError("Each of terms must be an object with weight and loss.")
        if not _is_number(term["weight"]) or term["weight"] <= 0:
            raise LossFileError(f"A term's weight must be above 0, not {term['weight']!r}.")
        if isinstance(term["loss"], dict) and term["loss"].get("kind") == "sum":
            raise LossFileError("A term of a sum must not be a sum itself.")
        check_document(term["loss"])


_CHECKS = {"surrogate": _check_surrogate, "handmade": _check_handmade, "sum": _check_sum}


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def read_loss_file(path: str | Path) -> Document:
    """Read and check a loss file.

    Raises:
        LossFileError: The file is missing, too large (16 MiB), not UTF-8 JSON, or not a loss document.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LossFileError(f"Cannot read the loss file {file}: {error}.") from error
    if len(content) > MAX_BYTES:
        raise LossFileError(f"{file} is larger than 16 MiB: not a loss file.")
    return parse_loss_file(text, str(file))


def parse_loss_file(text: str, origin: str = "the loss file") -> Document:
    """Parse and check the text of a loss file; ``origin`` names it in messages.

    Raises:
        LossFileError: The text is not JSON or not a loss document.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise LossFileError(f"{origin} is not valid JSON: {error}.") from error
    return check_document(document)


def dump_loss_file(document: Document) -> str:
    """Return the text of a loss file, indented for people."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
