"""Loss networks: trained as jobs of their own, or on the way by a job whose loss asks for one.

The weights lie among the artifacts under their SHA-256; the zoo knows them by the fingerprint of the
data set whose masks they were trained on.
"""

from search_service.catalogue import datasets
from search_service.catalogue.datasets import source_of
from search_service.jobs.run import Run, succeed
from search_service.loss_networks.request import LossNetworkRequest
from search_service.loss_networks.supply import facts_of, stored, train_network
from surrogate_zoo.store import zoo
from workers.tasks.base import fields_of
from workers.tasks.loss_networks import (
    LossNetworkOptions,
    LossNetworkResult,
    LossNetworkTask,
)


def run(run: Run) -> None:
    """Train a loss network to its end, and publish it.

    Raises:
        Interrupted: The job is to pause or to stop; it begins anew when it is resumed.
        LossfitError: The network cannot be trained.
    """
    request = LossNetworkRequest.model_validate(run.job.request)
    with run.reading() as session:
        dataset = datasets.get(session, request.dataset)
    task = LossNetworkTask(dataset=source_of(dataset), **fields_of(request, LossNetworkOptions))
    trained = LossNetworkResult.model_validate(
        run.step(
            "loss network", lambda: train_network(run, task, run.folder).model_dump(mode="json")
        )
    )
    row = stored(run, dataset, task, trained, run.folder)
    with run.writing() as session:
        published = zoo.publish_loss_network(session, row)
        outcome = facts_of(published) | {"parameters": trained.parameters}
        outcome |= {"files": [trained.file], "seconds": trained.seconds}
        # Published only if the job may still succeed: both together, or neither.
        if succeed(session, run.job.id, run.job.attempt, outcome):
            session.commit()
