"""The fields of requests as the command line tells and completes them, read from their JSON schemas."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter

from search_service.kinds import KINDS
from workers.tasks.datasets import DatasetSource

DATASET: Final = "dataset"
"""What the fields of a dataset's source are asked for by."""

_DEEPEST: Final = 5
_ATTRIBUTES: Final = "Attributes:"
"""In a model's own description, before what its fields mean."""

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class FieldRow:
    """A field of a request.

    Attributes:
        path: As ``--set`` takes it: ``training.iterations``.
        takes: What it may be, in a few words.
        default: What it is if it is not given, as JSON; empty of one that must be, or that others decide.
        meaning: What it is, in prose.
        choices: The words that it may be, where they are counted.
    """

    path: str
    takes: str
    default: str
    meaning: str
    choices: tuple[str, ...] = ()


def requests() -> tuple[str, ...]:
    """What has fields: the kinds of jobs that commands submit, and a dataset."""
    return (*(name for name in KINDS if name != "registration"), DATASET)


@cache
def schema_of(name: str) -> Schema:
    """The JSON schema of a request, or of a dataset's source.

    Raises:
        UnknownNameError: There is no such kind of job.
    """
    if name == DATASET:
        return TypeAdapter(DatasetSource).json_schema()
    return KINDS[name].request.model_json_schema()


@cache
def fields_of(name: str) -> tuple[FieldRow, ...]:
    """All fields of a request, those of fields below them, in the order of the schema; each path once."""
    schema = schema_of(name)
    rows: dict[str, FieldRow] = {}
    for row in _below(schema, schema, "", 0):
        rows[row.path] = _joined(rows[row.path], row) if row.path in rows else row
    return tuple(rows.values())


def _joined(one: FieldRow, other: FieldRow) -> FieldRow:
    """A field that several things of a choice have, such as the samplers."""
    choices = tuple(dict.fromkeys((*one.choices, *other.choices)))
    takes = ", ".join(choices) if one.choices and other.choices else one.takes
    default = one.default if one.default == other.default else ""
    return FieldRow(one.path, takes, default, one.meaning or other.meaning, choices)


def _below(node: Schema, root: Schema, path: str, depth: int) -> Iterator[FieldRow]:
    """The fields of a node of the schema, of all that it may be."""
    for variant in _variants(node, root):
        for name, each in variant.get("properties", {}).items():
            below = f"{path}{name}"
            yield _row(below, each, root)
            if depth < _DEEPEST:
                yield from _below(each, root, f"{below}.", depth + 1)


def _variants(node: Schema, root: Schema) -> list[Schema]:
    """What a node may be, one by one, without null."""
    if "$ref" in node:
        return _variants(root["$defs"][node["$ref"].rpartition("/")[2]], root)
    several = node.get("anyOf") or node.get("oneOf") or node.get("allOf")
    if several:
        return [variant for each in several for variant in _variants(each, root)]
    return [] if node.get("type") == "null" else [node]


def _row(path: str, node: Schema, root: Schema) -> FieldRow:
    variants = _variants(node, root)
    told = node.get("description") or next(
        (v["description"] for v in variants if "description" in v), ""
    )
    default = json.dumps(node["default"]) if "default" in node else ""
    if isinstance(node.get("default"), dict):
        default = ""  # told by the fields below
    choices = [word for variant in variants for word in _words(variant)]
    takes = " or ".join(dict.fromkeys(_takes(variant, root) for variant in variants))
    meaning = " ".join(told.partition(_ATTRIBUTES)[0].split())
    return FieldRow(path, takes, default, meaning, tuple(choices))


def _words(node: Schema) -> list[str]:
    if "const" in node:
        return [str(node["const"])]
    return [str(each) for each in node.get("enum", ())]


def _takes(node: Schema, root: Schema) -> str:
    """What a value may be, in a few words."""
    if words := _words(node):
        return ", ".join(words)
    if "properties" in node:
        return "fields"
    match node.get("type", "anything"):
        case "array":
            return f"list of {_items(node, root)}"
        case "object":
            return "mapping"
        case kind:
            return f"{kind}{_range(node)}"


def _items(node: Schema, root: Schema) -> str:
    items = node.get("items") or next(iter(node.get("prefixItems", ())), {})
    told = dict.fromkeys(_takes(each, root) for each in _variants(items, root))
    return " or ".join(told) or "anything"


def _range(node: Schema) -> str:
    """The range of a number, from a space on; empty without one."""
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum", node.get("exclusiveMaximum"))
    if low is None:
        return "" if high is None else f" to {high:g}"
    return f" from {low:g}" if high is None else f" {low:g} to {high:g}"
