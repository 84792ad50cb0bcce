"""The classes of failures: what a trial or a job that failed is told to have failed of. Needs nothing."""

from typing import Literal, TypeAlias, get_args

Failure: TypeAlias = Literal[
    "infeasible",  # the loss or the weights became infinite or NaN: that is its result
    "memory",  # out of memory, also alone on its worker
    "user",  # what was asked for, or code that the user brought, is wrong: the job fails at once
    "unexpected",  # an error that nobody raised on purpose, twice on different workers
    "stuck",  # no progress for the configured time, twice
    "lost",  # its workers died, again and again, while others lived
    "infrastructure",  # no worker can be had: nothing is failed by it, the job waits and tries again
]
"""Why something failed."""

FAILURES: tuple[Failure, ...] = get_args(Failure)
