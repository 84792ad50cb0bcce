"""A retraining: a full training with a loss of the zoo, its metrics and weights as artifacts."""

import json
from typing import Any

from search_service.catalogue import datasets, losses
from search_service.jobs import following as trainings
from search_service.jobs import run as runs
from search_service.loss_networks import supply
from search_service.retrainings import model_card
from search_service.retrainings.request import RetrainingRequest
from workers.tasks.retraining import WEIGHTS, MlflowSpec, RetrainingTask

_SHARED = {
    *("network", "training", "scoring", "inference", "split", "seed"),
    *("checkpoint_every", "devices", "early_stop", "log"),
}


def run(run: runs.Run) -> None:
    """Run a retraining to its end, from its last checkpoint where there is one.

    What the loss needs of loss networks is found in the zoo, or trained first. Checkpoints lie in
    the job's folder below ``settings.home``; workers on other machines must see the same folder.

    Raises:
        Interrupted: The job is to pause or to stop; the last checkpoint is kept.
        LossfitError: The training cannot be run.
    """
    request = RetrainingRequest.model_validate(run.job.request)
    with run.reading() as session:
        dataset = datasets.get(session, request.dataset)
        loss = losses.document(session, request)
    networks = supply.ensure(run, dataset, [loss])
    task = RetrainingTask.model_validate(
        {
            "dataset": dataset.source,
            "loss": loss,
            "loss_networks": supply.paths(run, networks),
            "mlflow": _mlflow(run),
            **request.model_dump(include=_SHARED),
        }
    )
    outcome = run.step("retraining", lambda: _retrain(run, task))
    kept = {name: run.keep(run.folder / name) for name in outcome["files"]}
    card = run.folder / model_card.NAME
    text = model_card.render(
        request,
        dataset,
        loss,
        outcome,
        networks=networks,
        job_id=run.job.id,
        weights_sha256=kept[WEIGHTS].sha256,
    )
    card.write_text(text, encoding="utf-8")
    run.keep(card)
    asked = request.model_dump(include={"loss", "version", "versions"})
    result = asked | outcome | {"files": [*kept, card.name], "loss_networks": networks}
    with run.writing.begin() as session:
        runs.succeed(session, run.job.id, run.job.attempt, result)


def _mlflow(run: runs.Run) -> MlflowSpec | None:
    """Where MLflow is to log, under the job's id."""
    address = run.settings.mlflow_tracking_uri
    if address is None:
        return None
    return MlflowSpec(tracking_uri=address.get_secret_value(), run=run.job.id)


def _retrain(run: runs.Run, task: RetrainingTask) -> dict[str, Any]:
    total = task.training.iterations
    result = trainings.follow(run, run.pool.retrain, task, run.folder, total=total)
    plain = {"metrics": dict(result.metrics), "files": list(result.files)}
    return json.loads(json.dumps(plain | {"seconds": result.seconds}))  # type: ignore[no-any-return]
