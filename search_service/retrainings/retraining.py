"""A retraining: a full training with a loss of the zoo, its metrics and weights as artifacts."""

import json
from typing import Any

from search_service.catalogue import datasets, losses
from search_service.catalogue.datasets import source_of
from search_service.jobs import following
from search_service.jobs.run import Run, succeed
from search_service.loss_networks import supply
from search_service.retrainings import model_card
from search_service.retrainings.request import RetrainingRequest
from surrogate_zoo.losses.document import with_scale
from workers.tasks.base import fields_of
from workers.tasks.retraining import WEIGHTS, MlflowSpec, RetrainingTask, SingleRetrainingOptions


def run(run: Run) -> None:
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
        loss = losses.document(session, request.loss, request.loss_versions)
    if request.scale is not None:
        loss = with_scale(loss, request.scale)
    networks = supply.ensure(
        run, dataset, [loss], request.loss_networks, request.loss_network_specs
    )
    task = RetrainingTask(
        dataset=source_of(dataset),
        loss=loss,
        loss_networks=supply.paths(run, networks),
        mlflow=_mlflow(run),
        **fields_of(request, SingleRetrainingOptions),
    )
    outcome = run.step("retraining", lambda: _retrain(run, task))
    artifacts = {name: run.keep(run.folder / name) for name in outcome["files"]}
    card = run.folder / model_card.NAME
    text = model_card.render(
        request,
        dataset,
        loss,
        outcome,
        networks=networks,
        job_id=run.job.id,
        weights_sha256=artifacts[WEIGHTS].sha256,
    )
    card.write_text(text, encoding="utf-8")
    run.keep(card)
    names = request.model_dump(include={"loss", "version", "versions"})
    result = names | outcome | {"files": [*artifacts, card.name], "loss_networks": networks}
    with run.writing.begin() as session:
        succeed(session, run.job.id, run.job.attempt, result)


def _mlflow(run: Run) -> MlflowSpec | None:
    """Where MLflow is to log, under the job's id."""
    address = run.settings.mlflow_tracking_uri
    if address is None:
        return None
    return MlflowSpec(tracking_uri=address.get_secret_value(), run=run.job.id)


def _retrain(run: Run, task: RetrainingTask) -> dict[str, Any]:
    total = task.training.iterations
    result = following.follow(run, task, run.folder, total=total)
    for remark in result.remarks:
        run.tell("remark", {"text": remark})
    plain = {"metrics": dict(result.metrics), "files": list(result.files)}
    plain |= {"objects": dict(result.objects)} if result.objects else {}
    return json.loads(json.dumps(plain | {"seconds": result.seconds}))  # type: ignore[no-any-return]
