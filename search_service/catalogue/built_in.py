"""What every database has from its first day: the losses of the zoo and the generated dataset."""

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.catalogue import datasets
from search_service.store.database import upgrade
from surrogate_zoo.store import zoo


def prepare(engine: Engine) -> None:
    """Bring the schema to its newest version, and add what is missing of the product's own.

    Safe to repeat, and to run from two processes at once.
    """
    upgrade(engine, _fill)


def _fill(session: Session) -> None:
    zoo.seed(session)
    datasets.seed(session)
