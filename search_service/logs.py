"""The logs of the service's processes: a line each, as text or as JSON, with the job that they are about."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal

Format = Literal["text", "json"]

_JOB: Final[ContextVar[str | None]] = ContextVar("job", default=None)
_TEXT: Final = "%(asctime)s %(levelname)s %(name)s%(about)s: %(message)s"


@contextmanager
def about(job_id: str) -> Iterator[None]:
    """Let what this thread logs in the context name a job."""
    token = _JOB.set(job_id)
    try:
        yield
    finally:
        _JOB.reset(token)


def configure(form: Format) -> None:
    """Write the log of this process to its standard error, from INFO on.

    Args:
        form: ``text``, or ``json``: an object a line with ``at``, ``level``, ``logger``, ``message``, and
            where there is one ``job`` and ``trace``.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_named)
    handler.setFormatter(_Json() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("httpx", "alembic", "botocore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _named(record: logging.LogRecord) -> bool:
    """Tell a record what job it is about."""
    job = _JOB.get()
    record.__dict__ |= {"job": job, "about": f" [{job}]" if job else ""}
    return True


class _Json(logging.Formatter):
    """An object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, str] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if job := getattr(record, "job", None):
            told["job"] = job
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told)
