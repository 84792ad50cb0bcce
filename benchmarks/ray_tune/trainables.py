"""What Tune runs: a candidate's steps, or one step of a pack, both by the product's proxy training."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from ray import tune

from benchmarks.ray_tune.folder import Evaluation, Folder
from workers.proxy.proxy import evaluate_pack


class CandidateTrial(tune.Trainable):
    """A candidate: a step of Tune is a step of the contest; its learner's state is the checkpoint.

    ``config``: ``folder``, the run's, and ``number``, the candidate's.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Begin without any step."""
        torch.set_num_threads(1)
        self.folder = Folder(Path(config["folder"]))
        self.contest = self.folder.contest
        self.number = int(config["number"])
        self.scores: list[float | None] = []
        self.states = Path(tempfile.mkdtemp(prefix="states-"))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Let the process go on with another candidate."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Take a step; ``quarters`` counts rungs as Tune's own schedulers have them: 1, 2, 4."""
        step = len(self.scores) + 1
        task = self.contest.at(step).model_copy(update={"states": str(self.states)})
        [candidate] = [c for c in self.contest.candidates if c.number == self.number]
        [outcome] = evaluate_pack(task, [candidate], device="cpu")
        self.scores.append(outcome.score)
        self.folder.note(Evaluation(self.number, step, outcome.score, os.getpid()))
        return {
            "score": -1.0 if outcome.score is None else outcome.score,
            "scores": list(self.scores),
            "quarters": 2 ** (step - 1),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Copy the learner's state, and write the scores."""
        shutil.copytree(self.states, checkpoint_dir, dirs_exist_ok=True)
        (Path(checkpoint_dir) / "scores.json").write_text(json.dumps(self.scores))

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from a checkpoint's folder."""
        self.scores = json.loads((Path(checkpoint) / "scores.json").read_text())
        shutil.rmtree(self.states)
        shutil.copytree(checkpoint, self.states)

    def cleanup(self) -> None:
        """Free the disk."""
        shutil.rmtree(self.states, ignore_errors=True)


class PackTrial(tune.Trainable):
    """A step of several candidates at once; states lie in the run's folder, as the pool's do.

    ``config``: ``folder``, the run's, the candidates' ``numbers``, and their ``step``.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Take up the pack."""
        torch.set_num_threads(1)
        self.config = config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Let the process go on with another pack."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train the pack, and end."""
        folder, step = Folder(Path(self.config["folder"])), int(self.config["step"])
        contest = folder.contest
        task = contest.at(step).model_copy(update={"states": str(folder.states)})
        pack = [c for c in contest.candidates if c.number in self.config["numbers"]]
        outcomes = evaluate_pack(task, pack, device="cpu")
        for outcome in outcomes:
            folder.note(Evaluation(outcome.number, step, outcome.score, os.getpid()))
        return {"outcomes": [[o.number, o.score] for o in outcomes], "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: a pack that is lost is trained again from its learners' states."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing."""
