"""A contest on the product's own workers, as ``searches.rungs`` and ``searches.racing.race`` have it.

What ended is read from the folder's lines, which stand for the service's table of evaluations: a run
that was killed goes on by running again.
"""

from benchmarks.ray_tune.contest import Scores
from benchmarks.ray_tune.folder import Evaluation, Folder
from workers.cluster.pool import WorkerPool
from workers.tasks.proxy import Outcome


def run(folder: Folder, pool: WorkerPool) -> Scores:
    """Bring a contest to its end.

    Args:
        folder: Where the contest lies, and what was recorded of it.
        pool: The workers.
    """
    contest = folder.contest
    scores: dict[int, list[float | None]] = {number: [] for number in contest.numbers}
    for ended in sorted(folder.evaluations, key=lambda ended: ended.step):
        scores[ended.number].append(ended.score)
    while (stand := contest.stand(scores)).left:
        missing = [
            candidate
            for candidate in contest.candidates
            if candidate.number in stand.left and len(scores[candidate.number]) < stand.step
        ]

        def record(outcome: Outcome, step: int = stand.step) -> None:
            pid = int(outcome.worker.get("pid", 0))
            folder.note(Evaluation(outcome.number, step, outcome.score, pid))
            scores[outcome.number].append(outcome.score)

        task = contest.at(stand.step).model_copy(update={"states": str(folder.states)})
        pool.evaluate(task, missing, on_outcome=record)
    return contest.counted(scores)
