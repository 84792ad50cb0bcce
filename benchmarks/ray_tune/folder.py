"""The folder of one run: the contest, a line for every evaluation as it ends, and the result."""

import json
import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.ray_tune.contest import Contest


@dataclass(frozen=True)
class Evaluation:
    """One candidate's step, as it ended.

    Attributes:
        number: The candidate.
        step: Its step.
        score: Its score.
        pid: The process that trained it.
    """

    number: int
    step: int
    score: float | None
    pid: int


@dataclass(frozen=True)
class Folder:
    """A run's folder; processes of the same machine share it."""

    path: Path

    def give(self, contest: Contest) -> None:
        """Write what is to be done."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "contest.pkl").write_bytes(pickle.dumps(contest))

    @property
    def contest(self) -> Contest:
        """What is to be done."""
        contest: Contest = pickle.loads((self.path / "contest.pkl").read_bytes())  # noqa: S301
        return contest

    @property
    def states(self) -> Path:
        """Where learners' states lie that all trainings share."""
        return self.path / "states"

    def note(self, evaluation: Evaluation) -> None:
        """Append a line in one write, which processes may do at the same time."""
        line = json.dumps(asdict(evaluation)) + "\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self._notes, flags, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    @property
    def evaluations(self) -> list[Evaluation]:
        """All that ended, in order; a step that was taken again stands there twice."""
        if not self._notes.exists():
            return []
        lines = self._notes.read_text().splitlines()
        return [Evaluation(**json.loads(line)) for line in lines]

    @property
    def _notes(self) -> Path:
        return self.path / "evaluations.jsonl"
