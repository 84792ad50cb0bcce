"""A typed client of the service: REST over httpx, with the models that the service itself answers with.

::

    with Client("http://127.0.0.1:8000") as client:
        job = client.searches.submit(metric="miou", dataset="shapes", preset="quick")
        job = client.searches.wait(job.id, on_event=print)
        client.losses.download(job.result["loss"])

Needs no torch. Every error is one message: :mod:`api.client.errors`.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from api.catalogue_schemas import CurveFamilyView, MetricView, NetworkView, SamplerView
from api.client.addresses import segment
from api.client.catalogues import AuditLog, Catalogue, Datasets, Service
from api.client.errors import ServiceError, StrangerError
from api.client.jobs import Comparisons, Jobs, Searches
from api.client.losses import Losses
from api.client.transport import Transport
from api.client.trials import Trials, patiently
from api.job_schemas import JobDetail, JobView
from api.overview_schemas import JobSummary
from api.schemas import Items, KindView, Page, WorkerView
from search_service.kinds import KINDS
from search_service.loss_networks.request import LossNetworkRequest
from search_service.registrations.request import RegistrationRequest
from search_service.retrainings.request import RetrainingRequest
from search_service.store.states import State

_MOST_JOBS: Final = 1000
_NO_JOB: Final = "There is no job {!r}; 'lossfit jobs list' shows them."
"""Of those that are looked through for one whose id begins as it is told."""


class Client:
    """A connection to one service. A context manager; not shared between threads.

    Proxies of the environment are used, but for a service on this machine.

    Args:
        url: Where the service is, e.g. ``http://127.0.0.1:8000``.
        token: Its bearer token, where it has one.

    Raises:
        InputError: That cannot be an address, or not a token.

    Attributes:
        url: Where the service is, without a password.
        searches: The searches, with their trials.
        retrainings: The retrainings.
        comparisons: The comparisons, with their cells.
        loss_networks: The trainings of loss networks.
        registrations: The registrations of datasets.
        jobs: The collections of jobs of every kind.
        kinds: The kinds of jobs, as the service has them.
        losses: The zoo.
        datasets: The registered datasets.
        metrics: What a search can aim at.
        networks: What can be trained.
        samplers: What may propose the candidates of a search.
        curve_families: What a search may shape its surrogate with.
        workers: Who trains, and what they do.
        audit: Who changed what; for administrators.
        health: How the service itself is.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        transport = Transport(url, token)
        self._transport = transport
        self.url = transport.url
        self.searches = Searches(transport, _path("search"))
        self.retrainings = Jobs[RetrainingRequest](transport, _path("retraining"))
        self.comparisons = Comparisons(transport, _path("comparison"))
        self.loss_networks = Jobs[LossNetworkRequest](transport, _path("loss-network"))
        self.registrations = Jobs[RegistrationRequest](transport, _path("registration"))
        named: tuple[Jobs[Any], ...] = (self.searches, self.retrainings, self.comparisons)
        named += (self.loss_networks, self.registrations)
        collections: dict[str, Jobs[Any]] = {jobs.path: jobs for jobs in named}
        self.jobs: tuple[Jobs[Any], ...] = tuple(
            collections.get(_path(kind)) or Jobs[Any](transport, _path(kind)) for kind in KINDS
        )
        self.kinds = Catalogue(transport, "/v1/kinds", Items[KindView])
        self.losses = Losses(transport)
        self.datasets = Datasets(transport, self.registrations)
        self.metrics = Catalogue(transport, "/v1/metrics", Items[MetricView])
        self.networks = Catalogue(transport, "/v1/networks", Items[NetworkView])
        self.samplers = Catalogue(transport, "/v1/samplers", Items[SamplerView])
        self.curve_families = Catalogue(transport, "/v1/curve-families", Items[CurveFamilyView])
        self.workers = Catalogue(transport, "/v1/workers", Items[WorkerView])
        self.audit = AuditLog(transport)
        self.health = Service(transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()

    def search(
        self,
        metric: str | Sequence[str],
        *,
        num_classes: int,
        key: str | None = None,
        lease_s: float = 300.0,
        worker: str | None = None,
        **fields: object,
    ) -> Trials:
        """Search the loss that fits a metric, with trainings of one's own.

        ::

            for trial in client.search("miou", num_classes=19, key="streets"):
                with trial:
                    trial.tell(train(trial.loss(), trial.rate, trial.seed))

        Programs that give the same key and request share the trials of one search.

        Args:
            metric: What to search for: ``miou``, ``miou+bf1`` for one loss for both, ``["miou", "bf1"]``
                for one for each.
            num_classes: Classes of the data.
            key: Idempotency key: the same key and request make one search, also where the service is away
                for a while.
            lease_s: See :meth:`api.client.jobs.Searches.train`.
            worker: See there.
            fields: Further fields of the request, such as ``steps``, ``sampler`` and ``race``.

        Raises:
            ServiceError: The service refused it, or cannot be reached.
        """
        sought = {"metric": metric} if isinstance(metric, str) else {"metrics": list(metric)}
        told = {"trainer": "external", "num_classes": num_classes}
        body = {**sought, **told, **fields}

        def submitted() -> JobView:
            return self.searches.submit(body, key=key)

        # With a key a request that is sent again is no second search.
        job = submitted() if key is None else patiently(submitted)
        return self.searches.train(job.id, lease_s=lease_s, worker=worker)

    def overview(
        self,
        *,
        kinds: Sequence[str] | None = None,
        states: Sequence[State] | None = None,
        tags: Sequence[str] | None = None,
        text: str | None = None,
        page_size: int = 50,
    ) -> Iterator[JobSummary]:
        """The jobs of every kind in one list, the newest first; fetched page by page.

        Args:
            kinds: Only these, such as ``search``.
            states: Only jobs in these states.
            tags: Only jobs with all of these.
            text: What their ids begin with, or their datasets, metrics, losses, names, notes or tags
                contain.
            page_size: Jobs a page.
        """
        chosen = {"kind": kinds, "state": states, "tag": tags, "text": text}
        return self._transport.pages(Page[JobSummary], "/v1/jobs", **chosen, limit=page_size)

    def find(self, job_id: str) -> tuple[Jobs[Any], JobDetail]:
        """A job whose kind is not known, and the collection that has it.

        Args:
            job_id: Its id, or how that begins.

        Raises:
            ServiceError: There is none of that id, or there are several.
        """
        whole = self.id_of(job_id)
        try:
            job = self._transport.read(JobDetail, f"/v1/jobs/{segment(whole)}")
        except ServiceError as error:
            if error.status != 404 or isinstance(error, StrangerError):
                raise
            raise ServiceError(_NO_JOB.format(job_id), 404) from error
        return next(jobs for jobs in self.jobs if jobs.path == _path(job.kind)), job

    def id_of(self, beginning: str) -> str:
        """The id of the one job whose id begins so; a whole id comes back without a request.

        Raises:
            ServiceError: There is none of that id, or there are several.
        """
        return _whole(beginning) or self._summary_of(beginning).id

    def _summary_of(self, beginning: str) -> JobSummary:
        sought = _whole(beginning) or beginning.lower()
        listed = islice(self.overview(text=sought, page_size=100), _MOST_JOBS) if sought else ()
        found = [job for job in listed if job.id.startswith(sought)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(job.id for job in found[:5])
            raise ServiceError(
                f"{len(found)} jobs have ids that begin with {beginning!r}: {ids}"
                f"{', ...' if len(found) > 5 else ''}. Write more of it."
            )
        raise ServiceError(_NO_JOB.format(beginning), 404)


def _whole(text: str) -> str | None:
    """A whole id as the service writes it; None of what is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _path(kind: str) -> str:
    return f"/v1/{KINDS[kind].path}"
