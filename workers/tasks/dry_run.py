"""The script of a dry run: what happens to candidates in place of a training. Needs pydantic alone."""

from typing import Annotated, Literal

from pydantic import Field

from workers.tasks.base import Spec

Deed = Literal["sleep", "raise", "refuse", "nan", "exit", "hang", "out-of-memory"]


class Act(Spec):
    """Something that happens to candidates on their way.

    Attributes:
        do: ``sleep`` takes ``seconds`` more; ``raise`` is an error that nobody raises on purpose;
            ``refuse`` an error of who submitted the job; ``nan`` a loss that becomes NaN; ``exit`` ends
            the worker's process; ``hang`` never goes on and listens to nobody; ``out-of-memory`` finds no
            memory for more than ``fits`` candidates at once.
        candidates: Numbers of the trials that it happens to; all of them where none are given.
        at: After which share of the steps.
        seconds: Of a ``sleep``.
        fits: Candidates side by side that memory is enough for.
        place: Happens only on workers whose environment variable ``LOSSFIT_PLACE`` has this value; None
            on all.
    """

    do: Deed
    candidates: tuple[Annotated[int, Field(ge=0)], ...] = ()
    at: Annotated[float, Field(ge=0, le=1)] = 0.5
    seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    fits: Annotated[int, Field(ge=0)] = 0
    place: Annotated[str, Field(max_length=100)] | None = None

    def meets(self, number: int) -> bool:
        """Whether it happens to the candidate of this number."""
        return not self.candidates or number in self.candidates


class Script(Spec):
    """What happens in place of the trainings of a search.

    Attributes:
        seconds: What a candidate takes; those of a pack take it together.
        acts: What happens to some of them.
    """

    seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.1
    acts: Annotated[tuple[Act, ...], Field(max_length=100)] = ()
