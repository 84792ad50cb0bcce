"""Models whose JSON schema tells of each field what the docstring tells under ``Attributes``.

Tools that read a schema (forms, generated clients, ``/docs``) look at the fields; whoever reads the code
looks at the docstring. It is written once.
"""

import re
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from typing import Any, Literal, TypeAlias, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

_ATTRIBUTES = "Attributes:\n"
_BEGIN = re.compile(r" {4}(\w+): (.*)")
_ROLE = re.compile(r":\w+:`~?(?:\w+\.)*([^`]+)`")

Scalar: TypeAlias = bool | int | float | str
Setting: TypeAlias = Scalar | list[Scalar | None] | list[list[Scalar]] | dict[str, Scalar] | None
"""What options and parameters are: single values, and rows and mappings of some."""


class Described(BaseModel):
    """Base of models that describe their fields in their schema.

    A field's description is its own, or the one under ``Attributes`` of its class or of a base; one that
    can have a single value says so.
    """

    @classmethod
    def __get_pydantic_json_schema__(
        cls, inner: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(inner)
        model = handler.resolve_ref_schema(schema)
        if "description" in model:
            model["description"] = as_markdown(model["description"].split(_ATTRIBUTES)[0])
        told = attributes_of(cls)
        for name, field in cls.model_fields.items():
            in_schema = model.get("properties", {}).get(field.alias or name)
            if in_schema is None or "description" in in_schema:
                continue
            if name in told:
                in_schema["description"] = told[name]
            elif is_tag(field.annotation):
                in_schema["description"] = f"Always `{get_args(field.annotation)[0]}`."
        return schema


class Answer(Described):
    """Base of what is answered: an answer has all of its fields, also those with a default."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, inner: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = super().__get_pydantic_json_schema__(inner, handler)
        model = handler.resolve_ref_schema(schema)
        if names := list(model.get("properties", {})):
            model["required"] = names
        return schema


@dataclass(frozen=True)
class DescribedAs:
    """An annotation: JSON that is handed on as it is, with the schema of what it was made of.

    Attributes:
        model: A model, or a union of some.
    """

    model: Any

    def __get_pydantic_core_schema__(
        self, _source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            _kept,
            handler.generate_schema(self.model),
            serialization=core_schema.simple_ser_schema("any"),
        )


def _kept(content: Any, _validate: object) -> Any:
    """The object itself, whatever its schema says: what is stored was checked when it was made."""
    if not isinstance(content, dict):
        raise ValueError("must be an object")  # noqa: TRY004 - pydantic's way to refuse
    return content


@cache
def attributes_of(model: type) -> dict[str, str]:
    """Field -> what the docstrings of a class and its bases tell of it, as Markdown."""
    told: dict[str, str] = {}
    for each in reversed(model.__mro__):
        told |= _attributes(each.__dict__.get("__doc__") or "")
    return told


def is_tag(annotation: Any) -> bool:
    """Whether a field has one possible value, such as ``layout: Literal["voc"]``."""
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1


def as_markdown(text: str) -> str:
    """A docstring's prose as readers of a schema take it: Markdown, with JSON's name for None."""
    text = _ROLE.sub(r"`\1`", text.strip()).replace("``", "`")
    text = re.sub(r"(^|\. )None\b(?! of)", r"\1Null", text)
    return re.sub(r"\bNone\b(?! of)", "null", text)


def _attributes(docstring: str) -> dict[str, str]:
    """The block ``Attributes`` of a docstring in Google's form."""
    lines = iter(cleandoc(docstring).partition(_ATTRIBUTES)[2].splitlines())
    told: dict[str, list[str]] = {}
    for line in lines:
        if line and not line.startswith(" "):
            break  # another block
        if begin := _BEGIN.fullmatch(line):
            texts = told.setdefault(begin[1], [])
            texts.append(begin[2])
        elif told and line:
            texts.append(line.strip())
    return {name: as_markdown(" ".join(texts)) for name, texts in told.items()}
