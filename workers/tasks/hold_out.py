"""What candidates are scored on while a search or a tuning runs, as a frozen value; pydantic alone."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    field_validator,
    model_validator,
)

from workers.tasks.base import Fraction, Spec

SHARE = 0.2
"""Share of the training split that is held out, unless another is asked for."""

MOST_CHOICES = 4
"""Repetitions and alternatives that a pattern may have, see :class:`Pattern`."""

_PLAIN_PATTERN = "A regular expression over names, see Pattern."

_ESCAPED = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[:=!<]?", re.DOTALL)
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{[\d,])")
_CHOICES = re.compile(r"[*+?]|\{\d*,\d*\}|\|")
_LAZY = re.compile(r"([*+?]|\{\d+(?:,\d*)?\})[?+]")


class Pattern(Spec):
    """Groups by a regular expression over names.

    The time that matching takes is bounded, since a pattern comes from outside: no group may be
    repeated, and there are four repetitions and alternatives (``*``, ``+``, ``?``, ``{m,n}``,
    ``|``) at most. Names longer than 128 characters are refused, and so is what takes ten seconds over
    all names (``workers.learning.groups``).

    Attributes:
        pattern: Is looked for in each name, anywhere unless it says ``^``; its first group, or the
            whole match where it has none, names the image's group.
    """

    pattern: Annotated[str, Field(min_length=1, max_length=200)]

    @field_validator("pattern")
    @classmethod
    def _is_quick(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        plain = _ESCAPED.sub(lambda part: "(" if part[0].startswith("(?") else ".", pattern)
        if _REPEATED_GROUP.search(plain):
            raise ValueError(
                f"{pattern!r} repeats a group, which may take forever; repeat characters"
            )
        if len(_CHOICES.findall(_LAZY.sub(r"\1", plain))) > MOST_CHOICES:
            raise ValueError(
                f"{pattern!r} has more than {MOST_CHOICES} repetitions and alternatives, which may "
                'take forever; name the groups in a file instead: {"file": "groups.csv"}'
            )
        return pattern


class GroupFile(Spec):
    """Groups by a file.

    Attributes:
        file: Path below the dataset's folder of a CSV file with an image's name and its group in each
            line.
    """

    file: Annotated[str, Field(min_length=1, max_length=1024)]


class Blocks(Spec):
    """Groups that are contiguous blocks of the split's order.

    Attributes:
        blocks: How many, of the same size.
        gap: Images on each side of a held-out block that are neither trained on nor scored.
    """

    blocks: Annotated[int, Field(ge=2, le=100_000)]
    gap: Annotated[int, Field(ge=0, le=100_000)] = 1


def _kind(groups: object) -> str | None:
    """Which way of grouping a value is; None is none of them."""
    if groups == "auto":
        return "auto"
    names = (
        groups
        if isinstance(groups, dict)
        else type(groups).model_fields
        if isinstance(groups, Spec)
        else ()
    )
    return next((kind for kind in ("pattern", "file", "blocks") if kind in names), None)


Groups = Annotated[
    Annotated[Literal["auto"], Tag("auto")]
    | Annotated[Pattern, Tag("pattern")]
    | Annotated[GroupFile, Tag("file")]
    | Annotated[Blocks, Tag("blocks")],
    Discriminator(
        _kind,
        custom_error_type="groups",
        custom_error_message='groups is "auto", null, a pattern, or an object with one of pattern, '
        "file and blocks",
    ),
]
"""How images are grouped that are held out together or not at all."""


class HoldOut(Spec):
    """What candidates are scored on: a part of the training split that is not trained on, or val.

    A plain number is taken as ``share``.

    Attributes:
        share: Share of the training split that is held out, as near as whole groups allow; 0.2 where
            nothing else is said.
        images: Number of images instead of a share.
        groups: What is held out together or not at all. ``auto``: near duplicates, which are found by
            a perceptual hash of the images (``workers.datasets.reports.near_duplicates``); null: every image
            is on its own. A plain text is taken as a pattern.
        split: Hold out nothing: train on all of the training split and score on this one. No result
            may be judged on it afterwards.
    """

    share: Fraction | None = None
    images: Annotated[int, Field(ge=1)] | None = None
    groups: Groups | None = "auto"
    split: Literal["val"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: object) -> object:
        if isinstance(given, int | float) and not isinstance(given, bool):
            if not 0 < given < 1:
                raise ValueError("a share lies between 0 and 1, both excluded")
            given = {"share": given}
        if not isinstance(given, dict):
            return given
        filled: dict[str, Any] = dict(given)
        if isinstance(filled.get("groups"), str) and filled["groups"] != "auto":
            filled["groups"] = {"pattern": filled["groups"]}
        if filled.get("split") is not None:
            filled.setdefault("groups", None)
        return filled

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.share is not None and self.images is not None:
            raise ValueError("share and images say the same in two ways: leave one of them out")
        others = (self.share, self.images, self.groups)
        if self.split is not None and any(other is not None for other in others):
            raise ValueError("split holds out nothing: leave share, images and groups out")
        if self.leaves_open_how_much:
            object.__setattr__(
                self, "share", SHARE
            )  # the default; not among the fields that are set
        return self

    @property
    def leaves_open_how_much(self) -> bool:
        """Whether nobody said how much is held out."""
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        return not given & {"share", "images", "split"}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        share = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        if handler.mode != "validation":
            return schema
        text = {"type": "string", "minLength": 1, "maxLength": 200, "description": _PLAIN_PATTERN}
        handler.resolve_ref_schema(schema)["properties"]["groups"]["anyOf"].append(text)
        return {"anyOf": [share, schema]}
