"""Server-sent events of one job, read from the database, never blocking the event loop."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import anyio
from sqlalchemy.orm import Session
from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from search_service.jobs import lifecycle
from search_service.store.states import FINAL

GRACE_S: Final = 2.0
"""How long a stream that is to stop has for its last batch."""
_PAUSE_S: Final = 0.25
_BATCH: Final = 500


@dataclass(frozen=True)
class Batch:
    """Events that were there at one moment, and whether the job was finished before it."""

    events: Sequence[tuple[int, str, dict[str, Any]]]
    finished: bool


class JobEvents:
    """The events of one job after number ``last``, to the end of the job.

    Args:
        reading: Makes sessions that only read; each poll uses one for a moment.
        kind: The job's kind.
        job_id: The job.
        last: Number of the last event that the client has.
    """

    def __init__(self, reading: Callable[[], Session], kind: str, job_id: str, last: int) -> None:
        self._reading = reading
        self._kind: str = kind
        self._job_id = job_id
        self._last = last

    def read(self) -> Batch:
        """The next events.

        Raises:
            NotFoundError: There is no such job.
        """
        with self._reading() as session:
            # The state comes first: what is read after a final state is all there is, unless the search
            # is extended, and then another stream begins after the last event that the client has.
            finished = lifecycle.get(session, self._kind, self._job_id).state in FINAL
            rows = lifecycle.events_after(session, self._job_id, self._last, _BATCH)
        events = [
            (event.sequence, event.kind, {**event.body, "at": event.at.isoformat()})
            for event in rows
        ]
        if events:
            self._last = events[-1][0]
        return Batch(events, finished)

    async def stream(self, batch: Batch, stopping: anyio.Event) -> AsyncIterator[ServerSentEvent]:
        """``batch``, then every later event, until the job is finished and all is sent, or ``stopping``."""
        while not stopping.is_set():
            for sequence, kind, body in batch.events:
                yield ServerSentEvent(data=json.dumps(body), event=kind, id=str(sequence))
            if not batch.events:
                if batch.finished:
                    return
                with anyio.move_on_after(_PAUSE_S):
                    await stopping.wait()
            batch = await run_in_threadpool(self.read)
