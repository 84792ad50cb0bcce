"""What jobs choose from: datasets, and the registries of the service; losses are beside it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic

from pydantic import BaseModel, RootModel

from api.catalogue_schemas import DatasetView, LossNetworkView
from api.client.addresses import segment
from api.client.downloads import download
from api.client.jobs import Jobs
from api.client.named_file import NamedFile
from api.client.transport import Transport
from api.job_schemas import JobView
from api.schemas import AuditEntryView, Health, Item, Items, NumberedPage, Page
from search_service.deletion import Deletion
from search_service.registrations.request import RegistrationRequest


class Catalogue(Generic[Item]):
    """A registry of the service, such as its metrics.

    Args:
        transport: The service.
        path: Where it is.
        answer: What the service answers there.
    """

    def __init__(self, transport: Transport, path: str, answer: type[Items[Item]]) -> None:
        self._transport = transport
        self._path = path
        self._answer = answer

    def list(self) -> Sequence[Item]:
        """All entries."""
        return self._transport.read(self._answer, self._path).items


class _Registered(RootModel[DatasetView | JobView]):
    """A dataset's entry, or the registration that goes on."""


class Datasets:
    """The registered datasets, and the loss networks that were trained on their masks."""

    def __init__(self, transport: Transport, registrations: Jobs[RegistrationRequest]) -> None:
        self._transport, self._registrations = transport, registrations

    def list(self, *, page_size: int = 50) -> Iterator[DatasetView]:
        """All datasets, by name; fetched page by page."""
        return self._transport.pages(Page[DatasetView], "/v1/datasets", limit=page_size)

    def get(self, name: str) -> DatasetView:
        """One dataset with its report: classes, sizes, shares of pixels, fingerprint."""
        return self._transport.read(DatasetView, self._of(name))

    def register(
        self, request: RegistrationRequest | Mapping[str, object] | None = None, /, **fields: object
    ) -> DatasetView:
        """Register a dataset, and wait until the service has read every file of it.

        :attr:`api.client.client.Client.registrations` submits without waiting, and tells how far it is.

        Args:
            request: The request, or fields of it.
            fields: Fields of the request (``name``, ``source``), in place of those in ``request``.

        Raises:
            ServiceError: The service refused it at once.
            JobError: Something is wrong with its files.
        """
        given = request.model_dump(mode="json") if isinstance(request, BaseModel) else request or {}
        answer = self._transport.post(
            _Registered, "/v1/datasets", {**given, **fields}, query={"wait": ["0"]}
        ).root
        if isinstance(answer, DatasetView):
            return answer
        self._registrations.wait(answer.id)
        return self.get(answer.request["name"])

    def delete(self, name: str, *, dry_run: bool = False) -> Deletion:
        """Delete a dataset's entry that no job names, as an administrator; its folder stays."""
        return self._transport.delete(Deletion, self._of(name), dry_run=dry_run)

    def picture(self, name: str) -> NamedFile:
        """A picture of nine training samples with their labels."""
        return self._transport.file(f"{self._of(name)}/picture")

    def loss_networks(self, name: str, *, page_size: int = 50) -> Iterator[LossNetworkView]:
        """The loss networks of a dataset, the newest first; fetched page by page."""
        path = f"{self._of(name)}/loss-networks"
        return self._transport.pages(NumberedPage[LossNetworkView], path, limit=page_size)

    def download_loss_network(self, name: str, sha256: str, target: Path) -> Path:
        """Fetch the weights of a loss network; goes on where an earlier download broke off.

        Raises:
            StorageError: They cannot be written there.
        """
        path = f"{self._of(name)}/loss-networks/{segment(sha256)}"
        return download(self._transport, path, target, sha256=sha256)

    def _of(self, name: str) -> str:
        return f"/v1/datasets/{segment(name)}"


class AuditLog:
    """Who changed what, and whether the service let them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, page_size: int = 100) -> Iterator[AuditEntryView]:
        """All entries, the newest first; fetched page by page.

        Raises:
            ServiceError: The token is no administrator's.
        """
        return self._transport.pages(NumberedPage[AuditEntryView], "/v1/audit", limit=page_size)


class Service:
    """How the service itself is."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def live(self) -> Health:
        """Whether the process answers at all."""
        return self._transport.read(Health, "/livez")

    def ready(self) -> Health:
        """Whether it takes requests; warns if no controller runs."""
        return self._transport.read(Health, "/readyz")

    def figures(self) -> str:
        """Figures of the process in Prometheus's text format."""
        return self._transport.text("/metrics")
