"""A retraining: a full training with a loss of the zoo, its metrics and weights as artifacts."""

import json
from math import isfinite
from typing import Any

from search_service import datasets, runs
from search_service.requests import RetrainingRequest
from surrogate_zoo import zoo
from workers.candidates import RetrainingResult, Stopped
from workers.specs import RetrainingTask

_MOST_PROGRESS_EVENTS = 200
_MEDIA_TYPES = {
    ".json": "application/json",
    ".png": "image/png",
    ".csv": "text/csv",
    ".safetensors": "application/octet-stream",
}


def run(run: runs.Run) -> None:
    """Run a retraining to its end, from its last checkpoint where there is one.

    Checkpoints lie in the job's folder below ``settings.home``; workers on other machines must see
    the same folder.

    Raises:
        Interrupted: The job is to pause or to stop; the last checkpoint is kept.
        SeglossError: The training cannot be run.
    """
    request = RetrainingRequest.model_validate(run.job.request)
    task = _task(run, request)
    run.folder.mkdir(parents=True, exist_ok=True)
    outcome = run.step("retraining", lambda: _retrain(run, task))
    for name in outcome["files"]:
        path = run.folder / name
        run.keep(path, _MEDIA_TYPES[path.suffix])
    result = {"loss": request.loss, "version": request.version} | outcome
    with run.writing.begin() as session:
        runs.succeed(session, run.job.id, run.job.attempt, result)


def _task(run: runs.Run, request: RetrainingRequest) -> RetrainingTask:
    with run.reading() as session:
        source = datasets.get(session, request.dataset).source
        loss = zoo.get(session, request.loss, request.version).document
    shared = {"network", "training", "scoring", "split", "seed", "checkpoint_every"}
    return RetrainingTask.model_validate(
        {"dataset": source, "loss": loss, **request.model_dump(include=shared)}
    )


def _retrain(run: runs.Run, task: RetrainingTask) -> dict[str, Any]:
    total = task.training.iterations

    told = 0

    def tell(done: int, loss: float) -> None:
        nonlocal told
        if done - told >= total / _MOST_PROGRESS_EVENTS or done == total:
            told = done
            body = {"done": done, "total": total, "loss": loss if isfinite(loss) else None}
            run.tell("progress", body)

    try:
        result: RetrainingResult = run.pool.retrain(
            task, run.folder, on_progress=tell, should_stop=run.should_stop
        )
    except Stopped as stopped:
        raise runs.Interrupted from stopped
    if told < total:  # the pool looks now and then, and may miss the last steps
        run.tell("progress", {"done": total, "total": total, "loss": None})
    plain = {"metrics": dict(result.metrics), "files": list(result.files)}
    return json.loads(json.dumps(plain | {"seconds": result.seconds}))  # type: ignore[no-any-return]
