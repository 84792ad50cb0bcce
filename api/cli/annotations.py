"""Tags and notes on the command line: the options that write them, and how they are told."""

from collections.abc import Sequence
from typing import Annotated

import typer

NewTags = Annotated[
    list[str] | None,
    typer.Option("--tag", help="A word to find it by, in place of those it has; may be repeated."),
]
NewNote = Annotated[
    str | None,
    typer.Option("--note", help="What is to be remembered of it; an empty one removes it."),
]
NoTags = Annotated[bool, typer.Option("--no-tags", help="Remove its tags.")]


def told(tags: Sequence[str], note: str) -> str:
    """What something has: ``tags first, paper and a note``."""
    told_tags = f"tags {', '.join(tags)}" if tags else "no tags"
    return f"{told_tags} and {'a' if note else 'no'} note"
