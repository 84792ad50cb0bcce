"""The words of a job's life and of workers: states and endings; needs nothing."""

from typing import Literal, TypeAlias, get_args

State: TypeAlias = Literal[
    "queued",  # waits for its turn
    "running",  # the controller works on it, or will again after its restart
    "pausing",  # running, and asked to pause
    "paused",  # waits for a resume; trials and checkpoints are kept
    "cancelling",  # running, and asked to stop for good
    "cancelled",
    "succeeded",
    "failed",
]
STATES: tuple[State, ...] = get_args(State)
ACTIVE: tuple[State, ...] = ("running", "pausing", "cancelling")
"""States in which a controller works on the job."""
FINAL: tuple[State, ...] = ("cancelled", "succeeded", "failed")
"""States that a job does not leave by itself; a search that has succeeded may be extended, and is queued."""

Ending: TypeAlias = Literal[
    "trained",  # to the end of its schedule
    "stopped",  # on a rung, as one of the worst of its generation
    "rejected",  # hopeless, so never trained
    "failed",
]
"""How a trial ended."""

WorkerState: TypeAlias = Literal[
    "starting",  # its process is not there yet
    "idle",
    "busy",  # it trains
    "silent",  # it does not say what it does
    "set-aside",  # no worker, but a machine that failed too much: nothing is started there
]
"""What a worker does."""

RUNG = "rung "
"""Beginning of the stages of what is trained on the way to trials."""

CELL = "cell"
"""Stage of a comparison's retrainings."""

SCALES = "scales"
"""Stage that measures the scales of a loss that was never trained."""
