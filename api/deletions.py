"""A deletion that may be a dry run: what cannot be deleted is refused in either case."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from api.dependencies import Service


def attempt(parts: Service, delete: Callable[[Session], None], *, dry_run: bool) -> None:
    """Delete something, or see whether it could be deleted.

    Args:
        parts: The service.
        delete: Deletes it in a session.
        dry_run: Whether it stays.

    Raises:
        ConflictError: Something needs it.
        NotFoundError: There is no such thing.
    """
    with parts.writing() as session:
        delete(session)
        if not dry_run:
            session.commit()
