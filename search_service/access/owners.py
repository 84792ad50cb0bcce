"""Sessions in which others' jobs are not there, whatever is asked of them.

The bound is one of the session and not of each query, so that no route can forget it.
"""

from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria

from search_service.store.tables import Job

_OWNER: Final = "lossfit_owner"


def bound(sessions: sessionmaker[Session]) -> sessionmaker[Session]:
    """Let sessions be bounded by :func:`bounds`.

    Trials, events and files are reached by a job's id alone: whoever asks for them asks for the job
    first.
    """
    event.listen(sessions, "do_orm_execute", _leave_others_out)
    return sessions


def bounds(owner: str | None) -> dict[str, Any]:
    """What to make a session of :func:`bound` with, so that it holds one owner's jobs; None all."""
    return {} if owner is None else {"info": {_OWNER: owner}}


def _leave_others_out(state: ORMExecuteState) -> None:
    owner = state.session.info.get(_OWNER)
    if owner is not None and not state.is_column_load:
        state.statement = state.statement.options(with_loader_criteria(Job, Job.owner == owner))
