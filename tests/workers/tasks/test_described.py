"""A model's schema tells of its fields what the docstring tells, and of stored JSON what it was made of."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from workers.tasks.described import Answer, Described, DescribedAs, as_markdown


class Base(Described):
    """What others extend.

    Attributes:
        shared: Of the base; None has none.
        other: Is told by the subclass.
    """

    shared: int | None = None
    other: int = 0


class Form(Base):
    """Something that is asked for, see :class:`~a.b.Other`.

    More of it.

    Attributes:
        other: ``x`` of :data:`a.b.CONSTANT`, over
            two lines.
        alias: By another name.

    Example:
        no: attribute
    """

    kind: Literal["form"] = "form"
    own: int = Field(0, description="In its own words.")
    alias_: int = Field(0, alias="alias", description="Of the alias.")


class Reply(Answer):
    """An answer."""

    form: Annotated[dict[str, Any], DescribedAs(Form)] | None = Field(None, description="Kept.")


def test_fields_are_told_as_in_the_docstrings() -> None:
    schema = Form.model_json_schema()
    told = {name: field["description"] for name, field in schema["properties"].items()}
    assert told == {
        "shared": "Of the base; null has none.",
        "other": "`x` of `CONSTANT`, over two lines.",
        "kind": "Always `form`.",
        "own": "In its own words.",
        "alias": "Of the alias.",
    }
    assert schema["description"] == "Something that is asked for, see `Other`.\n\nMore of it."
    assert "required" not in schema


def test_an_answer_has_all_of_its_fields_and_json_that_is_described_stays_as_it_is() -> None:
    schema = Reply.model_json_schema()
    assert schema["required"] == ["form"]
    assert schema["properties"]["form"]["anyOf"] == [{"$ref": "#/$defs/Form"}, {"type": "null"}]
    stored = {"of": "an older version"}
    reply = Reply(form=stored)
    assert reply.form == stored
    assert Reply.model_validate_json(reply.model_dump_json()) == reply
    assert reply.model_dump() == {"form": stored}
    with pytest.raises(ValidationError, match="must be an object"):
        Reply.model_validate({"form": 3})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("None trains all. None of them stays.", "Null trains all. None of them stays."),
        ("See ``a`` and :func:`b.c`; None is no name", "See `a` and `c`; null is no name"),
    ],
)
def test_prose_becomes_markdown(text: str, told: str) -> None:
    assert as_markdown(text) == told
