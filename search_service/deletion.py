"""What is told of a deletion; needs pydantic alone."""

from pydantic import Field

from workers.tasks.described import Answer


class Kept(Answer):
    """Something that stays.

    Attributes:
        what: The job's id, or the name.
        reason: What needs it.
    """

    what: str
    reason: str


class Deletion(Answer):
    """What was deleted, or would be.

    Attributes:
        jobs: Ids.
        datasets: Names.
        losses: Names; all their versions.
        aliases: Names; their losses stay.
        files: Files that nothing names any more.
        bytes: Their size, as far as it is known.
        kept: What was to be deleted too, and is needed.
        dry_run: Whether nothing was deleted.
    """

    jobs: list[str] = Field(default_factory=list)
    datasets: list[str] = Field(default_factory=list)
    losses: list[str] = Field(default_factory=list)
    aliases: list[str] = Field(default_factory=list)
    files: int = 0
    bytes: int = 0
    kept: list[Kept] = Field(default_factory=list)
    dry_run: bool = False
